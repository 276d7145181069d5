"""A stack in layers, as real ones are: databases below, what people see on top; a few are sick.

Each service needs one to three of the layer below it, drawn from a seed. 2 % are sick by
themselves, half of them dead and half of them failing their probe; what needs one of those hard
fails its probe as well, as it would.
"""

from __future__ import annotations

from random import Random

from everup.model.kinds import DependencyKind, InstanceState, Mode, ProbeVerdict
from everup.model.observation import (
    Exit,
    Instance,
    InstanceObservation,
    Observation,
    ProbeReading,
    ServiceObservation,
)
from everup.model.stack import Dependency, Limits, ProbeSpec, ServiceSpec, Stack

NOW_S = 1_700_000_000.0
LAYERS = 6
NEEDS_MOST = 3
HARD_SHARE = 0.5
SICK_SHARE = 0.02
SICK_FOR_S = 300.0


def layered(count: int) -> Stack:
    """`count` services; the first layer needs nobody."""
    random = Random(f"layers/{count}")
    width = max(1, -(-count // LAYERS))
    services: dict[str, ServiceSpec] = {}
    for index in range(count):
        first = (index // width - 1) * width  # of the layer below
        many = min(width, random.randint(1, NEEDS_MOST)) if first >= 0 else 0
        needs = random.sample(range(first, first + width), many)
        services[_name(index)] = ServiceSpec(
            _name(index),
            probe=ProbeSpec(http="http://127.0.0.1:{port}/health"),
            limits=Limits(memory_bytes=512e6),
            depends_on=tuple(Dependency(_name(n), _kind(random), 0.6) for n in sorted(needs)),
        )
    return Stack("layers", services, mode=Mode.AUTO)


def sick_day(stack: Stack) -> Observation:
    """One look at it: mostly well."""
    random = Random(f"sick/{len(stack.services)}")
    sick = set(random.sample(list(stack.services), max(1, round(SICK_SHARE * len(stack.services)))))
    hurt: set[str] = set()
    services: dict[str, ServiceObservation] = {}
    for number, (name, spec) in enumerate(stack.services.items()):
        is_dead = name in sick and number % 2 == 0
        needs = (d.target for d in spec.depends_on if d.kind is DependencyKind.HARD)
        if name in sick or any(target in hurt for target in needs):
            hurt.add(name)
        services[name] = _seen(name, is_dead=is_dead, fails=name in hurt)
    return Observation(NOW_S, services)


def _seen(name: str, *, is_dead: bool, fails: bool) -> ServiceObservation:
    last = Exit(NOW_S - SICK_FOR_S, 1, ran_s=5000.0) if is_dead else None
    state = InstanceState.EXITED if is_dead else InstanceState.RUNNING
    instance = Instance(
        name,
        f"{name}-0",
        f"{name}-0#1",
        state,
        NOW_S - 9000.0,
        exit=last,
        process_state=None if is_dead else "S",
        cpu_seconds=90.0,
        memory_bytes=200e6,
        memory_limit_bytes=512e6,
    )
    reading = ProbeReading(
        ProbeVerdict.FAIL if fails else ProbeVerdict.PASS,
        NOW_S - 1.0,
        0.02,
        "answered with status 503" if fails else "",
        failures_in_a_row=60 if fails else 0,
        successes_in_a_row=0 if fails else 500,
        since_s=NOW_S - SICK_FOR_S,
        error_ratio=1.0 if fails else 0.0,
        has_ever_passed=True,
    )
    observed = InstanceObservation(instance, reading, 0.1, 0.4, read_at_s=NOW_S - 1.0)
    return ServiceObservation(name, (observed,), exits=() if last is None else (last,))


def _kind(random: Random) -> DependencyKind:
    return DependencyKind.HARD if random.random() < HARD_SHARE else DependencyKind.SOFT


def _name(index: int) -> str:
    return f"service-{index:05d}"
