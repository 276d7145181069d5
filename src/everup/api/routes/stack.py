"""GET /stack: what was declared, and what runs of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from everup.api.engine import Control, ControlView
from everup.api.secrets import masked_env, masked_words
from everup.api.shapes.dependencies import EdgeShape
from everup.api.shapes.stack import (
    DeclaredShape,
    HookShape,
    InstanceShape,
    ProbeSpecShape,
    RuntimeShape,
    StackServiceShape,
    StackShape,
    WindowShape,
)
from everup.config.parts import ASKED_ONLY
from everup.model.kinds import UNKNOWN, ActionKind
from everup.model.observation import InstanceObservation
from everup.model.runtime import RuntimeManifest
from everup.model.stack import HookSpec, ProbeSpec, ServiceSpec
from everup.safety import mode_in_force

router = APIRouter(tags=["stack"])

ShowEnv = Annotated[
    bool, Query(description="show the values of variables, but for those that look secret")
]


@router.get("/stack")
async def stack(control: Control, env: ShowEnv = False) -> StackShape:
    """Services with instances, dependencies and modes, and what the runtime can do."""
    declared = control.stack
    return StackShape(
        name=declared.name,
        digest=declared.digest,
        at_s=UNKNOWN if control.look is None else control.look.at_s,
        mode=declared.mode,
        preset=declared.preset,
        modes=dict(declared.modes),
        time_scale=control.settings.time_scale,
        runtime=_runtime(control.runtime.manifest),
        maintenance=[WindowShape.model_validate(window) for window in declared.maintenance],
        quiet_hours=[WindowShape.model_validate(window) for window in declared.quiet_hours],
        services=[_service(control, spec, env) for spec in declared.services.values()],
    )


def _runtime(manifest: RuntimeManifest) -> RuntimeShape:
    return RuntimeShape(
        name=manifest.name,
        can=sorted(manifest.capabilities),
        cannot=dict(sorted(manifest.why_not.items())),
        notes=dict(manifest.notes),
    )


def _service(control: ControlView, spec: ServiceSpec, env: bool) -> StackServiceShape:
    observation = None if control.look is None else control.look.observation
    seen = None if observation is None else observation.services.get(spec.name)
    return StackServiceShape(
        name=spec.name,
        purpose=control.state.service(spec.name).purpose,
        declared=_declared(control, spec, env),
        depends_on=[
            EdgeShape(
                service=spec.name,
                target=edge.target,
                kind=edge.kind,
                weight=edge.weight,
                is_critical=edge.is_critical,
                source=edge.source,
                confidence=edge.confidence,
            )
            for edge in spec.depends_on
        ],
        modes={
            kind: mode_in_force(control.stack, observation, spec.name, kind)
            for kind in ActionKind
            if kind not in ASKED_ONLY
        },
        is_known=seen is not None and seen.is_known,
        instances=[] if seen is None else [_instance(one) for one in seen.instances],
    )


def _declared(control: ControlView, spec: ServiceSpec, env: bool) -> DeclaredShape:
    threshold = spec.health_threshold
    return DeclaredShape(
        command=masked_words(spec.command),
        directory=spec.directory,
        user=spec.user,
        port=spec.port,
        env=masked_env(spec.env) if env else dict.fromkeys(spec.env),
        instances=spec.instances,
        min_instances=spec.min_instances,
        max_instances=spec.max_instances,
        memory_bytes=spec.limits.memory_bytes,
        cpus=spec.limits.cpus,
        priority=spec.priority,
        is_stateful=spec.is_stateful,
        is_one_shot=spec.is_one_shot,
        start_period_s=spec.start_period_s,
        stop_signal=spec.stop.signal,
        stop_grace_s=spec.stop.grace_s,
        heal_when_stopped=spec.heal_when_stopped,
        labels=masked_env(spec.labels),
        health_threshold=control.settings.health_threshold if threshold is None else threshold,
        probe=None if spec.probe is None else _probe(spec.probe),
        hooks={name: _hook(hook) for name, hook in spec.hooks.items()},
    )


def _probe(spec: ProbeSpec) -> ProbeSpecShape:
    return ProbeSpecShape(
        kind=spec.kind,
        target=masked_words(spec.targets),
        interval_s=spec.interval_s,
        timeout_s=spec.timeout_s,
        expect_status=spec.expect_status,
        origin=spec.origin,
    )


def _hook(spec: HookSpec) -> HookShape:
    words = (spec.http,) if spec.http else spec.command
    if spec.recipe is not None:
        words = (spec.recipe.text,)
    return HookShape(target=masked_words(words), timeout_s=spec.timeout_s)


def _instance(seen: InstanceObservation) -> InstanceShape:
    one = seen.instance
    return InstanceShape(
        name=one.name,
        identity=one.identity,
        state=one.state,
        started_at_s=one.started_at_s,
        port=one.port,
        exit=None if one.exit is None else one.exit.text,
        probe=None if seen.probe is None else seen.probe.verdict,
        cpu_ratio=seen.cpu_ratio,
        memory_bytes=one.memory_bytes,
        memory_ratio=seen.memory_ratio,
        read_at_s=seen.read_at_s,
    )
