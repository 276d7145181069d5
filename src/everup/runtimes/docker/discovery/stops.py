"""How a container is asked to end, by image, owner and labels. Pure; called by `specs`."""

from __future__ import annotations

import re
import signal

from everup.model.stack import StopSpec
from everup.runtimes.docker.discovery.container import Container
from everup.runtimes.docker.discovery.notes import Note, shown

DEFAULT = StopSpec()
ENDLESS_GRACE_S = 600.0
"""For a stop timeout of −1, "as long as it takes": nothing of ours waits without an end."""
GRACE_MOST_S = 3600.0
_REAL_TIME = re.compile(r"SIGRT(MIN\+|MAX-)\d{1,2}")


def stop_spec(one: Container, grace_s: float | None, notes: list[Note]) -> StopSpec:
    """The signal of the image or its owner, and the grace: from a label, else the container's."""
    name = _signal(one.stop_signal)
    if name is None:
        text = f"its stop signal {shown(one.stop_signal)} is unknown here, so SIGTERM is used"
        notes.append(Note(f"container {one.name}", text))
    if grace_s is None:
        grace_s = one.stop_timeout_s
    if grace_s is None:
        grace_s = DEFAULT.grace_s
    elif grace_s < 0:
        grace_s = ENDLESS_GRACE_S
    return StopSpec(name or DEFAULT.signal, min(grace_s, GRACE_MOST_S))


def _signal(written: str) -> str | None:
    """`SIGQUIT`, `QUIT` and `3` are the same one; None when there is no such signal."""
    if not written:
        return DEFAULT.signal
    word = written.strip().upper()
    if word.isascii() and word.isdigit() and len(word) < 4:
        try:
            return signal.Signals(int(word)).name
        except ValueError:
            return None
    word = word if word.startswith("SIG") else f"SIG{word}"
    return word if word in signal.Signals.__members__ or _REAL_TIME.fullmatch(word) else None
