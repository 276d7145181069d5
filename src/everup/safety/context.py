"""What the gate looks at, as one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from everup.model.assessment import Assessment
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import Memory, StackState


@dataclass(frozen=True, slots=True)
class Context:
    """`hard_closure`: service → all that it needs. `local_minute`, `weekday`: the owner's clock,
    handed in because the gate has none. `cannot_act`: why this controller may not act at all."""

    stack: Stack
    settings: Settings
    observation: Observation
    assessment: Assessment
    state: StackState
    memory: Memory
    hard_closure: Mapping[str, tuple[str, ...]]
    local_minute: int
    weekday: int
    cannot_act: str = ""

    @property
    def now_s(self) -> float:
        """The observation's time."""
        return self.observation.at_s
