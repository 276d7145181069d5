"""GET /status and GET /health-scores: the five components, and a score for every service."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter

from everup import __version__
from everup.api.engine import Control, ControlView
from everup.api.routes.health import current_freezes, look_age_s
from everup.api.scaled import status_of
from everup.api.shapes.health import (
    ComponentsShape,
    ContributionShape,
    CoverageShape,
    DependenciesStatusShape,
    HealthScoresShape,
    MonitorShape,
    RecoveryShape,
    RollbackStatusShape,
    SafePointShape,
    ServiceHealthShape,
    StatusShape,
)
from everup.loop.coverage import coverage
from everup.model.kinds import UNKNOWN, Condition, is_known

router = APIRouter(tags=["status"])


@router.get("/status")
async def status(control: Control) -> StatusShape:
    """The state of all five components, those that are not built included."""
    return StatusShape(
        stack=control.stack.name,
        version=__version__,
        mode=control.stack.mode,
        time_scale=control.settings.time_scale,
        running_since_s=control.state.started_at_s,
        last_look_age_s=look_age_s(control),
        monitor_fault=control.state.monitor_fault,
        journal_fault=control.journal_fault,
        mismatches=control.mismatches(),
        coverage=_coverage(control),
        freezes=current_freezes(control),
        components=ComponentsShape(
            predictive_monitor=_monitor(control),
            automated_recovery=_recovery(control),
            dependency_monitor=_dependencies(control),
            auto_scaler=status_of(control),
            rollback_manager=_rollback(control),
        ),
    )


@router.get("/health-scores")
async def health_scores(control: Control) -> HealthScoresShape:
    """A score 0–1 for every declared service; null where nothing is known."""
    return HealthScoresShape(
        at_s=UNKNOWN if control.look is None else control.look.at_s,
        threshold=control.settings.health_threshold,
        services={name: service_health(control, name) for name in control.stack.services},
    )


def service_health(control: ControlView, name: str) -> ServiceHealthShape:
    """What the latest look says of one service."""
    purpose = control.state.service(name).purpose
    look = control.look
    health = None if look is None else look.assessment.own.services.get(name)
    if look is None or health is None:
        return ServiceHealthShape(
            service=name, score=None, condition=Condition.UNKNOWN, purpose=purpose
        )
    finding = look.assessment.relations.findings.get(name)
    return ServiceHealthShape(
        service=name,
        score=health.score,
        condition=health.condition,
        cause=None if finding is None else finding.cause,
        reason="" if finding is None else finding.reason,
        explained_by=() if finding is None else finding.explained_by,
        purpose=purpose,
        contributions=tuple(ContributionShape.model_validate(c) for c in health.contributions),
    )


def _coverage(control: ControlView) -> CoverageShape:
    look = control.look
    found = coverage(control.stack, None if look is None else look.observation)
    return CoverageShape(
        text=found.text,
        judged=dict(found.judged),
        only_seen=dict(found.only_seen),
        fix=found.fix if found.only_seen else "",
    )


def _monitor(control: ControlView) -> MonitorShape:
    look = control.look
    own = {} if look is None else look.assessment.own.services
    scores = [h.score for h in own.values() if is_known(h.score)]
    predictions = () if look is None else look.assessment.predictions.items
    return MonitorShape(
        state="waiting" if look is None else "running",
        last_look_s=UNKNOWN if look is None else look.at_s,
        services=len(control.stack.services),
        services_known=len(scores),
        lowest_score=min(scores, default=None),
        learned_models=len({p.model_version for p in predictions}),
        predictions=len(predictions),
    )


def _recovery(control: ControlView) -> RecoveryShape:
    state = control.state
    past = [action for service in state.services.values() for action in service.past]
    word, reason = _recovery_word(control)
    return RecoveryShape(
        state=word,
        reason=reason,
        mode=control.stack.mode,
        incidents_open=len(state.incidents),
        actions_in_flight=len(state.in_flight),
        services_with_a_person=sorted(
            name for name, service in state.services.items() if service.with_a_person
        ),
        recent_actions=len(past),
        recent_actions_passed=sum(action.has_passed for action in past),
    )


RecoveryWord = Literal["running", "waiting", "frozen", "blind", "halted"]


def _recovery_word(control: ControlView) -> tuple[RecoveryWord, str]:
    """The strongest reason why nothing would be done, if there is one."""
    if why := control.cannot_act():
        return "halted", why
    if control.look is None:
        return "waiting", "the first look is not over"
    frozen = [freeze for freeze in current_freezes(control) if not freeze.scope]
    if frozen:
        return "frozen", frozen[0].reason
    if control.state.monitor_fault:
        return "blind", control.state.monitor_fault
    return "running", ""


def _dependencies(control: ControlView) -> DependenciesStatusShape:
    edges = [edge for spec in control.stack.services.values() for edge in spec.depends_on]
    relations = None if control.look is None else control.look.assessment.relations
    return DependenciesStatusShape(
        state="waiting" if relations is None else "running",
        services=len(control.stack.services),
        dependencies=len(edges),
        critical_dependencies=sum(edge.is_critical for edge in edges),
        breakers_open=[str(one.edge) for one in control.breakers.views() if not one.is_closed],
        mitigations=[
            f"{held.kind} of {held.service} because of {held.because}"
            for held in control.state.mitigated.values()
        ],
        roots=[] if relations is None else list(relations.roots),
        victims=[] if relations is None else sorted(relations.victims),
    )


def _rollback(control: ControlView) -> RollbackStatusShape:
    known = {n: control.state.service(n) for n in control.stack.services}
    verified = control.state.kept_verified
    return RollbackStatusShape(
        state="running" if control.settings.rollback_enabled else "switched_off",
        safe_points=tuple(
            SafePointShape.model_validate(point)
            for one in known.values()
            for point in one.safe_points
        ),
        unproven=tuple(sorted(n for n, one in known.items() if is_known(one.unproven_since_s))),
        snapshots=len(control.state.snapshots),
        fault=control.snapshots.fault,
        harms=0 if verified is None else len(verified.harms),
    )
