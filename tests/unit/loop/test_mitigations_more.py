"""Mitigations that give or change a place, in a living loop: one instance more of who is strained,
and a standby for who has failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from everup.loop.control import Control
from everup.model import entries as e
from everup.model.assessment import Prediction, Predictions
from everup.model.history import Signal
from everup.model.kinds import ActionKind, Cause, InstanceState, Mode, Origin, ProbeVerdict
from everup.model.observation import Exit, Instance, ProbeResult
from everup.model.request import AnswerState, Request, Verb
from everup.model.runtime import Capability, RuntimeManifest
from everup.model.scaling import BEFORE, INSTANCES, Spread
from everup.model.stack import Stack
from tests.unit.builders import service, stack
from tests.unit.loop import small_world
from tests.unit.loop.small_world import Prober, until
from tests.unit.loop.test_mitigations import PROBE, SETTINGS, WATCHED, done, proofs, proven, run
from tests.unit.loop.traffic_world import Host

QUICK_S, SLOW_S = 0.01, 0.6


@dataclass
class Runtime(small_world.Runtime):
    """Instances of several services by name; another service may answer in a service's place."""

    manifest: RuntimeManifest = field(
        default_factory=lambda: RuntimeManifest("small", frozenset(Capability))
    )

    def of(self, service: str) -> list[str]:
        return sorted(n for n, one in self.instances.items() if one.service == service)

    def have(self, service: str, count: int) -> None:
        for number in range(count):
            if (name := f"{service}-{number}") not in self.instances:
                self.lives += 1
                life = f"{name}!{self.lives}"
                self.instances[name] = Instance(
                    service, name, life, InstanceState.RUNNING, self.clock.now()
                )

    async def set_instances(self, service: str, count: int, *, leaving: Sequence[str] = ()) -> None:
        self.did.append(f"{service} to {count}")
        for name in leaving:
            del self.instances[name]
        self.have(service, count)

    async def failover(self, service: str, standby: str, *, grace_s: float) -> Sequence[str]:
        self.did.append(f"{standby} for {service}, grace {grace_s:g} s")
        for name in self.of(service):
            self.end(name, Exit(self.clock.now(), -15))
        return (f"{standby} answers as {service}",)

    async def failback(self, service: str) -> Sequence[str]:
        self.did.append(f"{service} itself")
        for name in self.of(service):
            del self.instances[name]
        self.have(service, 1)
        return ()


@dataclass
class Answers(Prober):
    """Who is in `sick` says no; `web` is as late as it is loaded."""

    sick: set[str] = field(default_factory=set)
    latency_s: Callable[[], float] = lambda: QUICK_S

    async def probe(self, spec: Any, service: Any, instance: Any, timeout_s: float) -> ProbeResult:
        verdict = ProbeVerdict.FAIL if service.name in self.sick else ProbeVerdict.PASS
        late_s = self.latency_s() if service.name == "web" else QUICK_S
        return ProbeResult(verdict, self.clock.now(), late_s)


class World(small_world.World):
    """All of the stack runs, on a host with room."""

    runtime: Runtime
    prober: Answers

    def __init__(self, declared: Stack, settings: Any = SETTINGS) -> None:
        super().__init__(declared, settings)
        self.runtime, self.prober = Runtime(self.clock), Answers(self.clock)
        self.host = Host()
        for spec in declared.services.values():
            self.runtime.have(spec.name, spec.instances)


# --- one instance more ---

WEB = service(
    "web",
    instances=2,
    min_instances=1,
    max_instances=3,
    has_bounds=True,
    spread=Spread.CLIENT,
    probe=PROBE,
)
SHOP = stack(WEB, service("front", "web", probe=PROBE))
BRIEF = replace(SETTINGS, mitigation_most_s=2.0)


def usual(control: Control) -> None:
    """A hundred samples of what is usual, as if it had been watched for long."""
    names, signals = control.ring.services, tuple(Signal)
    every_s, now_s = control.settings.sample_interval_s, control.clock.now()
    for number in range(100, 0, -1):
        sample = np.full((len(signals), len(names)), QUICK_S, dtype=np.float32)
        control.ring.append(now_s - number * every_s, sample)


def test_who_is_strained_gets_one_instance_more_for_a_while() -> None:
    world = World(SHOP, BRIEF)
    world.prober.latency_s = lambda: SLOW_S if len(world.runtime.of("web")) < 3 else QUICK_S

    async def story() -> None:
        async with world.life(usual) as control:
            await until(lambda: proofs(world, ActionKind.SCALE_OUT) == [True], 30.0)
            (out,) = proven(world, ActionKind.SCALE_OUT)
            assert (out.origin, out.cause) == (Origin.MITIGATION, Cause.SLOW)
            assert (out.step.parameters[INSTANCES], out.step.parameters[BEFORE]) == (3, 2)
            assert "can reach 0.60, with it 0.40" in out.reason, "as late as 0.6 of its time-out"
            (held,) = control.state.mitigated.values()
            assert (held.because, held.has_passed) == ("web", True)
            await until(lambda: proofs(world, ActionKind.SCALE_IN) == [True], 30.0)
            (undo,) = proven(world, ActionKind.SCALE_IN)
            assert undo.step.undoes == out.action_id
            assert undo.at_s - held.since_s >= BRIEF.mitigation_most_s
            assert len(world.runtime.of("web")) == 2
            assert not control.state.mitigated
            again = "stateful_care: web was scaled on a prediction within a day"
            await until(lambda: again in control.mitigations.standing.values(), 30.0)
        assert world.runtime.did == ["web to 3", "web to 2"], "once a day, and nobody is restarted"

    run(story())


