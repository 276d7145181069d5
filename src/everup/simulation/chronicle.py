"""The record of one run: what was truly committed, what truly reached the world, when, by whom.

Flows in: committed entries from the journal's doors and deeds from the world's ledger. Flows out:
each action as one value with its intent, its calls and its end, for invariants to judge. It knows
nothing of the gate and of what any controller believes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from everup.model import entries as e
from everup.model.kinds import ActionKind, Cause, Origin, Purpose
from everup.runtimes.simulated.ledger import Deed


@dataclass(slots=True)
class Action:
    """One intent and what came of it. `ended_at_s` NaN: neither refuted nor verified yet."""

    intent: e.Intended
    life: int
    at_s: float  # when the intent was committed
    deeds: list[Deed] = field(default_factory=list)
    finished: e.Finished | None = None
    finished_at_s: float = float("nan")
    ended_at_s: float = float("nan")
    has_passed: bool = False

    @property
    def id(self) -> str:
        """As in the journal."""
        return self.intent.action_id

    @property
    def service(self) -> str:
        """On which it acts."""
        return self.intent.step.target

    @property
    def kind(self) -> ActionKind:
        """What it does."""
        return self.intent.step.kind

    @property
    def is_own(self) -> bool:
        """Everup's initiative, no person's."""
        return self.intent.origin is not Origin.PERSON

    @property
    def is_open(self) -> bool:
        """Its end is not in the journal."""
        return self.ended_at_s != self.ended_at_s

    @property
    def hit_running(self) -> bool:
        """Did a call of it meet a process that had run for longer than one can fail to notice?"""
        return any(m.is_running and m.ran_s > 15.0 for d in self.deeds for m in d.targets.values())


class Chronicle:
    """`entries` are (committed at, life, entry) in the journal's order."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.entries: list[tuple[float, int, e.Entry]] = []
        self.actions: list[Action] = []
        self.of_service: dict[str, list[Action]] = {}
        self.incidents: dict[str, e.IncidentOpened] = {}
        self.endings: set[str] = set()
        self.escalations: dict[str, e.IncidentEscalated] = {}
        self.with_a_person: set[str] = set()  # services
        self.waiting: dict[str, str] = {}  # open incident → what it says that it waits for
        self.causes: dict[str, Cause] = {}  # incident → its latest diagnosis
        self.started: dict[int, float] = {}  # life → when it took the journal
        self.purposes: dict[str, e.PurposeSet] = {}
        self.freezes: dict[str, e.FreezeSet] = {}
        self.listeners: list[Callable[[e.Entry, int], None]] = []
        self._by_id: dict[str, Action] = {}

    def committed(self, life: int, entries: Sequence[e.Entry]) -> None:
        """These are in the journal from now on."""
        for entry in entries:
            self.entries.append((self._now(), life, entry))
            self._take(life, entry)
            for listener in self.listeners:
                listener(entry, life)

    def _take(self, life: int, entry: e.Entry) -> None:
        match entry:
            case e.ControllerStarted():
                self.started[life] = entry.at_s
            case e.Intended():
                self._intend(life, entry)
            case e.Finished():
                self._finish(entry)
            case e.Verified():
                verified = self._by_id[entry.action_id]
                verified.ended_at_s, verified.has_passed = entry.at_s, entry.has_passed
            case e.PurposeSet():
                self.purposes[entry.service] = entry
                self.with_a_person.discard(entry.service)
            case e.FreezeSet():
                self.freezes[entry.scope] = entry
            case e.FreezeLifted():
                self.freezes.pop(entry.scope, None)
            case _:
                self._follow_incident(entry)

    def _follow_incident(self, entry: e.Entry) -> None:
        match entry:
            case e.IncidentOpened():
                self.incidents[entry.incident_id] = entry
                self.causes[entry.incident_id] = entry.cause
            case e.IncidentChanged():
                self.causes[entry.incident_id] = entry.cause
                self.waiting[entry.incident_id] = entry.waiting_for
            case e.GateAnswered() if entry.incident_id is not None:
                self.waiting[entry.incident_id] = f"{entry.check}: {entry.reason}"
            case e.IncidentResolved():
                self.endings.add(entry.incident_id)
            case e.IncidentEscalated():
                self.endings.add(entry.incident_id)
                self.escalations[entry.incident_id] = entry
                self.with_a_person.add(entry.service)
            case e.PersonAnswered():
                self.with_a_person.discard(entry.service)

    def _intend(self, life: int, entry: e.Intended) -> None:
        action = Action(entry, life, self._now())
        self.actions.append(action)
        self.of_service.setdefault(action.service, []).append(action)
        self._by_id[action.id] = action
        if entry.incident_id is not None:
            self.waiting.pop(entry.incident_id, None)
        if not action.is_own and entry.step.undoes is None:  # a way back is nobody's new wish
            self.with_a_person.discard(action.service)

    def _finish(self, entry: e.Finished) -> None:
        action = self._by_id[entry.action_id]
        action.finished, action.finished_at_s = entry, self._now()
        if entry.outcome == "failed":
            action.ended_at_s = entry.at_s

    def note_deed(self, deed: Deed) -> Action | None:
        """The action that this call belongs to: the open one of its service that has no outcome."""
        for action in reversed(self.of_service.get(deed.service, ())):
            if action.finished is None:
                action.deeds.append(deed)
                return action
        return None

    def was_foretold(self, service: str, at_s: float) -> bool:
        """Does a prediction for it stand in the journal that was open then?"""
        found = False
        for _, _, entry in self.entries:
            if isinstance(entry, e.PredictionMade) and entry.service == service:
                found = found or entry.at_s <= at_s
            elif isinstance(entry, e.PredictionSettled) and entry.service == service:
                found = found and entry.at_s >= at_s
        return found

    def is_stopped(self, service: str) -> bool:
        """Did a person say that it should be stopped, and nobody that it should run?"""
        purpose = self.purposes.get(service)
        return purpose is not None and purpose.purpose is Purpose.STOPPED

    def own_before(self, action: Action) -> list[Action]:
        """Everup's own earlier actions on the same service, oldest first."""
        return [a for a in self.of_service[action.service] if a.is_own and a is not action]
