"""What was seen before, during and after an action, and what the verifier says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from everup.model.decision import Step
from everup.model.kinds import UNKNOWN

ENDED = "ended "
"""Begins the note of a process that had to be killed after its grace."""


KEPT = "kept "
"""Begins the note of a sick instance that is kept aside, or of why it is not."""

ROUTED = "router: "
"""And this one what the router was told, so that it was spared."""


class OutcomeState(StrEnum):
    """`unknown` is looked at before anything else is done; never a second action on top."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one step ended, as far as the caller could tell."""

    step: Step
    state: OutcomeState
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A service at one moment, small enough to keep for ever."""

    at_s: float
    score: float = UNKNOWN
    condition: str = ""
    instances: Mapping[str, str] = field(default_factory=dict)  # name → identity and state
    probe: str = ""
    dependents: Mapping[str, float] = field(default_factory=dict)
    logs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Enough for a stranger to agree that the action helped, or did not."""

    before: Sighting
    during: tuple[str, ...] = ()
    after: Sighting | None = None
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class Pending:
    """Not decided yet; `missing` says what is still to be seen."""

    missing: str


@dataclass(frozen=True, slots=True)
class Passed:
    """It is proven that the action helped."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The action did not help, or made something worse."""

    reason: str


Verification = Pending | Passed | Failed
