"""The journal's entries about restores; see `model.entries`, of which they are a part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.kinds import Origin
from everup.model.restore import RestoreEnding, RestoreStep


@dataclass(frozen=True, slots=True)
class RestoreBegan:
    """Services go back together, one after the other. `steps` hold what each runs from now, which
    is kept until this has ended, so that there is a way back."""

    at_s: float
    restore_id: str
    by: str
    reason: str
    steps: tuple[RestoreStep, ...]
    snapshot_id: str = ""
    back_to_id: str = ""
    origin: Origin = Origin.PERSON
    overrides: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestoreTurned:
    """It goes no further: what it has changed is put back."""

    at_s: float
    restore_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class RestoreEnded:
    """All of it is new, or all of it is as before; or a person has to see to it."""

    at_s: float
    restore_id: str
    ending: RestoreEnding
    reason: str
