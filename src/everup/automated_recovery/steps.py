"""How a rung becomes a Step: grace, the right to kill, and which instance."""

from __future__ import annotations

from everup.model.assessment import Assessment, Finding
from everup.model.decision import STUCK, Expectation, ParameterValue, Step
from everup.model.kinds import CANNOT_HEAR, ActionKind, Cause
from everup.model.settings import Settings
from everup.model.stack import CACHE_CLEAR_HOOK, FREE_SPACE_HOOK, ServiceSpec, Stack

RESTARTS = (
    ActionKind.GRACEFUL_RESTART,
    ActionKind.CONTAINER_RESTART,
    ActionKind.DEPENDENCY_RECOVERY,
)

STARTS = frozenset({ActionKind.START, ActionKind.RECREATE, *RESTARTS})


def target_of(spec: ServiceSpec, found: Finding) -> str:
    """The first sick instance of a service that has several; "" for all of a service."""
    return found.instances[0] if spec.has_instances_to_spare and found.instances else ""


def step_for(
    kind: ActionKind, spec: ServiceSpec, found: Finding, settings: Settings, *, on_running: bool
) -> Step:
    """One step on the service, or on its first sick instance where it has several.

    A stateless process that is stopped or a zombie cannot hear a signal: grace 0. A stateful one
    always gets its full grace, and is killed after it only when it is proven hung. A hook speaks to
    all instances.
    """
    parameters: dict[str, ParameterValue] = {}
    target = "" if kind is ActionKind.CACHE_CLEAR else target_of(spec, found)
    if target:
        parameters["instance"] = target
    if on_running and kind in RESTARTS:
        if spec.is_stateful:
            parameters["grace_s"] = max(spec.stop.grace_s, settings.stateful_grace_s)
            parameters["may_kill"] = found.is_proven
        elif (found.process_state or "?") in CANNOT_HEAR:
            parameters["grace_s"] = 0.0
            parameters["may_kill"] = True
        else:
            parameters["grace_s"] = spec.stop.grace_s
            parameters["may_kill"] = True
        if (found.process_state or "?") in CANNOT_HEAR:
            parameters[STUCK] = str(found.process_state)
    return Step(kind, spec.name, parameters, is_repeatable=not on_running)


def hook_of(spec: ServiceSpec, found: Finding | None) -> str:
    """Which hook clears for this service: when its disk is full the one for that, which also
    stands in where it is the only one."""
    is_full = found is not None and found.cause in (Cause.DISK_FULL, Cause.DISK_FILLING)
    has_other = CACHE_CLEAR_HOOK in spec.hooks
    wants_room = is_full or not has_other
    return FREE_SPACE_HOOK if wants_room and FREE_SPACE_HOOK in spec.hooks else CACHE_CLEAR_HOOK


def behind(kind: ActionKind, name: str, stack: Stack) -> tuple[str, ...]:
    """What gets the load that a cleared cache no longer takes: what the service needs, and what
    those who use it need beside it."""
    if kind is not ActionKind.CACHE_CLEAR:
        return ()
    users = (name, *stack.dependents_of(name))
    needed = {edge.target for user in users for edge in stack.services[user].depends_on}
    return tuple(sorted(needed & set(stack.services) - {name}))


def expectation_for(
    spec: ServiceSpec,
    cause: Cause,
    assessment: Assessment,
    stack: Stack,
    settings: Settings,
    kind: ActionKind = ActionKind.GRACEFUL_RESTART,
) -> Expectation:
    """Running, probes in a row over the window, score back, no dependent worse than before.

    After a crash loop the window is as long as an unknown start-up: one good moment proves nothing.
    """
    window_s = settings.verify_window_s
    if cause is Cause.CRASH_LOOP:
        window_s = max(window_s, settings.start_period_unknown_s)
    threshold = (
        settings.health_threshold if spec.health_threshold is None else spec.health_threshold
    )
    start_s = spec.start_period_s or settings.start_period_unknown_s
    is_slow = spec.probe is not None and spec.probe.is_owners  # it answers at its own pace
    answers_s = settings.verify_probes * spec.probe.interval_s if spec.probe and is_slow else 0.0
    deadline_s = settings.verify_deadline_s + window_s + start_s + answers_s
    settling_s = spec.recovery_most_s or settings.recovery_most_s
    runs_once = spec.is_one_shot and kind in STARTS
    return Expectation(
        service=spec.name,
        deadline_s=max(deadline_s, settling_s) if runs_once else deadline_s,
        window_s=window_s,
        probes=settings.verify_probes,
        score_least=threshold,
        behind_before={name: assessment.own.score(name) for name in behind(kind, spec.name, stack)},
        settling_most_s=settling_s,
        dependents_before={
            name: assessment.own.score(name) for name in stack.dependents_of(spec.name)
        },
        runs_once=runs_once,
    )
