"""An engine whose auto_scaler has seen some hours of demand: what scaling shows is tried on it.

web is asked by a router and has bounds; worker is seen by its processors alone, for a quarter of an
hour, and declares none; db keeps data. Nothing of it is random.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from everup.auto_scaler.rules import rule_for
from everup.auto_scaler.scaler import Allowed, Opinion, ServiceScaler, StepSight, Unit
from everup.loop.look import Look
from everup.model.axis import Axis
from everup.model.kinds import InstanceState, Mode
from everup.model.observation import (
    Instance,
    InstanceObservation,
    Observation,
    ServiceObservation,
)
from everup.model.runtime import Capability, RuntimeManifest
from everup.model.scaling import ScalingChosen, Spread
from everup.model.sizing import ScalingSpec
from everup.model.stack import Dependency, Limits, ServiceSpec, Stack
from tests.unit.api.fakes import FakeControl, FakeEngine, FakeRuntime

MIB = 1024.0 * 1024.0
STEPS, FEW = 745, 60
STEP_S = 15.0
AT_S = 1_700_000_000.0
STACK = Stack(
    "shop",
    {
        "db": ServiceSpec("db", is_stateful=True, limits=Limits(512 * MIB, 1.0)),
        "web": ServiceSpec(
            "web",
            instances=2,
            min_instances=1,
            max_instances=6,
            has_bounds=True,
            depends_on=(Dependency("db"),),
            limits=Limits(256 * MIB, 1.0),
            spread=Spread.ROUTER,
            scaling=ScalingSpec(latency_target_s=0.25),
        ),
        "worker": ServiceSpec("worker", spread=Spread.QUEUE, limits=Limits(256 * MIB, 1.0)),
        "quiet": ServiceSpec("quiet"),
    },
    mode=Mode.OBSERVE,
)
COUNTS = {"db": 1, "web": 4, "worker": 1}
COUNTS_NOW = {**COUNTS, "web": 3}


def sight(name: str, step: int, counts: Mapping[str, int] = COUNTS) -> StepSight:
    """web: from 20 to 60 requests a second and back in half an hour."""
    wave = 40.0 + 20.0 * math.sin(2.0 * math.pi * step / 120.0) + 3.0 * ((step * 7919) % 13 - 6) / 6
    is_web, count = name == "web", counts[name]
    return StepSight(
        at_s=AT_S + (step - STEPS) * STEP_S,
        instances=count,
        ready=count,
        demand=wave if is_web else wave / 200.0,
        unit=Unit.REQUESTS if is_web else Unit.CORES,
        latency_s=0.05 if is_web else math.nan,
        errors_ratio=0.0 if is_web else math.nan,
        cpu_cores=wave / 200.0,
        cpus=1.0,
        memory_ratio=0.2,
        memory_bytes=50.0 * MIB,
        memory_limit_bytes=(512.0 if name == "db" else 256.0) * MIB,
    )


def thought(name: str, control: FakeControl) -> tuple[ServiceScaler, Opinion]:
    """What is known of it after all steps."""
    spec = STACK.services[name]
    scaler = ServiceScaler(spec.scaling or ScalingSpec(), rule_for(spec), control.settings, AT_S)
    may = Allowed(Axis.COUNT if name == "web" else Axis.NONE, 1, 6, spec.limits)
    for step in range(0 if name == "web" else STEPS - FEW, STEPS):
        scaler.follow(sight(name, step), may)
    return scaler, scaler.think(sight(name, STEPS, COUNTS_NOW), may)


def observation() -> Observation:
    """As many as `COUNTS_NOW` says, all well."""
    services = {}
    for name, count in COUNTS_NOW.items():
        limit = STACK.services[name].limits
        instances = tuple(
            InstanceObservation(
                Instance(
                    name=f"{name}-{number}",
                    identity=f"{name}-{number}",
                    service=name,
                    state=InstanceState.RUNNING,
                    memory_bytes=50.0 * MIB,
                    memory_limit_bytes=limit.memory_bytes,
                    cpus=limit.cpus,
                ),
                cpu_ratio=0.2,
            )
            for number in range(1, count + 1)
        )
        services[name] = ServiceObservation(name, instances)
    return Observation(AT_S, services)


def scaled_engine() -> FakeEngine:
    """Ready to be asked."""
    control = FakeControl(stack=STACK, look=Look(AT_S, observation=observation()))
    control.runtime = AbleRuntime()
    known = {name: thought(name, control) for name in COUNTS}
    control.scaler._scalers = {name: scaler for name, (scaler, _) in known.items()}
    control.scaler.opinions = {name: opinion for name, (_, opinion) in known.items()}
    control.scaler.waiting = {"web": "mode: everup only watches in mode observe"}
    choice = known["web"][1].choice
    chosen = (
        ScalingChosen(AT_S - 600.0, "web", replace(choice, instances=3)),
        ScalingChosen(AT_S, "web", choice),
    )
    control.state = replace(control.state, scaled=chosen)
    control.scaler.decided.update(["forecast", "forecast"])
    return FakeEngine(control)


class AbleRuntime(FakeRuntime):
    """Can make copies and set limits."""

    manifest = RuntimeManifest(
        "fake", frozenset({Capability.SET_INSTANCES, Capability.SET_LIMITS, Capability.LIST})
    )
