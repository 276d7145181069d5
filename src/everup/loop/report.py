"""The report of a period: a tally of the journal's entries, told one after the other. Pure.

Flows in: entries in order, then the state at the end. Flows out: a Report. What began before the
period counts from its start. Time in which no controller ran is not counted at all: nobody looked.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import fmean

from everup.automated_recovery.patience import USUAL, patience_s
from everup.loop.spans import Span, length, overlap
from everup.loop.wrong import SUPERSEDED, Wrongs
from everup.model import entries as e
from everup.model.episode import Ending, Hindsight, quantile
from everup.model.evidence import OutcomeState
from everup.model.kinds import UNKNOWN, ActionKind, Cause, Origin, is_known
from everup.model.report import KindRecord, NaturalEnds, Report, ServiceReport
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import StackState


@dataclass(slots=True)
class _Open:
    """Trouble that has not ended: whom it hurts, and since when."""

    hurt: set[str]
    since_s: float
    until_s: float = UNKNOWN
    root: str = ""  # whose it is, where that is known


class Tally:
    """Tell it every entry of the period, then ask for the report."""

    def __init__(self, stack: Stack, settings: Settings, since_s: float) -> None:
        self._stack, self._settings, self._since_s = stack, settings, since_s
        self._watched: list[Span] = []
        self._watching_s, self._last_s = since_s, since_s
        self._open: dict[str, _Open] = {}
        self._ended: list[_Open] = []
        self._handed: dict[str, str] = {}
        self._known: set[str] = set()
        self._frozen: dict[str, list[Span]] = defaultdict(list)
        self._freezes: dict[str, tuple[float, float]] = {}
        self._episodes: dict[str, list[e.EpisodeEnded]] = defaultdict(list)
        self._escalated: Counter[str] = Counter()
        self._would: Counter[str] = Counter()
        self._actions: dict[str, e.Intended] = {}
        self._begun: Counter[tuple[str, ActionKind, bool]] = Counter()  # True: by a person
        self._ends: Counter[tuple[str, ActionKind, bool, bool]] = Counter()  # the last: it helped
        self._wrongs = Wrongs()

    def tell(self, entry: e.Entry) -> None:
        """One more; entries from before the period are passed over."""
        if entry.at_s < self._since_s:
            return
        self._wrongs.tell(entry)
        match entry:
            case e.ControllerStarted():
                self._watched.append((self._watching_s, self._last_s))
                self._watching_s = entry.at_s
            case e.ControllerStopped():
                self._watched.append((self._watching_s, entry.at_s))
                self._watching_s = float("inf")
            case e.FreezeSet():
                self._thaw(entry.scope, entry.at_s)
                self._freezes[entry.scope] = (entry.at_s, entry.until_s)
            case e.FreezeLifted():
                if entry.scope not in self._frozen:  # it began before the period
                    self._freezes.setdefault(entry.scope, (self._since_s, UNKNOWN))
                self._thaw(entry.scope, entry.at_s)
            case e.Intended() | e.Finished() | e.Verified():
                self._act(entry)
            case _:
                self._trouble(entry)
        self._last_s = max(self._last_s, entry.at_s)

    def _thaw(self, scope: str, at_s: float) -> None:
        start_s, until_s = self._freezes.pop(scope, (at_s, at_s))
        self._frozen[scope].append((start_s, min(at_s, until_s) if is_known(until_s) else at_s))

    def _trouble(self, entry: e.Entry) -> None:
        match entry:
            case e.IncidentOpened():
                self._end_escalated(entry.service, entry.at_s)
                began_s = entry.seen_at_s if is_known(entry.seen_at_s) else entry.at_s
                own = set() if entry.cause is Cause.STOPPED_ON_PURPOSE else {entry.service}
                hurt = own | set(entry.victims)
                self._open[entry.incident_id] = _Open(
                    hurt, max(began_s, self._since_s), root=entry.service
                )
                self._known.add(entry.incident_id)
            case e.IncidentChanged() if entry.incident_id in self._open:
                self._open[entry.incident_id].hurt |= set(entry.victims)
            case e.IncidentResolved():
                self._close(entry.incident_id, entry.service, entry.at_s)
            case e.IncidentEscalated():
                self._escalated[entry.service] += 1
                self._handed[entry.service] = entry.incident_id
            case e.EpisodeEnded():
                self._episodes[entry.service].append(entry)
                if entry.ending is not Ending.ESCALATED:
                    self._close(entry.incident_id, entry.service, entry.began_at_s + entry.lasted_s)
            case e.PersonAnswered():
                self._end_escalated(entry.service, entry.at_s, is_told=True)
            case e.WouldHaveDone():
                self._would[entry.service] += 1
            case _:
                pass

    def _close(self, incident_id: str, service: str, at_s: float) -> None:
        """Its end, told twice: the later word knows better when the service was well again."""
        known = self._open.pop(incident_id, None)
        if known is None and incident_id not in self._known:
            known = _Open({service}, self._since_s)
            self._known.add(incident_id)
        if known is not None:
            known.until_s = at_s
            self._ended.append(known)
        elif self._ended:
            last = next((o for o in reversed(self._ended) if service in o.hurt), None)
            if last is not None:
                last.until_s = min(last.until_s, at_s)

    def _end_escalated(self, service: str, at_s: float, *, is_told: bool = False) -> None:
        """A person, or health, has ended what was handed over."""
        incident_id = self._handed.pop(service, None)
        if incident_id is not None:
            self._close(incident_id, service, at_s)
        elif is_told:
            self._ended.append(_Open({service}, self._since_s, at_s))

    def _act(self, entry: e.Intended | e.Finished | e.Verified) -> None:
        if isinstance(entry, e.Intended):
            self._actions[entry.action_id] = entry
            by_a_person = entry.origin is Origin.PERSON
            self._begun[entry.step.target, entry.step.kind, by_a_person] += 1
            return
        if isinstance(entry, e.Verified) and entry.has_passed:
            self._end_escalated(entry.service, entry.at_s)
        intent = self._actions.get(entry.action_id)
        if intent is None:
            return
        key = (intent.step.target, intent.step.kind, intent.origin is Origin.PERSON)
        if isinstance(entry, e.Verified):
            if entry.has_passed or not entry.reason.startswith(SUPERSEDED):
                self._ends[*key, entry.has_passed] += 1
        elif entry.outcome is OutcomeState.FAILED:
            self._ends[*key, False] += 1

    def report(self, state: StackState, until_s: float, *, is_cut: bool = False) -> Report:
        """All that was told, ended at `until_s`."""
        if self._watching_s < until_s:
            self._watched.append((self._watching_s, until_s))
        for scope, freeze in state.freezes.items():
            self._freezes.setdefault(scope, (max(freeze.since_s, self._since_s), freeze.until_s))
        for scope in list(self._freezes):
            self._thaw(scope, until_s)
        for incident in state.incidents.values():
            if incident.id not in self._known:
                hurt = {incident.service, *incident.victims}
                self._open[incident.id] = _Open(hurt, self._since_s, root=incident.service)
        for name, service in state.services.items():
            if service.with_a_person is not None and service.with_a_person not in self._known:
                self._open[service.with_a_person] = _Open({name}, self._since_s)
        services = tuple(self._service(name, state, until_s) for name in self._stack.services)
        watched_s = length(self._watched)
        frozen_s = length(overlap(self._frozen.get("", ()), self._watched))
        began_s = min((start for start, end in self._watched if end > start), default=until_s)
        return Report(self._since_s, until_s, watched_s, began_s, frozen_s, services, is_cut)

    def _service(self, name: str, state: StackState, until_s: float) -> ServiceReport:
        hurt = [(o.since_s, o.until_s) for o in self._ended if name in o.hurt]
        hurt += [(o.since_s, until_s) for o in self._open.values() if name in o.hurt]
        unwell_s, watched_s = length(overlap(hurt, self._watched)), length(self._watched)
        episodes = self._episodes.get(name, [])
        hindsights = Counter(x.hindsight for x in episodes)
        healed = [x.lasted_s for x in episodes if x.ending is Ending.HEALED]
        frozen = [*self._frozen.get("", ()), *self._frozen.get(name, ())]
        return ServiceReport(
            service=name,
            availability=1.0 - unwell_s / watched_s if watched_s > 0 else UNKNOWN,
            unwell_s=unwell_s,
            frozen_s=length(overlap(frozen, self._watched)),
            episodes=len(episodes),
            still_open=sum(1 for i in state.incidents.values() if i.service == name),
            endings={str(k): n for k, n in sorted(Counter(x.ending for x in episodes).items())},
            escalated=self._escalated[name],
            would_have_done=self._would[name],
            would_be_right=hindsights[Hindsight.RIGHT],
            would_be_wrong=hindsights[Hindsight.WRONG],
            natural_ends=self._natural(name, episodes, state),
            actions=self._kinds(name, by_people=False),
            by_people=sum(n for (s, _, is_hand), n in self._begun.items() if s == name and is_hand),
            people_actions=self._kinds(name, by_people=True),
            suffered=sum(
                1
                for o in (*self._ended, *self._open.values())
                if o.root and o.root != name and name in o.hurt
            ),
            wrong_actions=self._wrongs.counts[name],
            heal_mean_s=fmean(healed) if healed else UNKNOWN,
            heal_p90_s=quantile(healed, USUAL),
        )

    def _natural(
        self, name: str, episodes: list[e.EpisodeEnded], state: StackState
    ) -> tuple[NaturalEnds, ...]:
        by_cause: dict[Cause, list[float]] = defaultdict(list)
        for episode in episodes:
            if episode.ending is Ending.BY_ITSELF:
                by_cause[episode.cause].append(episode.lasted_s)
        learned = state.service(name).natural_ends
        return tuple(
            NaturalEnds(
                cause,
                len(ends),
                quantile(ends, 0.5),
                quantile(ends, USUAL),
                patience_s(learned.get(cause, ()), cause, self._settings),
            )
            for cause, ends in sorted(by_cause.items())
        )

    def _kinds(self, name: str, *, by_people: bool) -> tuple[KindRecord, ...]:
        ends = self._ends
        return tuple(
            KindRecord(kind, begun, ends[name, kind, by, True], ends[name, kind, by, False])
            for (service, kind, by), begun in sorted(self._begun.items())
            if service == name and by == by_people
        )
