"""What was done and not proven is taken back: owed until it has been done, over restarts too.

Flows in: the state and the look. Flows out: requests in the name of whoever asked for the action.
Level-triggered: where the world is already as it was, nothing is done. Asked by `wishes`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from everup.loop.look import Look
from everup.model.decision import Step
from everup.model.kinds import UNKNOWN, ActionKind, Condition, InstanceState, ProbeVerdict
from everup.model.observation import InstanceObservation, ServiceObservation
from everup.model.request import Request, Verb
from everup.model.scaling import COUNTS, CPUS, INSTANCES, KEEPS_WELL, MEMORY, SCALING_KINDS, Amount
from everup.model.state import PastAction, ServiceState
from everup.safety import backoff_s

if TYPE_CHECKING:
    from everup.loop.control import Control


def owed(control: Control, look: Look) -> list[Request]:
    """A request for each service of which something is to be taken back now."""
    found: list[Request] = []
    for name, remembered in control.state.services.items():
        step = remembered.owed_undo
        if step is None or name in control.state.in_flight or name not in control.stack.services:
            continue
        if _is_well_with_it(step, remembered, look):
            continue
        step = keeping_who_is_well(step, look.observation.services.get(name))
        if is_due(control, remembered, look.at_s) and not _is_so(step, look):
            found.append(request_of(step, remembered))
    return found


def keeping_who_is_well(step: Step, seen: ServiceObservation | None) -> Step:
    """Of copies that demand has called for only those go that did not become well: one that never
    came, or another one's death, is no reason to take from the others what they carry."""
    if not step.parameters.get(KEEPS_WELL) or seen is None:
        return step
    well = sum(1 for one in seen.instances if _works(one))
    count = max(int(step.parameters[INSTANCES]), well)
    return replace(step, parameters={**step.parameters, INSTANCES: count})


def _works(one: InstanceObservation) -> bool:
    is_up = one.instance.state is InstanceState.RUNNING
    return is_up and (one.probe is None or one.probe.verdict is ProbeVerdict.PASS)


def _is_well_with_it(step: Step, remembered: ServiceState, look: Look) -> bool:
    """Did it go back to what was well before, and is well, though that took too long to be proven?
    To take that back would be to make it ill again."""
    undone = _undone(step, remembered)
    if undone is None or undone.kind is not ActionKind.EMERGENCY_ROLLBACK:
        return False
    health = look.assessment.own.services.get(step.target)
    return health is not None and health.condition is Condition.HEALTHY


def _undone(step: Step, remembered: ServiceState) -> PastAction | None:
    """The action that it takes back; None: too long ago."""
    return next((p for p in remembered.past if p.action_id == step.undoes), None)


def _is_so(step: Step, look: Look) -> bool:
    """Are there as many as there were already?"""
    seen = look.observation.services.get(step.target)
    if seen is None or not seen.is_known:
        return True  # nobody knows: nothing is done now
    return step.kind in COUNTS and len(seen.instances) == step.parameters[INSTANCES]


def is_due(control: Control, remembered: ServiceState, now_s: float) -> bool:
    """At once, then backing off while it does not help."""
    failed = 0
    for past in reversed(remembered.past):
        if not past.is_undo or past.has_passed:
            break
        failed += 1
    if not failed:
        return True
    last = remembered.past[-1]
    return now_s >= last.ended_at_s + backoff_s(failed, last.action_id, control.settings)


def request_of(step: Step, remembered: ServiceState) -> Request:
    """The wish that takes it back, with the reason for whoever reads it later."""
    verb = Verb.SCALE if step.kind in SCALING_KINDS else Verb.HEAL
    undone = _undone(step, remembered)
    kind = "" if undone is None else f"{undone.kind} "
    return Request(
        verb,
        by="everup",
        service=step.target,
        kind=step.kind,
        reason=f"undo of {kind}{step.undoes}, which was not proven to be well",
        is_follow_up=True,
        amount=_amount(step),
        instance=step.instance,
        undoes=step.undoes or "",
    )


def _amount(step: Step) -> Amount:
    if step.kind not in SCALING_KINDS:
        return Amount()
    parameters = step.parameters
    return Amount(
        int(parameters.get(INSTANCES, 0)),
        float(parameters.get(MEMORY, UNKNOWN)),
        float(parameters.get(CPUS, UNKNOWN)),
    )
