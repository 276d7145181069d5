"""Record: escalations with their case, questions to people, the gate's answers when they change.

Flows in: the decisions of this look. Flows out: journal entries. An answer that has not changed is
not written again, so that a long wait is one line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everup.loop.approvals import follow_approvals
from everup.loop.context import gate_context
from everup.loop.episodes import ended, would_have_done
from everup.loop.look import Decision, Look
from everup.model.decision import Delayed, Refused
from everup.model.entries import Entry, GateAnswered, IncidentChanged, IncidentEscalated
from everup.model.incident import Incident
from everup.model.kinds import UNKNOWN, Origin

if TYPE_CHECKING:
    from everup.loop.control import Control


async def record(control: Control, look: Look) -> Look:
    """Write what this look decided and has not been written yet."""
    entries: list[Entry] = []
    incidents = control.state.by_root()
    for decision in look.decisions:
        incident = incidents.get(decision.service)
        entries += _escalation(control, look, decision, incident)
        entries += _gate(control, look, decision)
        entries += would_have_done(decision, control.state, lambda: gate_context(control, look))
        entries += _waiting(control, look, decision, incident)
    entries += await control.probations.follow(control, look)
    entries += control.edges.follow(control, look)
    entries += control.beside.habits.due(look.at_s, control.state)
    entries += control.anomalies.due()
    entries += control.scaler.due(look, control.state.scaled)
    context = gate_context(control, look)
    shown = control.shown.of(control)
    entries += follow_approvals(look.decisions, context, control.ids, shown)
    if entries:
        await control.write(entries)
    return look


def _escalation(
    control: Control, look: Look, decision: Decision, incident: Incident | None
) -> list[Entry]:
    if decision.escalate is None or incident is None or control.state.monitor_fault:
        return []
    case = decision.escalate.text
    escalated: list[Entry] = [IncidentEscalated(look.at_s, incident.id, decision.service, case)]
    return escalated + ended(
        escalated,
        control.stack,
        look.observation,
        look.assessment,
        control.state,
        control.memory,
        control.settings,
    )


def _gate(control: Control, look: Look, decision: Decision) -> list[Entry]:
    proposal, verdict = decision.proposal, decision.verdict
    if proposal is None or not isinstance(verdict, Delayed | Refused):
        return []
    said = (verdict.check, verdict.reason, proposal.incident_id or "")
    key = proposal.key
    if proposal.origin is Origin.SCALING:  # what should be changes with each step of demand
        key = f"scaling {proposal.service} {proposal.kind}"
        said = (verdict.check, "", "")
    if control.answered.get(key) == said:
        return []
    control.remember_answer(key, said)
    return [
        GateAnswered(
            look.at_s,
            proposal.key,
            proposal.service,
            proposal.kind,
            "delayed" if isinstance(verdict, Delayed) else "refused",
            verdict.check,
            verdict.reason,
            proposal.incident_id,
            getattr(verdict, "until_s", UNKNOWN),
            proposal.origin,
        )
    ]


def _waiting(
    control: Control, look: Look, decision: Decision, incident: Incident | None
) -> list[Entry]:
    """An open incident says what it waits for while nothing is proposed."""
    hold = decision.hold
    if hold is None or incident is None or decision.service in control.state.in_flight:
        return []
    waiting = f"{hold.reason}: {hold.text}"
    if incident.waiting_for == waiting:
        return []
    return [
        IncidentChanged(
            look.at_s, incident.id, incident.cause, incident.reason, incident.victims, waiting
        )
    ]
