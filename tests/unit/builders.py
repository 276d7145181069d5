"""Small worlds for pure tests: a stack, an observation, an assessment, a gate context."""

from __future__ import annotations

from dataclasses import replace

from everup.dependency_monitor import build_graph, relate
from everup.model.assessment import Assessment
from everup.model.kinds import BusyState, DependencyKind, InstanceState, Mode, ProbeVerdict
from everup.model.observation import (
    Busy,
    Exit,
    Heard,
    Instance,
    InstanceObservation,
    Observation,
    ProbeReading,
    ServiceObservation,
)
from everup.model.settings import Settings
from everup.model.stack import Dependency, ProbeSpec, ServiceSpec, Stack
from everup.model.state import Memory, ServiceMemory, StackState
from everup.model.sums import SumKey
from everup.predictive_monitor import score
from everup.safety import Context

NOW_S = 1_000_000.0
SETTINGS = Settings()
KEY = SumKey(b"k" * 32)
IDLE = Busy(BusyState.IDLE, NOW_S)


def service(name: str, *needs: str, **changes: object) -> ServiceSpec:
    spec = ServiceSpec(
        name,
        command=("x",),
        probe=ProbeSpec(http="http://127.0.0.1/health"),
        depends_on=tuple(Dependency(n, DependencyKind.HARD) for n in needs),
    )
    return replace(spec, **changes)  # type: ignore[arg-type]


def stack(*services: ServiceSpec, mode: Mode = Mode.AUTO) -> Stack:
    return Stack("s", {s.name: s for s in services}, mode=mode)


def up(name: str, number: int = 0) -> InstanceObservation:
    instance = Instance(
        name, f"{name}-{number}", f"{name}{number}!1", InstanceState.RUNNING, NOW_S - 1000
    )
    probe = ProbeReading(
        ProbeVerdict.PASS, NOW_S, 0.01, "", 0, 50, NOW_S - 900, 0.0, has_ever_passed=True
    )
    return InstanceObservation(instance, probe, read_at_s=NOW_S)


def failing(
    name: str,
    *,
    for_s: float = 20.0,
    times: int = 5,
    letter: str = "S",
    idle: bool = False,
    latency_s: float = 0.01,
    heard: Heard = Heard.ANSWER,
    number: int = 0,
) -> InstanceObservation:
    good = up(name, number)
    probe = ProbeReading(
        ProbeVerdict.FAIL,
        NOW_S,
        latency_s,
        "no answer within 2 s" if heard is Heard.SILENCE else "answered 503",
        times,
        0,
        NOW_S - for_s,
        0.2,
        has_ever_passed=True,
        heard=heard,
    )
    return replace(
        good,
        instance=replace(good.instance, process_state=letter),
        probe=probe,
        idle_since_s=NOW_S - for_s if idle else float("nan"),
    )


def dead(name: str, code: int | None = 1, number: int = 0) -> InstanceObservation:
    death = Exit(NOW_S - 1, code, ran_s=500.0)
    instance = Instance(
        name, f"{name}-{number}", f"{name}{number}!1", InstanceState.EXITED, exit=death
    )
    return InstanceObservation(instance, read_at_s=NOW_S)


def seen(*observed: InstanceObservation, exits: tuple[Exit, ...] = ()) -> Observation:
    services: dict[str, ServiceObservation] = {}
    for one in observed:
        name = one.instance.service
        known = services.get(name, ServiceObservation(name, exits=exits, busy=IDLE))
        services[name] = replace(known, instances=(*known.instances, one))
    return Observation(NOW_S, services)


def assess(what: Stack, observation: Observation, state: StackState | None = None) -> Assessment:
    remembered = state or StackState()
    own = score(what, observation, remembered, SETTINGS)
    graph = build_graph(what)
    return Assessment(own, relate(what, observation, own, graph, remembered, SETTINGS))


def settled_memory(what: Stack) -> Memory:
    return Memory(
        {n: ServiceMemory(first_seen_s=NOW_S - 500) for n in what.services},
        looks=9,
        first_look_s=NOW_S - 500,
        complete_since_s=NOW_S - 400,
    )


def context(
    what: Stack, observation: Observation, state: StackState | None = None, **changes: object
) -> Context:
    graph = build_graph(what)
    base = Context(
        stack=what,
        settings=SETTINGS,
        observation=observation,
        assessment=assess(what, observation, state),
        state=state or StackState(),
        memory=settled_memory(what),
        hard_closure={n: graph.hard_closure(n) for n in what.services},
        local_minute=600,
        weekday=0,
    )
    return replace(base, **changes)  # type: ignore[arg-type]
