"""What can be made to go wrong in a service, and the faults that outlive a restart.

``POST /knobs`` turns them while it runs and they end with the process. What stands in the file
``knobs/SERVICE.json`` or in the variable ``EVERUP_KNOBS`` holds from the start of every new
process: that is how a crash loop or a bad deploy survives a restart.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

HANGS = ("", "block", "stop")


class BadKnob(ValueError):
    """There is no such knob, or it cannot be turned that far."""


@dataclass
class Knobs:
    """All at rest unless said otherwise."""

    leak_mb_per_s: float = 0.0
    """Memory that only a restart gives back."""
    cache_mb_per_s: float = 0.0
    """Memory that ``POST /cache/clear`` gives back."""
    slow_ms: float = 0.0
    """Delay of every answer, health included."""
    work_ms: float = 0.0
    """Time that one unit of work holds one of the few seats: how an overload is made."""
    fail: bool = False
    """Answer 500 to everything, health included."""
    hang: str = ""
    """``block``: the event loop sleeps, deaf to SIGTERM. ``stop``: the process stops itself."""
    hang_s: float = 300.0
    """How long ``block`` lasts at most. ``stop`` lasts until SIGCONT or SIGKILL."""
    hold_mib: float = 0.0
    """So much memory is held, no more and no less: how whoever turns it gives a leak its shape."""
    hold_files: float = 0.0
    """So many files are held open, as far as the process may."""
    connections_most: float = 0.0
    """Who connects beyond so many is turned away at once. 0: no bound."""
    accept_ms: float = 0.0
    """So long after letting one in the next one is. Of use from the start only."""
    scratch: bool = False
    """Each answer needs a page of scratch space on the disk of its working folder, or is a 500."""
    stale: bool = False
    """Do not replace lost connections until ``POST /reconnect``."""
    exit_code: int | None = None
    """Exit with this code after answering."""
    exit_on_start: int | None = None
    """Exit with this code ``after_s`` after the start. Of use in the file only."""
    after_s: float = 0.0

    def turn(self, wishes: dict[str, Any]) -> None:
        """Sets the named knobs, all or none. ``hang: true`` means ``block``."""
        checked = {name: _check(name, value) for name, value in wishes.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def show(self) -> dict[str, Any]:
        return asdict(self)


_DEFAULTS = {knob.name: knob.default for knob in fields(Knobs)}
_MOST = {
    "leak_mb_per_s": 500.0,
    "cache_mb_per_s": 500.0,
    "slow_ms": 60_000.0,
    "work_ms": 60_000.0,
    "hold_mib": 1_024.0,
    "hold_files": 10_000.0,
    "connections_most": 10_000.0,
    "accept_ms": 10_000.0,
    "hang_s": 3_600.0,
    "after_s": 3_600.0,
    "exit_code": 255,
    "exit_on_start": 255,
}


def _check(name: str, value: Any) -> Any:
    if name not in _DEFAULTS:
        raise BadKnob(f"no knob {name!r}; there are {', '.join(_DEFAULTS)}")
    if name == "hang":
        if value is None or isinstance(value, bool):
            value = "block" if value else ""
        if value not in HANGS:
            raise BadKnob(f"hang is one of {', '.join(map(repr, HANGS))}, not {value!r}")
        return value
    if isinstance(_DEFAULTS[name], bool):
        if not isinstance(value, bool):
            raise BadKnob(f"{name} is true or false, not {value!r}")
        return value
    if value is None and _DEFAULTS[name] is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadKnob(f"{name} is a number, not {value!r}")
    if not 0 <= value <= _MOST[name]:
        raise BadKnob(f"{name} lies between 0 and {_MOST[name]:g}, not at {value!r}")
    return int(value) if _DEFAULTS[name] is None else float(value)


def knobs_at_start(service: str, environment: os._Environ[str] | dict[str, str]) -> Knobs:
    """The knobs of a new process: ``EVERUP_KNOBS``, then the file, which wins.

    Raises BadKnob if one of them cannot be read: a service with a corrupt configuration does not
    start.
    """
    knobs = Knobs()
    for source, text in _sources(service, environment):
        try:
            knobs.turn(json.loads(text))
        except (ValueError, AttributeError) as error:
            raise BadKnob(f"{source}: {error}") from error
    return knobs


def _sources(service: str, environment: os._Environ[str] | dict[str, str]) -> list[tuple[str, str]]:
    sources = []
    if environment.get("EVERUP_KNOBS"):
        sources.append(("EVERUP_KNOBS", environment["EVERUP_KNOBS"]))
    if environment.get("EVERUP_KNOBS_DIR"):
        path = Path(environment["EVERUP_KNOBS_DIR"]) / f"{service}.json"
        if path.is_file():
            sources.append((str(path), path.read_text(encoding="utf-8")))
    return sources
