"""Going back as a proposal: for a change that never worked, and for a person who asks. Pure.

Flows in: recovery's Want, or a person's Request, and what is remembered. Flows out: a Proposal with
the versions in its step, or why not. The same change is undone once: when it comes back, somebody
means it, and a person decides.
"""

from __future__ import annotations

from dataclasses import replace

from everup.model.assessment import Assessment
from everup.model.decision import (
    Escalate,
    Expectation,
    ParameterValue,
    Proposal,
    Step,
    Want,
    proposal_key,
)
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.request import Request
from everup.model.safe_point import FILES, FROM, TITLE, TO, SafePoint
from everup.model.scaling import BEFORE, INSTANCES
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import PastAction, ServiceState, StackState
from everup.model.version import files_of, only_files_differ
from everup.rollback_manager.choose import NoWayBack, number_of, title_of, way_back


def propose(
    want: Want, stack: Stack, assessment: Assessment, state: StackState, settings: Settings
) -> Proposal | Escalate:
    """What recovery wants, filled in."""
    spec, remembered = stack.services[want.service], state.service(want.service)
    found = assessment.relations.findings.get(want.service)
    point = way_back(spec, remembered, settings)
    if isinstance(point, NoWayBack):
        return _told(want, f"It cannot go back: {point.reason}.")
    if remembered.is_undone:
        return _told(want, _came_back(remembered, _back_to(spec, remembered, point)))
    failed = [p for p in remembered.past if _is_in_vain(p, remembered)]
    if len(failed) >= settings.budget_per_incident:
        to = _back_to(spec, remembered, point)
        return _told(want, f"Going back to {to} was tried {len(failed)} times in vain.")
    incident = state.incident_on(want.service)
    steps = (_step(spec, remembered, point, settings),)
    back = _back_to(spec, remembered, point)
    return Proposal(
        key=proposal_key(stack.name, spec.name, want.cause, steps),
        origin=Origin.ROLLBACK,
        service=spec.name,
        cause=want.cause,
        steps=steps,
        reason=f"{want.reason}; back to what was well before, {back}",
        expectation=_expected(spec, remembered, point, assessment, stack, settings),
        incident_id=incident.id if incident is not None else None,
        on_running=found is None or not found.is_dead,
        must_ask=_why_ask(spec, remembered, point, want),
    )


def proposal_for(
    request: Request,
    stack: Stack,
    assessment: Assessment,
    state: StackState,
    settings: Settings,
    *,
    is_running: bool,
    incident_id: str | None,
) -> Proposal | NoWayBack:
    """What a person asked for."""
    spec, remembered = stack.services[request.service], state.service(request.service)
    point = way_back(spec, remembered, settings)
    if isinstance(point, NoWayBack):
        return point
    steps = (_step(spec, remembered, point, settings),)
    return Proposal(
        key=proposal_key(stack.name, spec.name, Cause.REQUESTED, steps),
        origin=Origin.PERSON,
        service=spec.name,
        cause=Cause.REQUESTED,
        steps=steps,
        reason=request.reason
        or f"{request.by} asked to go back to {_back_to(spec, remembered, point)}",
        expectation=_expected(spec, remembered, point, assessment, stack, settings),
        incident_id=incident_id,
        by=request.by,
        overrides=dict(request.overrides),
        on_running=is_running,
    )


def writes_files(now: str, then: str) -> bool:
    """Are there files to be written to get from one version to the other?"""
    return bool(files_of(then)) and files_of(now) != files_of(then)


def _back_to(spec: ServiceSpec, remembered: ServiceState, point: SafePoint) -> str:
    title = title_of(remembered, point, number_of(spec, remembered, point))
    if only_files_differ(remembered.version, point.version):
        return f"{title}, with its configuration files as they were"
    return title


def _expected(
    spec: ServiceSpec,
    remembered: ServiceState,
    point: SafePoint,
    assessment: Assessment,
    stack: Stack,
    settings: Settings,
) -> Expectation:
    """As many as there were, where their number was changed too."""
    expected = expectation_of(spec, point, assessment, stack, settings)
    return replace(expected, instances=number_of(spec, remembered, point))


def _why_ask(spec: ServiceSpec, remembered: ServiceState, point: SafePoint, want: Want) -> str:
    """Why a person is asked, whatever the mode; "" when nobody has to be."""
    if spec.is_stateful:
        back = _back_to(spec, remembered, point)
        return f"{want.reason}; {spec.name} keeps data: go back to {back}?"
    if writes_files(remembered.version, point.version) and not spec.restores_files:
        return (
            f"{want.reason}; put the configuration files of {spec.name} back as they were? Nobody "
            "has to be asked where restore_files: true, or the label everup.restore_files=true, "
            "allows it"
        )
    return ""


def _step(
    spec: ServiceSpec, remembered: ServiceState, point: SafePoint, settings: Settings
) -> Step:
    count = number_of(spec, remembered, point)
    parameters: dict[str, ParameterValue] = {
        "grace_s": grace_s_of(spec, settings),
        FROM: remembered.version,
        TO: point.version,
        TITLE: title_of(remembered, point, count),
    }
    if count:
        parameters |= {INSTANCES: count, BEFORE: remembered.counted}
    if writes_files(remembered.version, point.version):
        parameters[FILES] = True
    return Step(ActionKind.EMERGENCY_ROLLBACK, spec.name, parameters)


def grace_s_of(spec: ServiceSpec, settings: Settings) -> float:
    """How long it may take to end: what keeps data gets longer."""
    grace_s = spec.stop.grace_s
    return max(grace_s, settings.stateful_grace_s) if spec.is_stateful else grace_s


def expectation_of(
    spec: ServiceSpec,
    point: SafePoint,
    assessment: Assessment,
    stack: Stack,
    settings: Settings,
) -> Expectation:
    """What ran before runs again, and is well."""
    threshold = spec.health_threshold
    start_s = spec.start_period_s or settings.start_period_unknown_s
    is_slow = spec.probe is not None and spec.probe.is_owners  # it answers at its own pace
    answers_s = settings.verify_probes * spec.probe.interval_s if spec.probe and is_slow else 0.0
    window_s = settings.verify_window_s
    return Expectation(
        service=spec.name,
        deadline_s=settings.verify_deadline_s + window_s + start_s + answers_s,
        window_s=window_s,
        probes=settings.verify_probes,
        score_least=settings.health_threshold if threshold is None else threshold,
        settling_most_s=spec.recovery_most_s or settings.recovery_most_s,
        dependents_before={
            name: assessment.own.score(name) for name in stack.dependents_of(spec.name)
        },
        version=point.version,
    )


def _is_in_vain(past: PastAction, remembered: ServiceState) -> bool:
    is_rollback = past.kind is ActionKind.EMERGENCY_ROLLBACK and not past.has_passed
    return is_rollback and past.started_at_s >= remembered.altered_at_s


def _came_back(remembered: ServiceState, title: str) -> str:
    """It was undone, and is here all the same: it did not help, or somebody brought it back."""
    last = next(
        (p for p in reversed(remembered.past) if p.kind is ActionKind.EMERGENCY_ROLLBACK), None
    )
    if last is not None and not last.has_passed:
        return f"Going back to {title} was tried once and did not help."
    return (
        f"It went back to {title} once, and the same change came back: somebody, or "
        "something that deploys, means it."
    )


def _told(want: Want, why: str) -> Escalate:
    text = (
        f"{want.service}: {want.cause}. {want.reason}. {why} Nothing more will be tried. After "
        f"mending it: everup heal {want.service}; to go back by hand: "
        f"everup rollback {want.service}"
    )
    return Escalate(want.service, want.cause, text)
