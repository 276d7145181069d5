"""Explain: one incident's journal entries and the latest look, put in order. Pure.

Flows in: the incident, its entries, what is decided about its service now. Flows out: an
Explanation, which the API and the CLI show. What is not in the journal is not made up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from everup.loop import remedies
from everup.loop.look import Decision
from everup.model import entries as e
from everup.model.assessment import Assessment, Candidate
from everup.model.explanation import Afterwards, Bystander, Explanation, GateWord, Remedy, Way
from everup.model.incident import Incident, IncidentState
from everup.model.kinds import ActionKind, Cause, Condition, Origin, Purpose
from everup.model.state import StackState


def explain(
    incident: Incident,
    entries: Sequence[e.Entry],
    decision: Decision | None,
    assessment: Assessment | None,
    state: StackState,
    acted_on: Iterable[str] = (),
) -> Explanation:
    """`decision`: the latest one about the incident's service. `acted_on`: services that somebody
    acted upon while it lasted."""
    episodes = [x for x in entries if isinstance(x, e.EpisodeEnded)]
    return Explanation(
        causes=_causes(entries),
        gate=_gate(entries),
        would_have_done=tuple(x for x in entries if isinstance(x, e.WouldHaveDone)),
        episode=episodes[-1] if episodes else None,
        bystanders=_bystanders(incident, assessment, frozenset(acted_on)),
        remedies=_remedies(incident, decision, state),
    )


TRIED_MOST = 5


def afterwards(incident: Incident, later: Iterable[e.Entry]) -> Afterwards:
    """What became of it, from the entries behind its escalation: until the service was well again,
    was stopped on purpose, or has another incident."""
    found = Afterwards()
    for entry in later:
        match entry:
            case e.Intended() if _is_try(entry, incident) and len(found.tried) < TRIED_MOST:
                found = replace(found, tried=(*found.tried, entry.action_id))
            case e.Verified(action_id=tried, has_passed=True) if tried in found.tried:
                if not found.stopped_by:
                    return replace(found, well_at_s=entry.at_s, proven_by=tried)
            case e.PersonAnswered(service=incident.service):
                return replace(found, well_at_s=entry.at_s)
            case e.PurposeSet(service=incident.service):
                is_stopped = entry.purpose is Purpose.STOPPED
                found = replace(found, stopped_by=entry.by if is_stopped else "")
            case e.IncidentOpened(service=incident.service):
                return replace(found, goes_on_as=entry.incident_id)
            case _:
                pass
    return found


def _is_try(entry: e.Intended, incident: Incident) -> bool:
    is_by_a_person = entry.origin is Origin.PERSON and entry.step.kind is not ActionKind.STOP
    return is_by_a_person and entry.step.target == incident.service


def _causes(entries: Sequence[e.Entry]) -> tuple[Candidate, ...]:
    """The latest ranking that was written down."""
    found: tuple[Candidate, ...] = ()
    for entry in entries:
        if isinstance(entry, e.IncidentOpened | e.IncidentChanged) and entry.candidates:
            found = entry.candidates
    return found


def _gate(entries: Sequence[e.Entry]) -> tuple[GateWord, ...]:
    return tuple(
        GateWord(x.at_s, x.kind, x.answer, x.check, x.reason, x.until_s)
        for x in entries
        if isinstance(x, e.GateAnswered)
    )


def _bystanders(
    incident: Incident, assessment: Assessment | None, acted_on: frozenset[str]
) -> tuple[Bystander, ...]:
    health = assessment.own.services if assessment is not None else {}
    return tuple(
        Bystander(
            name,
            health[name].condition if name in health else Condition.UNKNOWN,
            name in acted_on,
        )
        for name in incident.victims
    )


def _remedies(
    incident: Incident, decision: Decision | None, state: StackState
) -> tuple[Remedy, ...]:
    """What a person can do now; nothing for what is resolved."""
    name = incident.service
    if incident.state is IncidentState.ESCALATED:
        if state.service(name).with_a_person != incident.id:
            return ()
        if incident.cause is Cause.STOPPED_ON_PURPOSE:
            return (Remedy(Way.START, name),)
        return (Remedy(Way.LOOK, name), Remedy(Way.ASK, name), Remedy(Way.STOP, name))
    if incident.state is IncidentState.RESOLVED:
        return ()
    if name in state.in_flight or decision is None:
        return (Remedy(Way.WAIT, name),)
    if decision.proposal is not None:
        kind = decision.proposal.kind
        check = getattr(decision.verdict, "check", "")
        scope = "" if "" in state.freezes else name
        may = check not in remedies.BY_WAITING and check not in ("", "freeze", "leadership")
        return remedies.for_check(check, name, kind, scope=scope, person_may=may)
    if decision.hold is not None:
        kind = ActionKind.GRACEFUL_RESTART
        return remedies.for_hold(decision.hold.reason, name, kind, person_may=True)
    return (Remedy(Way.ASK, name),)
