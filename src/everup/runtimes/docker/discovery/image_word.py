"""What of a label counts that stands in the image too: only what holds Everup back. Pure.

Whoever built an image is not who runs it, and the engine shows both as the container's labels. So
one that equals its image's may restrain and never loosen: no mode of more than observe, no care
dropped, no hook, no probe, no consent. An image that cannot be read may say all of it.
Called by `labels`, with one label at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from everup.model.kinds import Mode
from everup.model.stack import FREEZE_LABEL, NO_WORDS, YES_WORDS

IMAGE_LABELS = "ImageLabels"
"""Where whoever asks the engine puts the image's labels beside the document of a container; None:
the image could not be read."""

MODE_PREFIX = "everup.mode."


def _mode(text: str) -> str | None:
    return None if text.strip().lower() == Mode.AUTO else Mode.OBSERVE.value


def _as_it_is(text: str) -> str | None:
    return text


_COUNTS: Mapping[str, Callable[[str], str | None]] = {
    "everup.enable": _as_it_is,
    FREEZE_LABEL: _as_it_is,
    "everup.own": _as_it_is,
    "everup.mode": _mode,
    "everup.stateful": lambda t: None if t.strip().lower() in NO_WORDS else t,
    "everup.one_way": lambda t: t if t.strip().lower() in YES_WORDS else None,
    "everup.one_shot": lambda t: t if t.strip().lower() in YES_WORDS else None,
    "everup.probe": lambda t: t if t.strip().lower() == "none" else None,
}


def what_counts(name: str, value: str, known: frozenset[str]) -> str | None:
    """The value of an image's label that counts; None: nothing of it. One that is not `known` does
    nothing but hold back, if it looks like that."""
    if name in _COUNTS:
        return _COUNTS[name](value)
    if name.startswith(MODE_PREFIX):
        return _mode(value)
    return None if name in known or name.startswith("everup.hook.") else value