def test_what_is_no_better_for_it_is_taken_back() -> None:
    world = World(SHOP, SETTINGS)
    world.prober.latency_s = lambda: SLOW_S

    async def story() -> None:
        async with world.life(usual) as control:
            await until(lambda: bool(proofs(world, ActionKind.SCALE_OUT)), 30.0)
            (ended,) = [v for v in world.journal.of(e.Verified) if v.service == "web"]
            assert (ended.has_passed, ended.reason) == (False, "web is no better for it")
            await until(lambda: proofs(world, ActionKind.SCALE_IN) == [True], 30.0)
            assert len(world.runtime.of("web")) == 2
            assert not control.state.mitigated

    run(story())


def test_so_does_who_is_foretold_to_be() -> None:
    """Whatever model says so; a prediction that comes true no more proves it."""
    world = World(SHOP, BRIEF)

    def foretold(control: Control) -> None:
        def look(*_: object) -> Predictions:
            now_s = control.clock.now()
            said = Prediction("web", Cause.SLOW, 0.8, now_s + 5, now_s + 9, ("more each minute",),
                "test", now_s, now_s + 20)  # fmt: skip
            return Predictions((said,) if len(world.runtime.of("web")) < 3 else ())

        control.foresight.look = look  # type: ignore[assignment]

    async def story() -> None:
        async with world.life(foretold) as control:
            await until(lambda: proofs(world, ActionKind.SCALE_OUT) == [True], 30.0)
            (out,) = proven(world, ActionKind.SCALE_OUT)
            assert (out.origin, out.cause) == (Origin.MITIGATION, Cause.SLOW)
            assert "can reach 0.80, with it 0.53" in out.reason
            await until(lambda: proofs(world, ActionKind.SCALE_IN) == [True], 30.0)
            assert not control.state.mitigated

    run(story())


# --- a standby ---

SPARE = service("db2", probe=PROBE)
API = service("api", "db", probe=PROBE)


def with_standby(**modes: Mode) -> World:
    kinds = {ActionKind(kind): mode for kind, mode in modes.items()}
    db = service("db", standby="db2", probe=PROBE, modes={**WATCHED, **kinds})
    world = World(stack(db, SPARE, API), BRIEF)
    world.prober.sick = {"db"}
    return world


def test_a_standby_takes_over_where_its_owner_lets_it_and_stays() -> None:
    world = with_standby(failover=Mode.AUTO)
    began_s = world.clock.now()

    async def story() -> None:
        async with world.life() as control:
            await until(lambda: proofs(world, ActionKind.FAILOVER) == [True], 30.0)
            (over,) = proven(world, ActionKind.FAILOVER)
            assert over.origin is Origin.MITIGATION
            assert over.at_s - began_s >= BRIEF.isolation_wait_s
            assert control.state.service("db").stands_in == "db2"
            assert [d.target for d in control.led_stack.services["api"].depends_on] == ["db2"]
            world.prober.sick = set()
            await asyncio.sleep(BRIEF.mitigation_most_s + 1.0)
            assert world.runtime.did == ["db2 for db, grace 10 s"], "nothing is given back"
            (held,) = control.state.mitigated.values()
            assert held.has_passed
        async with world.life() as control:
            assert control.state.service("db").stands_in == "db2", "over a restart of ours too"
            wish = Request(Verb.HEAL, "ann", "db", kind=ActionKind.REJOIN)
            said = await control.request(wish)
            assert said.state is AnswerState.ACCEPTED, said
            await until(lambda: proofs(world, ActionKind.REJOIN) == [True], 30.0)
            assert world.runtime.did[1:] == ["db itself"]
            assert not control.state.mitigated
            assert not control.state.service("db").stands_in

    run(story())


def test_else_a_person_is_asked() -> None:
    world = with_standby()

    async def story() -> None:
        async with world.life() as control:
            await until(lambda: bool(control.state.approvals), 30.0)
            (asked,) = control.state.approvals.values()
            assert asked.kind is ActionKind.FAILOVER
            assert not world.runtime.did
            yes = Request(Verb.APPROVE, by="ann", approval_id=asked.id)
            assert (await control.request(yes)).state is AnswerState.DONE
            await until(lambda: proofs(world, ActionKind.FAILOVER) == [True], 30.0)
            assert len(done(world, ActionKind.FAILOVER)) == 1

    run(story())
