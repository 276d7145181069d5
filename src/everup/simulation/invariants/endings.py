"""Promise 11 and liveness: no incident is forgotten, and what can be healed is healed.

Asked when the day's troubles are over: once after twenty minutes of calm, when everything must be
well or with a person, and once at the end, when a person has asked to heal what was escalated.
What Everup may not or cannot mend (stopped by a person, observed only, broken for good) is exempt,
and so is whatever needs it; each exemption has its reason.
"""

from __future__ import annotations

from everup.model.entries import IncidentOpened
from everup.model.kinds import FORETOLD, ActionKind, Cause, Mode
from everup.runtimes.simulated.instance import Truth
from everup.runtimes.simulated.service import VirtualService
from everup.simulation.chronicle import Action
from everup.simulation.invariants import rollbacks
from everup.simulation.invariants.court import Case, Objection

GOOD = frozenset({Truth.WELL, Truth.DONE, Truth.PAUSING})
NOTHING_TO_TRY = FORETOLD | {Cause.STOPPED_ON_PURPOSE, Cause.RECOVERING, Cause.REQUESTED}
"""What is a person's from the beginning, or may be: a healthy service is left alone, and what a
restore could not put back was tried before it was called an incident."""
AT_WORK_S = 300.0
CHURN_MOST, CHURN_WITHIN_S = 4, 60.0
PRESUMED_WISHES = frozenset({0, 130, 137, 143})


def exemptions(case: Case) -> dict[str, str]:
    """Service → why it need not be well."""
    found: dict[str, str] = {}
    for name in case.world.services:
        reason = _own_exemption(case, case.world.services[name])
        if reason:
            found[name] = reason
    for name, needs in case.hard_closure.items():
        for target in needs:
            if name not in found and target in found and not _is_good(case, target):
                found[name] = f"it needs {target}"
    return found


def _own_exemption(case: Case, service: VirtualService) -> str:
    spec = service.spec
    if case.chronicle.is_stopped(spec.name):
        return "a person wants it stopped"
    if service.curse is not None and service.curse.is_for_ever:
        return "it crashes for ever"
    if any(map(service.curse_of, service.runs)):
        reason = rollbacks.why_it_stays(case, service)
        if reason:
            return reason
    if reason := rollbacks.why_so_few(case, service):
        return reason
    if case.world.stack.mode_for(spec.name, ActionKind.CONTAINER_RESTART) is not Mode.AUTO:
        return "Everup may not act on it"
    instances = service.instances.values()
    if service.is_stopped_outside and any(i.truth is Truth.STOPPED for i in instances):
        return "somebody stopped it while nobody watched"
    for instance in instances:
        last = instance.exit
        if last is not None and last.code == 0 and not last.is_out_of_memory:
            return "it ended with 0, which may be meant"
        if last is not None and not last.was_witnessed and last.code in PRESUMED_WISHES:
            return "nobody saw it end, so it may be meant"
    if spec.probe is None and any(i.truth is Truth.SICK for i in instances):
        return "nobody can see that it is sick"
    return ""


def _is_good(case: Case, name: str) -> bool:
    return all(i.truth in GOOD for i in case.world.instances(name))


def judge_calm(case: Case) -> list[Objection]:
    """Twenty minutes after the last trouble: well, exempt, or with a person."""
    exempt = exemptions(case)
    escalated = case.chronicle.with_a_person
    found: list[Objection] = []
    for name in case.world.services:
        excused = name in exempt or any(n in escalated for n in (name, *case.hard_closure[name]))
        around = (name, *case.hard_closure[name])
        if not excused and not _is_good(case, name) and not _is_at_work(case, around):
            found.append(("liveness", f"{_how(case, name)} after twenty minutes of calm"))
    return found


def _is_at_work(case: Case, names: tuple[str, ...]) -> bool:
    """Somebody acts on one of them, or did so a moment ago: the ladder is not at its end."""
    now_s = case.world.now()
    past = [a for name in names for a in case.chronicle.of_service.get(name, ())[-3:]]
    return any(a.is_open or now_s - a.ended_at_s < AT_WORK_S for a in past)


def judge_end(case: Case) -> list[Objection]:
    """At the end everything that can be is well, and every incident has an end or a live reason."""
    exempt = exemptions(case)
    found: list[Objection] = [
        ("liveness", f"{_how(case, name)} at the end")
        for name in case.world.services
        if name not in exempt and not _is_good(case, name)
    ]
    found += _churn(case)
    chronicle = case.chronicle
    actions_for: dict[str | None, list[Action]] = {}
    for action in chronicle.actions:
        actions_for.setdefault(action.intent.incident_id, []).append(action)
    for incident_id, opened in chronicle.incidents.items():
        tried = actions_for.get(incident_id, [])
        if incident_id in chronicle.escalations:
            tried = tried or _tried_before(case, opened)
            if not tried and chronicle.causes[incident_id] not in NOTHING_TO_TRY:
                text = f"{incident_id} ({opened.cause} on {opened.service}) with nothing tried"
                found.append(("11 escalated", text))
        elif incident_id not in chronicle.endings:
            is_acting = any(a.is_open for a in tried)
            if not is_acting and not chronicle.waiting.get(incident_id):
                text = f"{incident_id} ({opened.cause} on {opened.service}) is open without reason"
                found.append(("11 forgotten", text))
    return found


def _tried_before(case: Case, opened: IncidentOpened) -> list[Action]:
    """What keeps coming back may be handed over at once: it was acted upon a while ago. A change
    that was undone at any time, and that somebody made again, is his."""
    since_s = opened.at_s - case.settings.backoff_reset_s
    past = case.chronicle.of_service.get(opened.service, ())
    own = [a for a in past if a.is_own and a.ended_at_s <= opened.at_s]
    if case.chronicle.causes[opened.incident_id] is Cause.BAD_DEPLOY:
        return [a for a in own if a.intent.step.kind is ActionKind.EMERGENCY_ROLLBACK]
    return [a for a in own if a.ended_at_s >= since_s]


def _churn(case: Case) -> list[Objection]:
    """One trouble is one incident: none that opens and ends and opens again."""
    opened: dict[str, list[float]] = {}
    for incident in case.chronicle.incidents.values():
        opened.setdefault(incident.service, []).append(incident.at_s)
    return [
        ("11 churn", f"{CHURN_MOST + 1} incidents on {service} within {times[n] - first:.0f} s")
        for service, times in opened.items()
        for n, first in enumerate(times, CHURN_MOST)
        if n < len(times) and times[n] - first < CHURN_WITHIN_S
    ]


def _how(case: Case, name: str) -> str:
    return ", ".join(f"{i.name} is {i.truth}" for i in case.world.instances(name))
