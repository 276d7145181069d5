"""The court: hears of every deed and every committed entry, and keeps what was violated.

Flows in: world, chronicle, the holder of the journal. Flows out: violations, each with its promise,
time and story. Made by `runner`; the judges are asked at each deed, at each entry, and at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from everup.model.entries import Entry, Intended
from everup.model.kinds import Origin
from everup.model.settings import Settings
from everup.runtimes.simulated.ledger import Deed
from everup.runtimes.simulated.world import World
from everup.simulation.chronicle import Action, Chronicle
from everup.simulation.demand import Demand

VIOLATIONS_MOST = 20


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    at_s: float
    promise: str
    text: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.text}"


@dataclass(frozen=True, slots=True)
class Case:
    """What a judge may look at. `holder`: the life that took the journal last."""

    world: World
    chronicle: Chronicle
    settings: Settings
    holder: Callable[[], int]
    hard_closure: dict[str, tuple[str, ...]]
    demand: Demand | None = None


Objection = tuple[str, str]  # promise, what happened
DeedJudge = Callable[[Case, Deed, Action | None], list[Objection]]
IntentJudge = Callable[[Case, Action, int], list[Objection]]
EndJudge = Callable[[Case], list[Objection]]


class Court:
    """Judges as it goes; `violations` is bounded."""

    def __init__(
        self,
        case: Case,
        *,
        of_deeds: tuple[DeedJudge, ...],
        of_intents: tuple[IntentJudge, ...],
        of_the_end: tuple[EndJudge, ...],
    ) -> None:
        self.violations: list[Violation] = []
        self.is_over = False
        self._case = case
        self._of_deeds, self._of_intents, self._of_the_end = of_deeds, of_intents, of_the_end
        case.world.ledger.listeners.insert(0, self._hear_deed)
        case.chronicle.listeners.append(self._hear_entry)

    def _hear_deed(self, deed: Deed) -> None:
        if self.is_over:
            return
        action = self._case.chronicle.note_deed(deed)
        for judge in self._of_deeds:
            self._note(judge(self._case, deed, action))

    def _hear_entry(self, entry: Entry, life: int) -> None:
        if self.is_over or not isinstance(entry, Intended):
            return
        action = self._case.chronicle.actions[-1]
        for judge in self._of_intents:
            self._note(judge(self._case, action, life))

    def end(self) -> None:
        """The run is over: judge what should have ended."""
        for judge in self._of_the_end:
            self._note(judge(self._case))
        self.is_over = True

    def judge(self, judge: EndJudge) -> None:
        """Ask one judge now."""
        self._note(judge(self._case))

    def broke(self, text: str) -> None:
        """Something that must never happen at all."""
        self._note([("engine", text)])

    def _note(self, objections: list[Objection]) -> None:
        for promise, text in objections:
            violation = Violation(self._case.world.now(), promise, text)
            self._case.world.tell(f"VIOLATION {violation}")
            if len(self.violations) < VIOLATIONS_MOST:
                self.violations.append(violation)


def is_scaling(action: Action | None) -> bool:
    """Another number of instances, of Everup's own accord."""
    return action is not None and action.intent.origin is Origin.SCALING


def is_own(action: Action | None) -> bool:
    """Everup's initiative. A deed without an intent counts as one."""
    return action is None or action.intent.origin is not Origin.PERSON
