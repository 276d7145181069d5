"""A made-up stack of any size and one observation of it, some of it unwell."""

from __future__ import annotations

from everup.model.kinds import DependencyKind, InstanceState, ProbeVerdict
from everup.model.observation import (
    Exit,
    Instance,
    InstanceObservation,
    Observation,
    ProbeReading,
    ServiceObservation,
)
from everup.model.stack import Dependency, ProbeSpec, ServiceSpec, Stack

NOW_S = 1_700_000_000.0
NEEDS_MOST = 3
DEAD_EVERY, FAILING_EVERY = 20, 11


def stack_of(count: int) -> Stack:
    """`count` services; each needs up to three that were declared before it."""
    services = {}
    for index in range(count):
        needs = {(index * step) // (step + 1) for step in range(1, NEEDS_MOST + 1)} - {index}
        services[_name(index)] = ServiceSpec(
            name=_name(index),
            probe=ProbeSpec(http="http://127.0.0.1:{port}/health"),
            depends_on=tuple(
                Dependency(_name(n), DependencyKind.HARD if n % 2 else DependencyKind.SOFT, 0.6)
                for n in sorted(needs)
            ),
        )
    return Stack("bench", services)


def seen(stack: Stack) -> Observation:
    """One in twenty is dead, one in eleven answers with an error, the rest is well."""
    services = {}
    for index, name in enumerate(stack.services):
        is_dead = index % DEAD_EVERY == DEAD_EVERY - 1
        last = Exit(NOW_S - 30, 1, ran_s=500.0) if is_dead else None
        fails = index % FAILING_EVERY == FAILING_EVERY - 1
        instance = Instance(
            service=name,
            name=f"{name}-1",
            identity=f"{name}-1@1",
            state=InstanceState.EXITED if is_dead else InstanceState.RUNNING,
            started_at_s=NOW_S - 1000,
            exit=last,
            process_state=None if is_dead else "S",
        )
        reading = ProbeReading(
            verdict=ProbeVerdict.FAIL if fails or is_dead else ProbeVerdict.PASS,
            at_s=NOW_S - 1,
            latency_s=0.01,
            failures_in_a_row=5 if fails or is_dead else 0,
            successes_in_a_row=0 if fails or is_dead else 50,
            since_s=NOW_S - 30,
            error_ratio=0.25 if fails or is_dead else 0.0,
            has_ever_passed=True,
        )
        observed = InstanceObservation(instance, reading, 0.2, 0.3, read_at_s=NOW_S - 1)
        exits = (last,) if last is not None else ()
        services[name] = ServiceObservation(name, (observed,), exits=exits)
    return Observation(NOW_S, services)


def _name(index: int) -> str:
    return f"service-{index:04d}"
