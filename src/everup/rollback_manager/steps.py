"""One step of a restore as a proposal, forward or back. Pure.

Flows in: what `advance` says comes next. Flows out: an `emergency_rollback` of one service. A step
forward must be proven well, like any rollback. A step back must only have what ran before run
again, well or not: that was no better before. It is taken in the name of whoever asked for the
restore, since taking back one's own change waits for no mode, cooldown or approval.
"""

from __future__ import annotations

from dataclasses import replace

from everup.model.assessment import Assessment
from everup.model.decision import Expectation, ParameterValue, Proposal, Step, proposal_key
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.restore import RESTORE, Restore
from everup.model.safe_point import FILES, FROM, TITLE, TO, SafePoint
from everup.model.scaling import BEFORE, INSTANCES
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import StackState
from everup.rollback_manager.advance import Go
from everup.rollback_manager.propose import expectation_of, grace_s_of, writes_files


def proposal_of(
    go: Go,
    restore: Restore,
    stack: Stack,
    assessment: Assessment,
    state: StackState,
    settings: Settings,
    *,
    is_running: bool,
) -> Proposal:
    """For the gate, as any other."""
    step, spec = go.step, stack.services[go.step.service]
    frm, to, title = step.from_version, step.to_version, step.to_title
    before, count = step.from_instances, step.to_instances
    if go.is_back:
        frm, to, title = to, frm, step.from_title
        before, count = count, (before if count else 0)
    steps = (_step(go, spec, restore, (frm, to), title, (before, count), settings),)
    origin = Origin.PERSON if go.is_back else restore.origin
    cause = Cause.REQUESTED if origin is Origin.PERSON else Cause.BAD_DEPLOY
    incident = state.incident_on(spec.name)
    must_ask = ""
    if origin is not Origin.PERSON and spec.is_stateful:
        must_ask = f"{restore.reason}; {spec.name} keeps data: go back to {title}?"
    elif origin is not Origin.PERSON and writes_files(frm, to) and not spec.restores_files:
        must_ask = f"{restore.reason}; put the configuration files of {spec.name} back?"
    return Proposal(
        key=proposal_key(stack.name, spec.name, cause, steps),
        origin=origin,
        service=spec.name,
        cause=cause,
        steps=steps,
        reason=_reason(go, restore, title),
        expectation=replace(
            _expectation(go, spec, to, title, assessment, stack, settings), instances=count
        ),
        incident_id=incident.id if incident is not None else None,
        by=restore.by,
        overrides=dict(restore.overrides),
        on_running=is_running,
        must_ask=must_ask,
    )


def _step(
    go: Go,
    spec: ServiceSpec,
    restore: Restore,
    versions: tuple[str, str],
    title: str,
    instances: tuple[int, int],
    settings: Settings,
) -> Step:
    (frm, to), (before, count) = versions, instances
    parameters: dict[str, ParameterValue] = {
        "grace_s": grace_s_of(spec, settings),
        FROM: frm,
        TO: to,
        TITLE: title,
        RESTORE: restore.id,
    }
    if writes_files(frm, to):
        parameters[FILES] = True
    if count:
        parameters |= {INSTANCES: count, BEFORE: before}
    return Step(
        ActionKind.EMERGENCY_ROLLBACK,
        spec.name,
        parameters,
        undoes=(go.undoes or restore.id) if go.is_back else None,
    )


def _reason(go: Go, restore: Restore, title: str) -> str:
    if go.is_back:
        return f"{restore.id} goes no further ({restore.back_because}): back to {title} as before"
    place = 1 + [s.service for s in restore.steps].index(go.step.service)
    why = f": {restore.reason}" if restore.reason else ""
    return f"{restore.id}, step {place} of {len(restore.steps)}, back to {title}{why}"


def _expectation(
    go: Go,
    spec: ServiceSpec,
    version: str,
    title: str,
    assessment: Assessment,
    stack: Stack,
    settings: Settings,
) -> Expectation:
    point = SafePoint(spec.name, version, title, 0.0)
    expected = expectation_of(spec, point, assessment, stack, settings)
    if not go.is_back:
        return expected
    return replace(expected, is_as_before=True, dependents_before={})
