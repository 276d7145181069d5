"""A service that was changed is on probation until that ends: safe, gone back, or with a person.

Begun and ended by the loop, judged by `rollback_manager.probation`; state is a fold of the journal,
so that each one ends once, whatever restarts and further changes come between.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from everup.model.kinds import UNKNOWN

TOGETHER_S = 60.0
"""Changes of joined services that are no farther apart were made together."""


class ProbationEnding(StrEnum):
    """How it ended."""

    SAFE_POINT = "safe_point"
    ROLLED_BACK = "rolled_back"
    ESCALATED = "escalated"


@dataclass(frozen=True, slots=True)
class Probation:
    """`began_at_s`: when the first change of it was made. `before`: the version that ran until
    then. `with_a_person`: the escalated incident of that moment, which is not about it."""

    began_at_s: float
    before: str
    with_a_person: str | None = None
    ended_at_s: float = UNKNOWN
    ending: ProbationEnding | None = None


@dataclass(frozen=True, slots=True)
class Worse:
    """It was measured to do worse than before it was changed: numbers in `reason`. `version`: as
    `ServiceState.runs_as` says it."""

    version: str
    reason: str
    at_s: float
