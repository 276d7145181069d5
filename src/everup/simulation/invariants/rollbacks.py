"""Going back: only from what somebody brought, once, to what was well. Safety 1, 7 and promise 8.

Judged by what the world knows of deploys: when which version came, and which can never work.
"""

from __future__ import annotations

from everup.model.entries import (
    IncidentOpened,
    IncidentResolved,
    ProbationBegan,
    ProbationEnded,
    SafePointKept,
)
from everup.model.evidence import OutcomeState
from everup.model.kinds import ActionKind
from everup.model.safe_point import FILES, FROM, TO, of_number_alone
from everup.model.scaling import BEFORE, INSTANCES
from everup.model.version import files_of, made_of
from everup.runtimes.simulated.instance import Truth
from everup.runtimes.simulated.ledger import Deed
from everup.runtimes.simulated.service import VirtualService
from everup.simulation.chronicle import Action
from everup.simulation.invariants.court import Case, Objection, is_own

TIME_TO_ACT_S = 600.0
WORSE = "it does worse"


def judge_deed(case: Case, deed: Deed, action: Action | None) -> list[Objection]:
    """By Everup itself: a deploy in its window, the same one once, never a stateful service."""
    if action is None or action.kind is not ActionKind.EMERGENCY_ROLLBACK or not is_own(action):
        return []
    service = case.world.services[deed.service]
    parameters = action.intent.step.parameters
    frm, to = (str(parameters.get(name, "")) for name in (FROM, TO))
    since_s = deed.at_s - case.settings.rollback_window_s
    found = _judge_number(case, deed, action, since_s)
    if of_number_alone(parameters):
        return found
    if not any(version == frm and at_s >= since_s for at_s, version in service.deploys):
        found.append(("safety 1", f"{deed.service} goes back, though nobody changed it"))
    for past in case.chronicle.own_before(action):
        is_same = past.kind is action.kind and past.intent.step.parameters.get(FROM) == frm
        if is_same and past.deeds and not (past.finished and not past.finished.has_happened):
            found.append(("safety 7", f"{deed.service} goes back from {frm} a second time"))
    is_measured = action.intent.reason.startswith(WORSE)
    is_slower = made_of(frm) in service.slower
    if is_measured and not is_slower and service.curse_of(frm) is None:
        found.append(("good deploy", f"{deed.service} goes back from {frm}, no slower than before"))
    if service.curse_of(to) is not None:
        found.append(("8", f"{deed.service} goes back to {to}, which was never well"))
    if service.spec.is_stateful:
        found.append(("safety 21", f"stateful {deed.service} goes back unasked"))
    if action.intent.step.parameters.get(FILES) and not service.spec.restores_files:
        found.append(("safety 21", f"the files of {deed.service} are put back unasked"))
    return found


def _judge_number(case: Case, deed: Deed, action: Action, since_s: float) -> list[Objection]:
    """Another number of instances: only where somebody changed it, from the same one once."""
    parameters, service = action.intent.step.parameters, case.world.services[deed.service]
    if not parameters.get(INSTANCES):
        return []
    found: list[Objection] = []
    before, name = parameters.get(BEFORE), deed.service
    if not any(count == before and at_s >= since_s for at_s, count in service.renumbered):
        found.append(("safety 1", f"{name} goes back from {before}, though nobody wanted as many"))
    for past in case.chronicle.own_before(action):
        is_same = past.kind is action.kind and past.intent.step.parameters.get(BEFORE) == before
        if is_same and past.deeds and past.finished and past.finished.has_happened:
            found.append(("safety 7", f"{name} goes back from {before} a second time"))
    if service.spec.is_stateful:
        found.append(("safety 21", f"stateful {name} has another number unasked"))
    return found


