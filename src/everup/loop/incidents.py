"""The life of incidents: one per root, its victims attached, and none is forgotten. Pure.

Flows in: assessment, state, memory, time. Flows out: entries that open, change and resolve them.
Escalation is written where the ladder ends, in `record`.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.automated_recovery.needed import also_needed_by
from everup.loop.ports import Ids
from everup.model import entries as e
from everup.model.assessment import Assessment, Finding
from everup.model.incident import Incident
from everup.model.kinds import FORETOLD, Cause, Purpose, is_known
from everup.model.mitigation import Mitigated
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import Memory, StackState


def follow(
    stack: Stack,
    assessment: Assessment,
    state: StackState,
    memory: Memory,
    settings: Settings,
    now_s: float,
    ids: Ids,
    hard_closure: Mapping[str, tuple[str, ...]],
    asked: frozenset[str] = frozenset(),
) -> list[e.Entry]:
    """Entries for all that changed since the last look. For `asked` services somebody has just
    said what to do, so nothing is opened on them."""
    found: list[e.Entry] = []
    for incident in state.incidents.values():
        found += _follow_open(incident, stack, assessment, state, memory, settings, now_s)
    found += _given_back(stack, assessment, state, memory, settings, now_s)
    open_on = state.by_root()
    for service in assessment.relations.roots:
        finding = assessment.relations.findings[service]
        if service in asked or _waits_for_its_needs(
            hard_closure.get(service, ()), finding, state, memory, settings, now_s
        ):
            continue
        if service not in open_on and _deserves_one(finding, assessment, state, settings, now_s):
            found.append(
                e.IncidentOpened(
                    now_s,
                    ids.new("inc"),
                    service,
                    finding.cause,
                    _said_of(finding, assessment, stack),
                    assessment.relations.victims_of(service),
                    finding.since_s,
                    finding.candidates,
                )
            )
    return found


def _said_of(finding: Finding, assessment: Assessment, stack: Stack) -> str:
    if finding.cause is not Cause.STOPPED_ON_PURPOSE:
        return finding.reason
    service, hurt = finding.service, assessment.relations.victims_of(finding.service)
    return finding.reason + also_needed_by(stack, service, hurt)


def _deserves_one(
    finding: Finding, assessment: Assessment, state: StackState, settings: Settings, now_s: float
) -> bool:
    if not finding.is_confirmed or finding.service in state.in_flight:
        return False
    remembered = state.service(finding.service)
    if remembered.is_with_a_person_for(finding.cause) or remembered.is_cut_off:
        return False
    if finding.cause is Cause.STOPPED_ON_PURPOSE:
        if now_s - finding.since_s < settings.change_quiet_s:
            return False  # who replaces it stops it first
        return bool(assessment.relations.victims_of(finding.service))
    return remembered.purpose is Purpose.RUN


def _waits_for_its_needs(
    needs: tuple[str, ...],
    finding: Finding,
    state: StackState,
    memory: Memory,
    settings: Settings,
    now_s: float,
) -> bool:
    """It fell ill while something that it needs was ill, which has not held for two windows yet:
    still the same story, not a new one."""
    if finding.cause is Cause.STOPPED_ON_PURPOSE:
        return False
    for target in needs:
        last_bad_s = memory.service(target).trouble_over_s
        if target in state.in_flight:
            return True
        if is_known(last_bad_s) and now_s - last_bad_s < settings.two_windows_s:
            return True
    return False


def _follow_open(
    incident: Incident,
    stack: Stack,
    assessment: Assessment,
    state: StackState,
    memory: Memory,
    settings: Settings,
    now_s: float,
) -> list[e.Entry]:
    service = incident.service
    if service not in stack.services:
        return [e.IncidentResolved(now_s, incident.id, service, "no longer declared")]
    if service in state.in_flight:
        return []
    finding = assessment.relations.findings.get(service)
    ending = _ending(incident, finding, state, memory, settings, now_s)
    if ending:
        return [e.IncidentResolved(now_s, incident.id, service, ending)]
    if finding is None:
        return []
    if not finding.is_root and not incident.attempts:
        roots = ", ".join(assessment.relations.victims.get(service, ()))
        text = f"it is because of {roots}: {service} itself was left alone"
        return [e.IncidentResolved(now_s, incident.id, service, text)]
    victims = tuple(sorted({*incident.victims, *assessment.relations.victims_of(service)}))
    if finding.is_confirmed and finding.is_root:
        if (finding.cause, victims) != (incident.cause, incident.victims):
            return [
                e.IncidentChanged(
                    now_s,
                    incident.id,
                    finding.cause,
                    finding.reason,
                    victims,
                    incident.waiting_for,
                    finding.candidates,
                )
            ]
    return []


def _ending(
    incident: Incident,
    finding: Finding | None,
    state: StackState,
    memory: Memory,
    settings: Settings,
    now_s: float,
) -> str:
    """How it ended, or "" while it has not: nothing found and healthy for a whole window since it
    was opened, or stopped on purpose."""
    purpose = state.service(incident.service)
    if purpose.purpose is Purpose.STOPPED and incident.cause is not Cause.STOPPED_ON_PURPOSE:
        return f"stopped on purpose by {purpose.purpose_by}"
    if (
        finding is not None
        and finding.is_confirmed
        and finding.cause is not Cause.STOPPED_ON_PURPOSE
    ):
        return ""
    since_s = memory.service(incident.service).healthy_since_s
    if not is_known(since_s):
        return ""
    if now_s - max(since_s, incident.opened_at_s) < settings.verify_window_s:
        return ""
    done = [a for a in incident.attempts if a.result == "passed"]
    if done:
        return f"healed by {done[-1].kind} ({done[-1].action_id}), verified"
    if held := away(incident, state):
        return f"{held.kind} ({held.action_id}) keeps it from others; nothing was healed"
    if incident.attempts:
        return "healthy again, though no action was proven to be the reason"
    return "recovered by itself; nothing was done"


def away(incident: Incident, state: StackState) -> Mitigated | None:
    """What keeps a part of it from being used: that the rest is well then proves nothing of it."""
    for held in state.mitigated.values():
        if held.service == incident.service and held.because == incident.service:
            return held
    return None


def _given_back(
    stack: Stack,
    assessment: Assessment,
    state: StackState,
    memory: Memory,
    settings: Settings,
    now_s: float,
) -> list[e.Entry]:
    """Escalated services that are healthy again come back into our care: those that were escalated
    for a leak were healthy all the time, and come back when it is over."""
    found: list[e.Entry] = []
    escalated = {n for n, s in state.services.items() if s.with_a_person is not None}
    for service in stack.services if escalated else ():
        finding = assessment.relations.findings.get(service)
        if service not in escalated or (
            finding is not None and (finding.cause in FORETOLD or finding.is_confirmed)
        ):
            continue
        since_s = memory.service(service).healthy_since_s
        if is_known(since_s) and now_s - since_s >= settings.verify_window_s:
            found.append(e.PersonAnswered(now_s, service, "it is healthy again"))
    return found
