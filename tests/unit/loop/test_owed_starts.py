"""`everup up` is a wish for each service, and none of them is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from everup.loop.control import Control
from everup.loop.fold import fold_all
from everup.model import entries as e
from everup.model.kinds import Mode, ProbeVerdict, Purpose, is_known
from everup.model.request import AnswerState, Request, Verb
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import StackState
from tests.unit.builders import service, stack
from tests.unit.loop.small_world import QUICK, World, until

UP = "everup up"


@asynccontextmanager
async def brought_up(world: World) -> AsyncIterator[Control]:
    def ask(control: Control) -> None:
        for name in control.graph.order:
            wish = Request(Verb.START, UP, name, reason=UP)
            control.owed_starts.put(wish, world.clock.now())

    async with world.life(ask) as control:
        yield control


def frozen(world: World) -> World:
    world.journal.kept.append(e.FreezeSet(1.0, "", "backup", "ann"))
    return world


def observing(*names: str) -> Stack:
    return stack(*(service(name) for name in names), mode=Mode.OBSERVE)


def test_up_while_frozen_starts_when_the_freeze_is_lifted() -> None:
    async def story() -> list[str]:
        world = frozen(World(observing("a")))
        async with brought_up(world) as control:
            await until(lambda: bool(world.journal.of(e.GateAnswered)))
            assert world.runtime.did == []
            assert world.journal.of(e.IncidentOpened) == []
            await control.request(Request(Verb.UNFREEZE, "ann"))
            await until(lambda: world.runtime.did != [])
            await until(lambda: control.owed_starts.services() == frozenset())
            return world.runtime.did

    assert asyncio.run(story()) == ["start a"]


def test_a_hundred_services_are_all_started() -> None:
    async def story() -> int:
        # At the quickest pace a busy machine alone makes some of a hundred starts time out.
        names = [f"s{n:03}" for n in range(100)]
        world = World(observing(*names), Settings().scaled(0.1))
        async with brought_up(world):
            await until(lambda: len(world.runtime.did) >= 100, 60.0)
            return len(world.runtime.did)

    assert asyncio.run(story()) == 100


def test_a_start_that_is_refused_now_is_owed_and_one_that_was_stopped_is_not() -> None:
    async def story() -> list[str]:
        world = frozen(World(observing("a", "b")))
        async with world.life() as control:
            for name in ("a", "b"):
                answer = await control.request(Request(Verb.START, "ann", name))
                assert answer.state is AnswerState.DELAYED
                assert "started" in answer.text
            await control.write([e.PurposeSet(world.clock.now(), "b", Purpose.STOPPED, "ann")])
            await control.request(Request(Verb.UNFREEZE, "ann"))
            await until(lambda: control.owed_starts.services() == frozenset())
            return world.runtime.did

    assert asyncio.run(story()) == ["start a"]


def chain() -> Stack:
    slow = replace(service("db"), start_period_s=0.6)
    needy = (service("api", "db"), service("web", "api"))
    return stack(slow, *needy, service("alone"), mode=Mode.OBSERVE)


def test_dependents_start_when_what_they_need_is_up() -> None:
    async def story() -> None:
        world = World(chain())
        is_up: set[str] = set()
        world.prober.says = lambda name: (
            ProbeVerdict.PASS if name in {*is_up, "alone"} else ProbeVerdict.FAIL
        )
        async with brought_up(world) as control:
            await until(lambda: len(world.runtime.did) == 2)
            assert set(world.runtime.did) == {"start db", "start alone"}
            held = {d.service: d.hold.text for d in control.look.decisions if d.hold}  # type: ignore[union-attr]
            assert held["api"] == "it needs db, which is on its way up"
            is_up.add("db")
            await until(lambda: "start api" in world.runtime.did)
            assert "start web" not in world.runtime.did
            is_up.add("api")
            await until(lambda: "start web" in world.runtime.did)

    asyncio.run(story())


def test_what_does_not_come_up_keeps_nobody_down_for_ever() -> None:
    async def story() -> None:
        world = World(chain(), replace(QUICK, start_period_unknown_s=0.6))
        world.prober.says = lambda name: ProbeVerdict.FAIL
        async with brought_up(world):
            await until(lambda: {"start api", "start web"} <= set(world.runtime.did))

    asyncio.run(story())


def test_nobody_waits_for_what_is_stopped_or_frozen() -> None:
    async def story() -> None:
        for entry in (
            e.PurposeSet(1.0, "db", Purpose.STOPPED, "ann"),
            e.FreezeSet(1.0, "db", "backup", "ann"),
        ):
            world = World(chain(), replace(QUICK, start_period_unknown_s=60.0))
            world.journal.kept.append(entry)
            did = world.runtime.did
            async with brought_up(world):
                await until(lambda did=did: "start api" in did)  # type: ignore[misc]
                assert "start db" not in did

    asyncio.run(story())


def test_a_circle_begins_somewhere() -> None:
    async def story() -> None:
        world = World(stack(service("a", "b"), service("b", "a"), mode=Mode.OBSERVE))
        async with brought_up(world):
            await until(lambda: set(world.runtime.did) == {"start a", "start b"}, within_s=2)

    asyncio.run(story())


def test_a_start_that_fails_at_once_is_not_begun_over_and_over() -> None:
    async def story() -> int:
        world = World(observing("a"))

        async def start(name: str, instance: str | None = None) -> None:
            world.runtime.did.append(name)
            raise FileNotFoundError("no such program")

        world.runtime.start = start  # type: ignore[method-assign,assignment]
        async with brought_up(world):
            await asyncio.sleep(0.5)
            return len(world.runtime.did)

    assert asyncio.run(story()) == 1


def test_the_time_of_a_need_begins_with_its_own_start() -> None:
    """db never comes: api goes on without it, and web waits for api all the same."""

    async def story() -> None:
        world = World(chain(), replace(QUICK, start_period_unknown_s=60.0))
        world.prober.says = lambda name: ProbeVerdict.PASS if name == "api" else ProbeVerdict.FAIL
        async with brought_up(world):
            await until(lambda: "start web" in world.runtime.did)
        began = [i for i in world.journal.of(e.Intended) if i.step.target in ("api", "web")]
        assert [i.step.target for i in began] == ["api", "web"]
        assert "without db" in began[0].reason

    asyncio.run(story())


def test_a_circle_begins_at_once_and_waits_for_what_is_below_it() -> None:
    async def story() -> None:
        round_about = stack(
            replace(service("db"), start_period_s=30.0),
            service("a", "b", "db"),
            service("b", "a"),
            mode=Mode.OBSERVE,
        )
        world = World(round_about)
        is_up: set[str] = set()
        world.prober.says = lambda name: ProbeVerdict.PASS if name in is_up else ProbeVerdict.FAIL
        async with brought_up(world):
            await until(lambda: world.runtime.did == ["start db"])
            is_up.add("db")
            await until(lambda: {"start a", "start b"} <= set(world.runtime.did))

    asyncio.run(story())


def test_only_the_first_start_after_a_down_knows_of_it() -> None:
    down = e.ControllerStopped(10.0, "asked to", stops_services=True)
    first = fold_all(StackState(), [e.ControllerStarted(1.0, "0", "d"), down])
    first = fold_all(first, [e.ControllerStarted(20.0, "0", "d")])
    assert first.services_stopped_at_s == 10.0
    second = fold_all(first, [e.ControllerStarted(30.0, "0", "d")])
    assert not is_known(second.services_stopped_at_s)
