"""What people ask for: requests become proposals, and their askers get an answer.

Purpose is level-triggered: a service that should be stopped and still runs is stopped, whenever
the wish was spoken and whatever was in flight at that moment. So are starts (`owed_starts`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from everup.automated_recovery import proposal_for
from everup.loop import owed_ends, scaling, undoing
from everup.loop.look import NOTHING_SEEN, Decision, Look
from everup.loop.possible import why_not
from everup.loop.scaler_waits import ASLEEP
from everup.model.decision import Check, Delayed, Hold, HoldReason, Proposal, Refused, Verdict
from everup.model.entries import Entry, FreezeLifted, FreezeSet, PurposeSet
from everup.model.kinds import UNKNOWN, ActionKind, Condition, InstanceState, Purpose, is_known
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.model.scaling import SCALING_KINDS, Refusal
from everup.rollback_manager import NoWayBack, way_back
from everup.rollback_manager import proposal_for as rollback_for
from everup.safety import Context, backoff_s, judge
from everup.safety.freezes import freezes_in_force

if TYPE_CHECKING:
    from everup.loop.control import Control


def decide_requests(control: Control, look: Look, context: Context) -> list[Decision]:
    """A decision for each open request, and for each stop and start that is still owed."""
    decided: list[Decision] = []
    asked: set[str] = set()
    for ticket, request in control.desk_of_wishes.take():
        asked.add(request.service)
        decided.append(_decision(control, look, context, request, ticket))
        if request.verb is Verb.START and isinstance(decided[-1].verdict, Delayed):
            control.owed_starts.put(request, look.at_s)
    turn, waiting = control.owed_starts.due(control, look)
    decided += [d for d in waiting if d.service not in asked]
    for request in turn:
        if request.service not in asked:
            decided.append(_decision(control, look, context, request, None))
    asked |= control.owed_starts.services()
    known = control.state.services
    for request in [*owed_ends.starts(control, look), *undoing.owed(control, look)]:
        if request.service not in asked:
            asked.add(request.service)
            decided.append(_decision(control, look, context, request, None))
    for service in control.stack.services:
        if service in asked or service not in known:
            continue
        verb = _owed(control, look, service)
        if verb is not None:
            wish = known[service].purpose_by or "somebody"
            request = Request(verb, by=wish, service=service)
            if wish == ASLEEP:
                request = replace(request, by="everup", reason="nothing is asked of it")
            decided.append(_decision(control, look, context, request, None))
    return decided


def _owed(control: Control, look: Look, service: str) -> Verb | None:
    """A wish that could not be fulfilled when it was spoken."""
    if _owes_stop(control, look, service):
        return Verb.STOP
    return Verb.START if _owes_start(control, look, service) else None


def _decision(
    control: Control, look: Look, context: Context, request: Request, ticket: int | None
) -> Decision:
    proposal = wanted(control, look, request)
    if isinstance(proposal, NoWayBack):  # it was there when the wish was spoken
        refused = Refused(Check.SOMEONE_ELSES_CHANGE, proposal.reason)
        return Decision(request.service, verdict=refused, ticket=ticket)
    if not isinstance(proposal, Proposal):
        text = f"{proposal[0].name}: {proposal[0].text}"
        hold = Hold(request.service, HoldReason.NOT_POSSIBLE, text)
        return Decision(request.service, hold=hold, ticket=ticket)
    verdict: Verdict = judge(proposal, context)
    return Decision(request.service, proposal=proposal, verdict=verdict, ticket=ticket)


def wanted(
    control: Control, look: Look, request: Request
) -> Proposal | NoWayBack | tuple[Refusal, ...]:
    """The wish as a proposal, by whose trade it is; or why it cannot be one, by name."""
    stack, settings, state = control.stack, control.settings, control.state
    if request.verb is Verb.SCALE or request.kind in SCALING_KINDS:
        seen = look.observation
        return scaling.asked(request, stack, seen, look.assessment, state, settings)
    incident = state.incident_on(request.service)
    incident_id = incident.id if incident is not None else None
    runs = is_running(look, request.service)
    if request.kind is ActionKind.EMERGENCY_ROLLBACK:
        return rollback_for(
            request,
            stack,
            look.assessment,
            state,
            settings,
            is_running=runs,
            incident_id=incident_id,
        )
    return proposal_for(
        request,
        stack,
        look.assessment,
        settings,
        is_running=runs,
        incident_id=incident_id,
        remembered=state.service(request.service),
        seen=look.observation.services.get(request.service),
    )


def is_running(look: Look, service: str) -> bool:
    """Is any instance of it running, as far as we see?"""
    seen = look.observation.services.get(service)
    return seen is not None and any(
        i.instance.state is not InstanceState.EXITED for i in seen.instances
    )


def is_so_already(control: Control, request: Request) -> Answer | None:
    """There is nothing to be started or stopped, or nothing that a start would help."""
    look, name = control.look, request.service
    if look is None:
        return None
    if request.verb is Verb.STOP and not is_running(look, name):
        return Answer(AnswerState.DONE, f"{name} is not running")
    is_still = name not in control.state.in_flight
    if request.verb is not Verb.START or not is_still or not is_running(look, name):
        return None
    paused = [
        one.instance.name
        for one in look.observation.services[name].instances
        if one.instance.state is InstanceState.PAUSED
    ]
    if paused:
        how = f"docker unpause {' '.join(paused)}"
        text = f"{name} is paused, and a start does not change that; to go on: {how}"
        return Answer(AnswerState.REFUSED, text, check="paused")
    return Answer(AnswerState.DONE, f"{name} runs already")


def not_frozen(control: Control, request: Request) -> Answer | None:
    """Where there is nothing to lift, nothing is written down."""
    if request.verb is not Verb.UNFREEZE or request.service in control.state.freezes:
        return None
    seen = NOTHING_SEEN if control.look is None else control.look.observation
    left = freezes_in_force(control.stack, control.state, seen, control.clock.now())
    name = request.service or "the stack"
    held = [f for f in left if f.scope in ("", request.service)]
    if not held:
        return Answer(AnswerState.DONE, f"{name} was not frozen")
    what = held[0].scope or "the stack"
    text = f"nobody froze {name} by a command: {what} is frozen by {held[0].by}"
    return Answer(AnswerState.REFUSED, text, check="not_frozen")


def _owes_stop(control: Control, look: Look, service: str) -> bool:
    remembered = control.state.service(service)
    if remembered.purpose is not Purpose.STOPPED or service in control.state.in_flight:
        return False
    failed = [p for p in remembered.past if p.kind is ActionKind.STOP and not p.has_passed]
    failed = [p for p in failed if p.started_at_s >= remembered.purpose_at_s]
    if failed:
        wait_s = backoff_s(len(failed), failed[-1].action_id, control.settings)
        if look.at_s < failed[-1].ended_at_s + wait_s:
            return False
    seen = look.observation.services.get(service)
    return seen is not None and any(
        i.instance.state is InstanceState.RUNNING
        and is_known(i.instance.started_at_s)
        and i.instance.started_at_s < remembered.purpose_at_s
        for i in seen.instances
    )


def refusal(control: Control, request: Request) -> Answer | None:
    """Why nobody here can do this, whatever the circumstances; None when it can be tried."""
    stack = control.stack
    if request.service and request.service not in stack.services:
        known = ", ".join(sorted(stack.services))
        text = f"no service {request.service!r} in stack {stack.name}; there are: {known}"
        return Answer(AnswerState.REFUSED, text, check="unknown_service")
    if under_way := _of_a_restore(control, request):
        return under_way
    if no := _of_the_place(control, request):
        return Answer(AnswerState.REFUSED, no, check="not_possible")
    if request.kind is not None:
        spec = stack.services[request.service]
        if no := why_not(request.kind, spec, control.runtime.manifest):
            return Answer(AnswerState.REFUSED, no, check="not_possible")
        if request.kind is ActionKind.EMERGENCY_ROLLBACK:
            point = way_back(spec, control.state.service(spec.name), control.settings)
            if isinstance(point, NoWayBack):
                text = f"nothing to roll back: {point.reason}"
                return Answer(AnswerState.REFUSED, text, check="nothing_to_roll_back")
    if request.verb is Verb.SCALE or request.kind in SCALING_KINDS or request.instance:
        return _of_the_moment(control, request)
    return None


def _of_a_restore(control: Control, request: Request) -> Answer | None:
    """While services go back together, nothing but a start, a stop or a freeze of one of them is a
    wish of its own: everything else would be undone, or would undo it."""
    restore = control.state.open_restore
    if restore is None or request.verb not in (Verb.HEAL, Verb.SCALE):
        return None
    if restore.step_of(request.service) is None:
        return None
    text = (
        f"{request.service} is part of {restore.id}, which is under way; to have it undone: "
        f"everup restores {restore.id} --undo"
    )
    wait_s = control.settings.tick_s
    return Answer(AnswerState.DELAYED, text, check="restore_under_way", retry_after_s=wait_s)


def _of_the_place(control: Control, request: Request) -> str:
    """Two must never answer under one name, and a standby that is not well is none."""
    if request.verb not in (Verb.HEAL, Verb.START, Verb.SCALE) or not request.service:
        return ""
    name, standby = request.service, control.state.service(request.service).stands_in
    if _is_at_work(control, request):
        return (
            f"{name} runs once and is at work now; wait for its end, or have it begin again:"
            f" everup heal {name} --type {ActionKind.GRACEFUL_RESTART}"
        )
    if standby and request.kind is not ActionKind.REJOIN:
        return f"{standby} has the place of {name}; give it back: everup heal {name} --type rejoin"
    if request.kind is ActionKind.REJOIN and not request.undoes:
        return _nothing_to_rejoin(control, request)
    if request.kind is not ActionKind.FAILOVER or control.look is None:
        return ""
    standby = control.stack.services[name].standby
    health = control.look.assessment.own.services.get(standby)
    if standby and (health is None or health.condition is not Condition.HEALTHY):
        how = "unknown" if health is None else health.condition
        return f"the standby {standby} is {how}, so that it cannot take the place of {name}"
    return ""


def _nothing_to_rejoin(control: Control, request: Request) -> str:
    """Why there is nothing to connect again; "" when there is."""
    name, remembered = request.service, control.state.service(request.service)
    undo = remembered.owed_undo
    if remembered.stands_in or (undo is not None and undo.kind is ActionKind.REJOIN):
        return ""
    cut = remembered.isolated
    if not cut:
        return f"nothing to rejoin: nothing of {name} is cut off, and nobody stands in for it"
    if request.instance and request.instance not in cut and "" not in cut:
        return f"nothing to rejoin: of {name} cut off are {', '.join(sorted(cut))}"
    return ""


def _is_at_work(control: Control, request: Request) -> bool:
    """Is it a one-shot that runs, which to heal would be to break off?"""
    spec, look = control.stack.services[request.service], control.look
    is_plain = request.verb is Verb.HEAL and request.kind is None
    return is_plain and spec.is_one_shot and look is not None and is_running(look, spec.name)


def _of_the_moment(control: Control, request: Request) -> Answer | None:
    """What the amount, or what is there now, stands against."""
    if control.look is None:
        text = "the first look is not over"
        return Answer(AnswerState.DELAYED, text, retry_after_s=control.settings.tick_s)
    found = wanted(control, control.look, request)
    if isinstance(found, Proposal):
        return None
    if isinstance(found, NoWayBack):
        text = f"nothing to roll back: {found.reason}"
        return Answer(AnswerState.REFUSED, text, check="nothing_to_roll_back")
    text = "; ".join(refused.text for refused in found)
    return Answer(AnswerState.REFUSED, text, check=found[0].name)


def _owes_start(control: Control, look: Look, service: str) -> bool:
    """It was to run again before our stop of it had ended."""
    remembered = control.state.service(service)
    if not remembered.is_wanted or service in control.state.in_flight or not remembered.past:
        return False
    last = remembered.past[-1]
    is_late = last.kind is ActionKind.STOP and remembered.purpose_at_s > last.started_at_s
    seen = look.observation.services.get(service)
    return is_late and seen is not None and seen.is_known and not is_running(look, service)


def spoken(request: Request, now_s: float) -> list[Entry]:
    """What the wish itself changes, before anything is done: purpose and freezes."""
    if request.verb is Verb.STOP:
        return [PurposeSet(now_s, request.service, Purpose.STOPPED, request.by)]
    if request.verb is Verb.START:
        return [PurposeSet(now_s, request.service, Purpose.RUN, request.by)]
    if request.verb is Verb.FREEZE:
        until_s = now_s + request.for_s if request.for_s is not None else float("nan")
        return [FreezeSet(now_s, request.service, request.reason, request.by, until_s)]
    if request.verb is Verb.UNFREEZE:
        return [FreezeLifted(now_s, request.service, request.by)]
    return []


def answer_for(
    decision: Decision, action_id: str | None, now_s: float, within_s: float = UNKNOWN
) -> Answer:
    """What the asker is told. `within_s`: how long it may take, where that is worth saying."""
    verdict, proposal = decision.verdict, decision.proposal
    if decision.hold is not None:
        name, _, text = decision.hold.text.partition(": ")
        return Answer(AnswerState.REFUSED, text, check=name)
    if action_id is not None:
        most = f"; it may take up to {within_s:.0f} s" if is_known(within_s) else ""
        return Answer(AnswerState.ACCEPTED, f"begun{most}", action_id)
    if isinstance(verdict, Delayed):
        wait_s = verdict.until_s - now_s if is_known(verdict.until_s) else None
        text = verdict.reason
        if proposal is not None and proposal.kind is ActionKind.START:
            text += "; it is started when this is over"
        return Answer(AnswerState.DELAYED, text, check=verdict.check, retry_after_s=wait_s)
    if isinstance(verdict, Refused):
        return Answer(AnswerState.REFUSED, verdict.reason, check=verdict.check)
    return Answer(AnswerState.DELAYED, "the journal did not take the intent; try again")