def why_so_few(case: Case, service: VirtualService) -> str:
    """Why a service may be left with fewer instances than its load needs; "" when it may not."""
    if not service.renumbered or not any(
        i.truth is Truth.OVERLOADED for i in service.instances.values()
    ):
        return ""
    if service.spec.is_stateful or service.spec.probe is None:
        return "somebody has fewer of it, and Everup may not change that, or cannot see it suffer"
    count = len(service.instances)
    past = case.chronicle.of_service.get(service.name, ())
    if any(a.deeds and a.intent.step.parameters.get(BEFORE) == count for a in past):
        return "it went back once, and somebody has as few of it again"
    kept = {
        entry.instances
        for _, _, entry in case.chronicle.entries
        if isinstance(entry, SafePointKept) and entry.service == service.name
    }
    return "" if kept - {count} else "it was never seen to be well with more"


def _is_unsolved(case: Case, service: str) -> bool:
    """Is an incident on it open to the end?"""
    open_ids: set[str] = set()
    for _, _, entry in case.chronicle.entries:
        if isinstance(entry, IncidentOpened) and entry.service == service:
            open_ids.add(entry.incident_id)
        elif isinstance(entry, IncidentResolved):
            open_ids.discard(entry.incident_id)
    return bool(open_ids)


def judge_end(case: Case) -> list[Objection]:
    """Each probation ends once and in time (twice as late while an incident is open), and none ends
    that did not begin. No file is written where nobody may, and what was broken is kept beside."""
    found: list[Objection] = []
    is_open: dict[str, bool] = {}
    began_s: dict[str, float] = {}
    for at_s, _, entry in case.chronicle.entries:
        if isinstance(entry, ProbationBegan):
            if is_open.get(entry.service):
                found.append(("probation", f"{entry.service} is on two at {at_s:.0f}"))
            is_open[entry.service], began_s[entry.service] = True, at_s
        elif isinstance(entry, ProbationEnded):
            if not is_open.get(entry.service):
                found.append(("probation", f"{entry.service} ends twice at {at_s:.0f}"))
            is_open[entry.service] = False
    for name in (name for name, still in is_open.items() if still):
        latest_s = max((at_s for at_s, _ in case.world.services[name].deploys), default=0.0)
        since_s = max(began_s[name], latest_s)
        windows = 2 if _is_unsolved(case, name) else 1
        if case.world.now() - since_s > windows * case.settings.rollback_window_s + TIME_TO_ACT_S:
            found.append(("probation", f"{name} is on one since {since_s:.0f}, without an end"))
    return [*found, *_files(case)]


def _files(case: Case) -> list[Objection]:
    """What was written over by Everup."""
    found: list[Objection] = []
    for name, service in case.world.services.items():
        past = case.chronicle.of_service.get(name, ())
        wrote = [a for a in past if a.deeds and a.intent.step.parameters.get(FILES)]
        if service.broken_files and not wrote:
            found.append(("safety 21", f"files of {name} were written, and nothing said so"))
        done = [a for a in wrote if a.finished and a.finished.outcome is OutcomeState.DONE]
        if done and not service.broken_files:
            found.append(("safety 21", f"the broken file of {name} was not kept"))
    return found


def why_it_stays(case: Case, service: VirtualService) -> str:
    """Why a service may be left with a version that can never work; "" when it may not."""
    if service.spec.is_stateful:
        return "it keeps data, and somebody brought it a version that never works"
    bad = {version for version in service.runs if service.curse_of(version) is not None}
    if any(map(files_of, bad)) and not service.spec.restores_files:
        return "its files go back with a person's word alone"
    past = case.chronicle.of_service.get(service.name, ())
    gone_back_from = {a.intent.step.parameters.get(FROM) for a in past if a.deeds}
    if bad <= gone_back_from:
        return "it went back once, and somebody brought the same again"
    brought_s = max((at_s for at_s, version in service.deploys if version in bad), default=0.0)
    incidents = case.chronicle.incidents.values()
    own = [x.at_s for x in incidents if x.service == service.name and x.at_s >= brought_s]
    if own and min(own) - brought_s > case.settings.rollback_window_s - TIME_TO_ACT_S:
        return "it was somebody's victim until the window was over"
    kept = {
        entry.version
        for _, _, entry in case.chronicle.entries
        if isinstance(entry, SafePointKept) and entry.service == service.name
    }
    return "" if kept - bad else "it was never seen to be well before"
