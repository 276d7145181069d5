"""What may be done about a service that still passes its check: little, gently, and never twice.

Flows in: a finding whose cause is in FORETOLD, the prediction, what was done lately. Flows out: the
rungs that are permitted now, why others are not, and when a person is told. Called by `propose`.

| cause | rungs |
|---|---|
| memory pressure | cache_clear by a declared hook; then, on a prediction alone, graceful_restart |
| leak | the same; each of them once per service and day |
| descriptor leak | graceful_restart, once per service and day |
| disk filling | the declared hook that frees space, once per service and day |
| connections, queue full | none: more is asked of it than it takes, and a restart turns all away |
| certificate | none: a date |
| about to fail | none: by what came before other failures, which names no cause |
| slow | none: slowness alone is no reason to restart anything |

A graceful restart on a prediction is for stateless services alone, with at least two instances or
in a declared quiet hour.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everup.automated_recovery.ladders import LADDERS
from everup.automated_recovery.steps import expectation_for, step_for
from everup.model.assessment import Finding, Prediction
from everup.model.decision import (
    HOOK,
    Escalate,
    Expectation,
    Hold,
    HoldReason,
    Proposal,
    proposal_key,
)
from everup.model.incident import Incident
from everup.model.kinds import FORETOLD, LEAKS, ActionKind, Cause, Origin, is_known
from everup.model.observation import ServiceObservation
from everup.model.settings import Settings
from everup.model.stack import CACHE_CLEAR_HOOK, FREE_SPACE_HOOK, ServiceSpec
from everup.model.state import ServiceState, streak

if TYPE_CHECKING:
    from everup.automated_recovery.propose import _Case

CAME_DOWN = 0.05
"""Memory has come down when it is so much less of its limit than before."""
PATIENCE_SHARE = 0.5
"""Of the time that is left until the limit, before a person is told."""
HOOK_DEADLINE_WINDOWS = 3.0
DISK_SIGHT_S = 60.0
OF_MEMORY = frozenset({Cause.LEAK, Cause.MEMORY_PRESSURE})
NOTHING_HELPS: Mapping[Cause, str] = {
    Cause.SLOW: "it answers; slowness alone is no reason to act",
    Cause.CONNECTIONS_FULL: "more connect than its owner says it takes; a restart turns all away",
    Cause.QUEUE_FULL: "more is asked of it than it takes in; a restart turns all away",
    Cause.ABOUT_TO_FAIL: "nobody knows of what it would fail, so that nothing is known to help",
    Cause.CERTIFICATE_EXPIRES: "a restart renews no certificate; whoever renews it has to be asked",
}


def climb_gently(
    case: _Case, tell: Callable[[Finding, Cause, Incident | None], str]
) -> Proposal | Hold | Escalate:
    """It still passes its check: what is permitted, once each, and a person in good time. `tell`
    writes the case for the person."""
    found, settings, remembered = case.found, case.settings, case.state.service(case.found.service)
    prediction = case.assessment.predictions.of(found.service, _foretold_as(found.cause))
    may = permitted(
        found, prediction, case.spec, remembered, settings, case.now_s, is_quiet=case.is_quiet
    )
    left, was_tried = untried(may.rungs, case.incident, remembered, settings, case.now_s)
    if not left:
        due_s = told_after_s(found, prediction, settings)
        if case.now_s < due_s and not was_tried:
            return case.hold(HoldReason.ONLY_WATCHED, may.why_not, due_s)
        if may.why_not:
            found = replace(found, reason=f"{found.reason}; {may.why_not}")
        return Escalate(found.service, found.cause, tell(found, found.cause, case.incident))
    kind = left[0]
    is_memory = found.cause in OF_MEMORY
    is_leak = is_memory and kind is ActionKind.GRACEFUL_RESTART
    cause = Cause.LEAK if is_leak else found.cause
    step = step_for(kind, case.spec, found, settings, on_running=True)
    if found.cause is Cause.DISK_FILLING:
        step = replace(step, parameters={**step.parameters, HOOK: FREE_SPACE_HOOK})
    steps = (step,)
    expectation = expectation_for(case.spec, cause, case.assessment, case.stack, settings, kind)
    if is_memory:
        expectation = expects_memory(expectation, kind, found, case.seen, settings)
    elif found.cause is Cause.DISK_FILLING:
        expectation = expects_room(expectation, prediction, settings)
    return Proposal(
        key=proposal_key(case.stack.name, found.service, cause, steps),
        origin=Origin.RECOVERY,
        service=found.service,
        cause=cause,
        steps=steps,
        reason=_with_evidence(found.reason, prediction),
        expectation=expectation,
        incident_id=case.incident.id if case.incident is not None else None,
        rung=may.rungs.index(kind),
        next_kind=left[1] if len(left) > 1 else None,
        on_running=True,
    )


def _foretold_as(cause: Cause) -> frozenset[Cause]:
    """What is foretold where this is found: pressure that is there is a leak before it was."""
    return frozenset({Cause.LEAK if cause is Cause.MEMORY_PRESSURE else cause})


def _with_evidence(reason: str, prediction: Prediction | None) -> str:
    if prediction is None:
        return reason
    said = f"foretold with {prediction.probability:.0%} by {prediction.model_version}"
    return "; ".join((reason, said, *prediction.evidence[1:]))


@dataclass(frozen=True, slots=True)
class Permitted:
    """Rungs in their order, and in words why there are no more."""

    rungs: tuple[ActionKind, ...]
    why_not: str


def permitted(
    found: Finding,
    prediction: Prediction | None,
    spec: ServiceSpec,
    remembered: ServiceState,
    settings: Settings,
    now_s: float,
    *,
    is_quiet: bool,
) -> Permitted:
    """What may be done about this finding now."""
    if found.cause in NOTHING_HELPS:
        return Permitted((), NOTHING_HELPS[found.cause])
    rungs: list[ActionKind] = []
    reasons: list[str] = []
    if ActionKind.CACHE_CLEAR in LADDERS[found.cause]:
        no = _no_hook(found, spec, remembered, settings, now_s)
        if no:
            reasons.append(no)
        else:
            rungs.append(ActionKind.CACHE_CLEAR)
    if ActionKind.GRACEFUL_RESTART not in LADDERS[found.cause]:
        return Permitted(tuple(rungs), "; ".join(reasons))
    no = _no_restart(found, prediction, spec, remembered, settings, now_s, is_quiet=is_quiet)
    if no:
        reasons.append(no)
    else:
        rungs.append(ActionKind.GRACEFUL_RESTART)
    return Permitted(tuple(rungs), "; ".join(reasons))


def _no_hook(
    found: Finding, spec: ServiceSpec, remembered: ServiceState, settings: Settings, now_s: float
) -> str:
    """Pressure that is there is no prediction: only its cooldown binds the hook then."""
    is_disk = found.cause is Cause.DISK_FILLING
    hook = FREE_SPACE_HOOK if is_disk else CACHE_CLEAR_HOOK
    if hook not in spec.hooks:
        return f"no {hook} hook is declared"
    if found.cause is not Cause.MEMORY_PRESSURE and _was_done(
        ActionKind.CACHE_CLEAR, frozenset({found.cause}), remembered, settings, now_s
    ):
        what = "its hook free_space was run" if is_disk else "its cache was cleared"
        return f"{what} on a prediction within a day"
    return ""


def _no_restart(
    found: Finding,
    prediction: Prediction | None,
    spec: ServiceSpec,
    remembered: ServiceState,
    settings: Settings,
    now_s: float,
    *,
    is_quiet: bool,
) -> str:
    if spec.is_stateful:
        return "it keeps data, so no prediction restarts it"
    is_foretold = found.cause in LEAKS or (
        prediction is not None and prediction.probability >= settings.prediction_acts_above
    )
    if not is_foretold:
        return "that it will fail is not foretold, so it is not restarted"
    if not spec.has_instances_to_spare and not is_quiet:
        return "it has one instance and no quiet hour now, so no prediction restarts it"
    if _was_done(ActionKind.GRACEFUL_RESTART, LEAKS, remembered, settings, now_s):
        return "it was restarted on a prediction within a day"
    return ""


def _was_done(
    kind: ActionKind,
    causes: frozenset[Cause],
    remembered: ServiceState,
    settings: Settings,
    now_s: float,
) -> bool:
    """On such a prediction, within the time in which once is enough."""
    return any(
        past.kind is kind
        and past.cause in causes
        and past.has_happened
        and now_s - past.started_at_s < settings.prediction_again_s
        for past in remembered.past
    )


def untried(
    rungs: tuple[ActionKind, ...],
    incident: Incident | None,
    remembered: ServiceState,
    settings: Settings,
    now_s: float,
) -> tuple[tuple[ActionKind, ...], bool]:
    """(permitted rungs that were not tried for this trouble, whether anything was tried): in this
    incident, or shortly before, so that what keeps coming back goes on with the next rung."""
    never = {p.action_id for p in remembered.past if not p.has_happened}
    attempts = incident.attempts if incident is not None else ()
    tried = {a.kind for a in attempts if a.origin is Origin.RECOVERY and a.action_id not in never}
    tried |= {
        p.kind
        for p in streak(remembered.past, now_s, settings.backoff_reset_s)
        if p.cause in FORETOLD and p.has_happened
    }
    return tuple(kind for kind in rungs if kind not in tried), bool(tried)


def told_after_s(found: Finding, prediction: Prediction | None, settings: Settings) -> float:
    """When a person is told, since nothing can be done: after a while, well before the limit."""
    due_s = found.since_s + settings.strain_escalates_s
    if prediction is None:
        return due_s
    left_s = prediction.likely_s - found.since_s
    return min(due_s, found.since_s + max(0.0, PATIENCE_SHARE * left_s))


def expects_memory(
    expectation: Expectation,
    kind: ActionKind,
    found: Finding,
    seen: ServiceObservation | None,
    settings: Settings,
) -> Expectation:
    """Proven by memory that came down; under pressure, to below the threshold as well."""
    ratios = [i.memory_ratio for i in (seen.instances if seen is not None else ())]
    before = max((r for r in ratios if is_known(r)), default=float("nan"))
    most = before - CAME_DOWN
    if found.cause is Cause.MEMORY_PRESSURE:
        most = min(most, settings.cache_clear_memory_above)
    if kind is not ActionKind.CACHE_CLEAR:
        return replace(expectation, memory_most=most)
    deadline_s = HOOK_DEADLINE_WINDOWS * settings.verify_window_s
    return replace(expectation, memory_most=most, deadline_s=deadline_s)


def expects_room(
    expectation: Expectation, prediction: Prediction | None, settings: Settings
) -> Expectation:
    """Proven by a disk that has more room than before: a twentieth of it more, or half as much
    again where little is left. It is looked at less often than memory is."""
    deadline_s = (
        HOOK_DEADLINE_WINDOWS * settings.verify_window_s + DISK_SIGHT_S * settings.time_scale
    )
    expectation = replace(expectation, deadline_s=deadline_s)
    if prediction is None or not is_known(prediction.level):
        return expectation
    used = prediction.level
    return replace(expectation, disk_most=used - min(CAME_DOWN, 0.5 * max(0.0, 1.0 - used)))
