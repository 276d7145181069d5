"""The journal's entries about what services run from: seen, kept, watched, measured.

Part of `entries`, which is where everybody takes them from.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.kinds import UNKNOWN
from everup.model.probation import ProbationEnding


@dataclass(frozen=True, slots=True)
class VersionSeen:
    """A service runs from another image or configuration than before; `before` "": it is seen for
    the first time, or nobody can compare the two. `at_s`: when its newest instance began."""

    at_s: float
    service: str
    version: str
    before: str = ""


@dataclass(frozen=True, slots=True)
class SafePointKept:
    """What runs was well over its probation, and is kept to go back to."""

    at_s: float
    service: str
    version: str
    title: str
    image: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class SafePointForgotten:
    """It cannot be gone back to any more, and nothing is held for it."""

    at_s: float
    service: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProbationBegan:
    """A service was changed, by whomever, and is watched closely from now on. `before` and `after`
    are versions; `changed_at_s`: when the newest instance began."""

    at_s: float
    service: str
    before: str
    after: str
    changed_at_s: float
    by: str = ""


@dataclass(frozen=True, slots=True)
class RegressionSeen:
    """This version was measured to do worse than what ran before the change: numbers before and
    after in `reason`."""

    at_s: float
    service: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class ProbationEnded:
    """The one ending of a probation, and what was seen on the way."""

    at_s: float
    service: str
    ending: ProbationEnding
    reason: str
    evidence: tuple[str, ...] = ()
    began_at_s: float = UNKNOWN
