"""Decide: incidents follow the findings, proposals follow the incidents, the gate answers each.

Flows in: the assessment and what people asked for. Flows out: for each finding and each request a
Decision. What starts, changes or ends an incident is written down before anything is proposed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from everup.automated_recovery import propose
from everup.loop import episodes, incidents, owed_ends, scaling, wishes
from everup.loop.context import gate_context
from everup.loop.look import Decision, Look
from everup.loop.meant import believed_at_s
from everup.model.decision import (
    Allowed,
    Check,
    Escalate,
    Hold,
    HoldReason,
    Proposal,
    Verdict,
    Want,
)
from everup.model.entries import Entry, MonitorFaultOver, MonitorFaultSeen
from everup.model.kinds import UNKNOWN, ActionKind, is_known
from everup.rollback_manager import propose as propose_rollback
from everup.safety import Context, judge
from everup.safety.sanity import is_mass, monitor_fault

if TYPE_CHECKING:
    from everup.loop.control import Control


GIVES_WAY = frozenset({Check.MODE, Check.HEADROOM, Check.APPROVAL})
"""Checks for which a rung of another's trade is passed over; what only delays is waited for."""


async def decide(control: Control, look: Look) -> Look:
    """Fill in the decisions, strongest first."""
    fault = await _own_eyes(control, look)
    asked = control.desk_of_wishes.services() | control.owed_starts.services()
    asked |= owed_ends.services(control, look)
    if not fault and is_known(control.memory.complete_since_s):
        entries = incidents.follow(
            control.stack,
            look.assessment,
            control.state,
            control.memory,
            control.settings,
            look.at_s,
            control.ids,
            control.hard_closure,
            asked,
        )
        entries += episodes.ended(
            entries,
            control.stack,
            look.observation,
            look.assessment,
            control.state,
            control.memory,
            control.settings,
        )
        entries = [*control.accounting.follow(control, look, entries), *entries]
        if entries:
            await control.write(entries)
    led = await control.restores.decide(control, look, asked)
    if is_known(control.memory.complete_since_s):
        if entries := control.sleep.follow(control, look):
            await control.write(entries)
    context = gate_context(control, look)
    decided = [*led, *wishes.decide_requests(control, look, context)]
    for answer in propose(
        control.stack,
        look.observation,
        look.assessment,
        control.state,
        control.memory,
        control.settings,
        control.stack.quiet_services(context.local_minute, context.weekday),
    ):
        if answer.service not in asked:
            decided.append(_judged(control, look, answer, context))
    if is_known(control.memory.complete_since_s):
        decided += control.mitigations.decide(control, look, context, decided)
    decided += control.scaler.decide(control, look, context, decided)
    decided.sort(key=_rank)
    believed_s = believed_at_s(control.stack, control.state, look.observation, control.settings)
    others_s = (
        *(control.foresight.again_s, believed_s),
        *(control.mitigations.again_s, control.scaler.again_s, control.sleep.again_s),
    )
    again_s = _again(decided, *others_s)
    return replace(look, decisions=tuple(decided), again_at_s=again_s)


def _judged(
    control: Control, look: Look, answer: Proposal | Hold | Escalate | Want, context: Context
) -> Decision:
    if isinstance(answer, Want) and answer.kind is ActionKind.EMERGENCY_ROLLBACK:
        under_way = control.state.open_restore
        if under_way is not None and under_way.step_of(answer.service) is not None:
            text = f"{under_way.id} is under way, of which it is a part"
            return Decision(answer.service, hold=Hold(answer.service, HoldReason.IN_FLIGHT, text))
        answer = propose_rollback(
            answer, context.stack, context.assessment, context.state, context.settings
        )
    if isinstance(answer, Want):
        return _filled_in(control, look, answer, context)
    if isinstance(answer, Hold):
        return Decision(answer.service, hold=answer)
    if isinstance(answer, Escalate):
        return Decision(answer.service, escalate=answer)
    verdict: Verdict = judge(answer, context)
    return Decision(answer.service, proposal=answer, verdict=verdict)


def _filled_in(control: Control, look: Look, want: Want, context: Context) -> Decision:
    """By whose trade it is, where the runtime can and the gate lets it; else what recovery itself
    would do."""
    if control.runtime.manifest.can(scaling.NEEDS[want.kind]):
        seen = (look.observation, look.assessment, control.state, control.settings)
        proposal = scaling.filled(want, control.stack, *seen)
        if proposal is not None:
            verdict = judge(proposal, context)
            if getattr(verdict, "check", None) not in GIVES_WAY:
                return Decision(want.service, proposal=proposal, verdict=verdict)
    if want.otherwise is None:
        hold = Hold(want.service, HoldReason.NOT_POSSIBLE, f"{want.kind}: {want.reason}")
        return Decision(want.service, hold=hold)
    verdict = judge(want.otherwise, context)
    return Decision(want.service, proposal=want.otherwise, verdict=verdict)


def _rank(decision: Decision) -> tuple[int, int]:
    if decision.proposal is None:
        return (9, 0)
    return (decision.proposal.rank, 0 if isinstance(decision.verdict, Allowed) else 1)


def _again(decided: list[Decision], *others: float) -> float:
    """The earliest time at which one of the answers changes by waiting."""
    times = [d.hold.until_s for d in decided if d.hold is not None]
    times += others
    times += [getattr(d.verdict, "until_s", float("nan")) for d in decided]
    return min((t for t in times if is_known(t)), default=float("nan"))


def _begin_anew(control: Control) -> None:
    """Who is still sick when a fault of all is over may only be the last one to come back."""
    control.desk.doubt_failures()
    control.memory = replace(control.memory, complete_since_s=UNKNOWN)  # until the next look


async def _own_eyes(control: Control, look: Look) -> str:
    """Say it when we cannot trust our own eyes, and say it when we can again."""
    context = gate_context(control, look)
    fault = monitor_fault(context)
    fault = fault or control.mishaps.why_not_act(look.at_s)
    known = control.state.monitor_fault
    entries: list[Entry] = []
    if fault and not known:
        entries.append(MonitorFaultSeen(look.at_s, fault, fault.rpartition("; ends ")[2]))
    elif known and not fault:
        lasted_s = look.at_s - control.state.monitor_fault_since_s
        entries.append(MonitorFaultOver(look.at_s, known, lasted_s))
        if not is_mass(context.sick_roots, context):  # else it is no fault of ours after all
            _begin_anew(control)
    if entries:
        await control.write(entries)
    return fault
