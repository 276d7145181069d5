"""Act: judge once more on fresh state, write the intent, then one task per service.

Flows in: allowed decisions. Flows out: actions begun; each one's end comes back as an event and is
written by `verify`. An intent that the journal did not take is not acted upon.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from everup.loop.context import gate_context
from everup.loop.deadlines import lasts_most_s
from everup.loop.look import Decision, Look
from everup.loop.sighting import sight
from everup.loop.wishes import answer_for
from everup.model.decision import Allowed
from everup.model.entries import Intended, Verified
from everup.model.evidence import Evidence
from everup.model.kinds import UNKNOWN
from everup.model.scaling import COUNTS
from everup.safety import Context, judge

if TYPE_CHECKING:
    from everup.loop.control import Control


async def act(control: Control, look: Look) -> Look:
    """Begin what is allowed, strongest first; answer whoever asked."""
    begun: list[str] = []
    decisions: list[Decision] = []
    context: Context | None = None
    for decision in look.decisions:
        action_id: str | None = None
        if decision.proposal is not None and isinstance(decision.verdict, Allowed):
            context = context or gate_context(control, look)
            verdict = judge(decision.proposal, context)
            decision = replace(decision, verdict=verdict)
            if isinstance(verdict, Allowed):
                action_id = await _begin(control, look, decision)
                context = None  # the state is another one now
        if action_id is not None:
            begun.append(action_id)
        decisions.append(decision)
        if decision.ticket is not None:
            within_s = _within_s(control, decision)
            answer = answer_for(decision, action_id, look.at_s, within_s)
            control.desk_of_wishes.answer(decision.ticket, answer)
    return replace(look, decisions=tuple(decisions), begun=tuple(begun))


def _within_s(control: Control, decision: Decision) -> float:
    """How long it may take, with its proof, where that goes by how much was asked for."""
    if decision.proposal is None or decision.proposal.kind not in COUNTS:
        return UNKNOWN
    spec, expected = control.stack.services[decision.service], decision.proposal.expectation
    step = decision.proposal.steps[0]
    return lasts_most_s(step, spec, control.settings) + expected.deadline_s


async def _begin(control: Control, look: Look, decision: Decision) -> str | None:
    proposal = decision.proposal
    assert proposal is not None
    action_id = control.ids.new("act")
    intent = Intended(
        at_s=look.at_s,
        action_id=action_id,
        incident_id=proposal.incident_id,
        key=proposal.key,
        origin=proposal.origin,
        cause=proposal.cause,
        step=proposal.steps[0],
        reason=proposal.reason,
        before=sight(control.stack, look.observation, look.assessment, proposal.service),
        expectation=proposal.expectation,
        on_running=proposal.on_running,
        rung=proposal.rung,
        by=proposal.by,
        overrides=proposal.overrides,
    )
    if not await control.write_intent(intent, _superseded(control, look, intent)):
        return None
    control.perform(intent)
    return action_id


def _superseded(control: Control, look: Look, intent: Intended) -> Verified | None:
    """The end of the action that still waits for its proof while a person wants something else.
    The gate has allowed it; both stand in the journal together or not at all."""
    service = intent.step.target
    flight = control.state.in_flight.get(service)
    if flight is None:
        return None
    reason = f"superseded by {intent.step.kind} {intent.action_id} of {intent.by} before its proof"
    after = sight(control.stack, look.observation, look.assessment, service)
    evidence = Evidence(flight.before, control.during(flight.action_id), after, reason)
    return Verified(look.at_s, flight.action_id, service, False, reason, evidence)
