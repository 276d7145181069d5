"""Traffic is kept away from whoever is acted upon, and comes back once it is well."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from everup.loop.control import Control
from everup.model import entries as e
from everup.model.errors import GiveUp
from everup.model.kinds import UNKNOWN, ActionKind, Mode, ProbeVerdict
from everup.model.mitigation import SHED_FOR
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.model.routing import Held, Order, Route
from everup.model.scaling import Amount, Spread
from everup.model.settings import Settings
from everup.model.stack import ProbeSpec
from tests.unit.builders import service, stack
from tests.unit.loop.small_world import QUICK, until
from tests.unit.loop.traffic_world import World, name_of

SPEC = service(
    "web",
    instances=3,
    max_instances=5,
    spread=Spread.ROUTER,
    route=Route("be_web"),
    probe=ProbeSpec(http="http://127.0.0.1/health", interval_s=0.02, timeout_s=1.0),
)
OBSERVED = stack(SPEC, mode=Mode.OBSERVE)


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 30.0))


async def ask(control: Control, kind: ActionKind, instance: str = "", **more: Any) -> Answer:
    verb = Verb.SCALE if "amount" in more else Verb.HEAL
    request = Request(verb, "ann", "web", kind=kind, instance=instance, **more)
    answer = await control.request(request)
    assert answer.state is AnswerState.ACCEPTED, answer
    return answer


async def over(world: World, count: int = 1) -> list[e.Verified]:
    await until(lambda: len(world.journal.of(e.Verified)) >= count)
    found: list[e.Verified] = world.journal.of(e.Verified)
    return found


def test_one_of_several_is_drained_restarted_and_back_once_it_is_well() -> None:
    world = World(OBSERVED)
    seen: list[Order] = []
    world.runtime.before_act = lambda _, name: seen.append(world.server(int(name[-1])).order)

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART, "web-1")
            (verified,) = await over(world)
            assert verified.has_passed, verified.reason
            await until(lambda: world.server(1).takes and not world.routes.notes)
            assert world.server(1).weight == 100

    run(story())
    assert seen == [Order.OUT]
    orders = [line for line in world.routes.said if line.endswith("be_web/web1")]
    assert orders == ["drain be_web/web1", "out be_web/web1", "ready be_web/web1"]
    assert world.server(2).takes, "nobody else was touched"
    during = world.journal.of(e.Finished)[0].during
    assert any("router: web-1 (be_web/web1) takes no requests" in line for line in during)


def test_it_is_not_back_before_it_is_verified() -> None:
    world = World(OBSERVED)
    world.prober.says = lambda _: ProbeVerdict.FAIL if world.runtime.did else ProbeVerdict.PASS

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART, "web-1")
            (verified,) = await over(world)
            assert not verified.has_passed
            await asyncio.sleep(0.1)
            assert world.server(1).order is Order.OUT, "it is not well"
            assert [h.instance for h in await world.router.held()] == ["web-1"]
        assert world.server(1).order is Order.READY, "nothing that we hold outlives us"
        assert not world.routes.notes

    run(story())


def test_all_of_several_go_one_after_the_other() -> None:
    world = World(OBSERVED)
    away: list[list[int]] = []
    world.runtime.before_act = lambda *_: away.append(
        [n for n in (1, 2, 3) if not world.server(n).takes]
    )

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART)
            (verified,) = await over(world)
            assert verified.has_passed, verified.reason
            await until(lambda: not world.routes.notes)

    run(story())
    assert world.runtime.did == ["restart web-1", "restart web-2", "restart web-3"]
    assert away == [[1], [2], [3]]


def test_the_first_that_does_not_come_back_is_the_last() -> None:
    settings = replace(QUICK, verify_deadline_s=0.2, start_period_unknown_s=0.2)
    world = World(OBSERVED, settings)
    world.prober.says = lambda _: ProbeVerdict.FAIL if world.runtime.did else ProbeVerdict.PASS

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART)
            await until(lambda: bool(world.journal.of(e.Finished)))

    run(story())
    assert world.runtime.did == ["restart web-1"]
    assert "web-1 does not answer" in world.journal.of(e.Finished)[0].error


def test_who_is_needed_is_not_taken_out_and_that_is_said() -> None:
    world = World(OBSERVED)
    for number in (2, 3):
        world.put(number, is_up=False)

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART, "web-1")
            await over(world)

    run(story())
    assert world.runtime.did == ["restart web-1"]
    assert not [line for line in world.routes.said if "web1" in line]
    during = world.journal.of(e.Finished)[0].during
    assert any("nobody else of be_web takes requests" in line for line in during)


def test_a_router_that_does_not_answer_keeps_nobody_from_being_healed() -> None:
    world = World(OBSERVED)
    world.routes.is_silent = True

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART, "web-1")
            (verified,) = await over(world)
            assert verified.has_passed
            counts = control.counts.router
            assert counts is not None
            assert counts.failed
            assert counts.fault == "nobody answers"

    run(story())
    assert world.runtime.did == ["restart web-1"]


def test_what_nothing_came_of_takes_requests_at_once() -> None:
    world = World(OBSERVED)
    world.runtime.fails = GiveUp("no")

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.RECREATE, "web-1")
            await until(lambda: bool(world.journal.of(e.Finished)))
            await until(lambda: world.server(1).takes and not world.routes.notes)

    run(story())


LEFT = [
    (2.0, "2 sessions were left after 0."),
    (UNKNOWN, "did not say how many sessions were left after 0."),
]


@pytest.mark.parametrize(("sessions", "told"), LEFT)
def test_sessions_have_their_time_and_no_more(sessions: float, told: str) -> None:
    world = World(OBSERVED, replace(QUICK, drain_most_s=0.3))
    world.put(1, sessions=sessions)

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART, "web-1")
            await over(world)

    run(story())
    during = world.journal.of(e.Finished)[0].during
    assert any(told in line for line in during), during


def test_what_is_shed_already_has_time_for_its_sessions_too() -> None:
    world = World(OBSERVED, replace(QUICK, drain_most_s=0.3))

    async def story() -> None:
        async with world.life() as control:
            until_s = control.clock.now() + 600.0
            await control.traffic.shed(control.stack.services["web"], "web-1", until_s)
            world.put(1, sessions=2.0)
            await ask(control, ActionKind.CONTAINER_RESTART, "web-1")
            await over(world)

    run(story())
    during = world.journal.of(e.Finished)[0].during
    assert any("2 sessions were left after 0." in line for line in during), during


def test_somebody_elses_order_is_theirs() -> None:
    world = World(OBSERVED)
    world.put(1, order=Order.OUT, is_up=None)

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART, "web-1")
            await over(world)
            await asyncio.sleep(0.2)

    run(story())
    assert world.server(1).order is Order.OUT
    assert not [line for line in world.routes.said if "web1" in line]


def test_who_comes_back_elsewhere_is_led_to() -> None:
    world = World(OBSERVED)
    world.runtime.moves = True

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.RECREATE, "web-1")
            await over(world)
            await until(lambda: world.server(1).takes and not world.routes.notes)

    run(story())
    assert world.server(1).address == world.runtime.instances["web-1"].address != "10.0.0.1"


def test_the_isolated_one_stays_out_until_it_is_connected_again() -> None:
    world = World(OBSERVED)

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.ISOLATE, "web-3")
            await over(world)
            await asyncio.sleep(0.2)
            assert world.server(3).order is Order.OUT
        assert world.server(3).order is Order.READY

    run(story())
    assert world.runtime.did == ["isolate web-3"]


def test_who_leaves_is_drained_first_and_who_comes_is_added_and_weighs_little() -> None:
    world = World(OBSERVED)
    left: list[Order] = []

    def leaves(verb: str, name: str) -> None:
        left.append(world.server(int(name[-1])).order)

    world.runtime.before_act = leaves

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.SCALE_IN, amount=Amount(2))
            (verified,) = await over(world)
            assert verified.has_passed, verified.reason
            await until(lambda: not world.routes.notes)
            del world.routes.servers[name_of(3)]
            await ask(control, ActionKind.SCALE_OUT, amount=Amount(4))
            await over(world, 2)
            await until(lambda: len(world.routes.added) == 2)
            await until(lambda: not world.routes.notes)

    run(story())
    assert left == [Order.OUT]
    added = [line for line in world.routes.said if line.startswith("add ")]
    assert sorted(added) == [f"add be_web/everup-web-{n} 10.0.0.{n}:80" for n in (3, 4)]
    weights = [line for line in world.routes.said if line.startswith("weigh be_web/everup-web-4")]
    assert weights[0].endswith(" 10")
    assert weights[-1].endswith(" 100")


def test_who_comes_takes_requests_once_it_is_well_itself() -> None:
    """The proof of all of them together takes longer."""
    world = World(OBSERVED, Settings(verify_window_s=500.0).scaled(0.02))

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.SCALE_OUT, amount=Amount(4))
            await until(lambda: len(world.routes.added) == 1)
            assert not world.journal.of(e.Verified)

    run(story())


def test_who_comes_has_its_share_by_time_though_nothing_else_calls_for_a_look() -> None:
    world = World(OBSERVED, Settings(tick_s=5000.0).scaled(0.02))

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.SCALE_OUT, amount=Amount(4))
            await over(world)
            await until(lambda: bool(world.routes.added) and not world.routes.notes)

    run(story())
    weights = [line for line in world.routes.said if line.startswith("weigh be_web/everup-web-4")]
    given = [int(line.rpartition(" ")[2]) for line in weights]
    assert (given[0], given[-1]) == (10, 100)
    assert given == sorted(set(given))


def test_a_reload_in_the_middle_is_made_up_for() -> None:
    world = World(OBSERVED)
    world.prober.says = lambda _: ProbeVerdict.FAIL if world.runtime.did else ProbeVerdict.PASS

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART, "web-1")
            await until(lambda: bool(world.journal.of(e.Finished)))
            world.routes.reload()
            assert world.server(1).order is Order.READY
            await until(lambda: world.server(1).order is Order.OUT)

    run(story())


def test_whoever_makes_it_ready_beside_us_has_the_last_word() -> None:
    world = World(OBSERVED)
    world.prober.says = lambda _: ProbeVerdict.FAIL if world.runtime.did else ProbeVerdict.PASS

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART, "web-1")
            await until(lambda: bool(world.journal.of(e.Finished)))
            world.put(1, order=Order.READY)
            await until(lambda: not world.routes.notes)
            assert world.server(1).order is Order.READY

    run(story())


def test_what_an_earlier_life_held_is_given_back_before_the_first_look() -> None:
    world = World(OBSERVED)
    held = Held(name_of(2), "web", "web-2", 4e9, Order.OUT)

    async def story() -> None:
        await world.router.hold(held)
        async with world.life():
            pass

    run(story())
    given = world.journal.of(e.GivenBack)
    assert [line for entry in given for line in entry.what] == ["web: be_web/web2 is given back"]
    assert given[0].at_s <= world.journal.of(e.ControllerStopped)[0].at_s


def test_a_router_that_is_away_at_the_start_is_tried_until_it_answers() -> None:
    world = World(OBSERVED)
    held = Held(name_of(2), "web", "web-2", 4e9, Order.OUT)

    async def story() -> None:
        await world.router.hold(held)
        world.routes.is_silent = True
        async with world.life():
            world.routes.is_silent = False
            await until(lambda: not world.routes.notes)

    run(story())
    assert world.server(2).order is Order.READY


def test_release_by_a_person() -> None:
    world = World(OBSERVED)

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.ISOLATE, "web-3")
            await over(world)
            answer = await control.request(Request(Verb.RELEASE, "ann", "web"))
            assert "be_web/web3" in answer.text
            assert world.server(3).order is Order.READY

    run(story())


def test_a_lease_ends() -> None:
    world = World(OBSERVED, replace(QUICK, router_hold_most_s=0.5))
    world.prober.says = lambda _: ProbeVerdict.FAIL if world.runtime.did else ProbeVerdict.PASS

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART, "web-1")
            await over(world)
            await until(lambda: not world.routes.notes)

    run(story())
    assert world.server(1).order is Order.READY


@pytest.mark.parametrize("mode", [Mode.OBSERVE, Mode.AUTO])
def test_shares_follow_health_where_everup_may_act_by_itself(mode: Mode) -> None:
    world = World(stack(replace(SPEC, mode=mode), mode=mode))
    world.prober.fails = "web-3"  # type: ignore[attr-defined]

    async def probe(spec: Any, service: Any, instance: Any, timeout_s: float) -> Any:
        says = ProbeVerdict.FAIL if instance.name == "web-3" else ProbeVerdict.PASS
        return replace(await World(OBSERVED).prober.probe(spec, service, instance, 1), verdict=says)

    world.prober.probe = probe  # type: ignore[method-assign]

    async def story() -> None:
        async with world.life():
            if mode is Mode.AUTO:
                await until(lambda: world.server(3).weight < 100)
                assert world.server(1).weight == 100
            else:
                await asyncio.sleep(0.5)
                assert world.server(3).weight == 100, "observe changes nothing by itself"
        assert world.server(3).weight == 100

    run(story())


def test_who_freezes_in_the_middle_is_heard_before_the_next_one_is_touched() -> None:
    world = World(OBSERVED)

    async def story() -> None:
        async with world.life() as control:
            asked: list[asyncio.Task[Answer]] = []

            def freezes(*_: Any) -> None:
                wish = control.request(Request(Verb.FREEZE, "ann", reason="wait"))
                asked.append(asyncio.ensure_future(wish))

            world.runtime.before_act = freezes
            await ask(control, ActionKind.CONTAINER_RESTART)
            await until(lambda: bool(world.journal.of(e.Finished)))
            await asyncio.gather(*asked)
            await until(lambda: not world.routes.notes)

    run(story())
    assert world.runtime.did == ["restart web-1"]
    error = world.journal.of(e.Finished)[0].error
    assert error.startswith("web-1 done; then web-2: the stack is frozen by ann: wait; left:")


def test_who_freezes_while_sessions_end_keeps_it_from_being_touched() -> None:
    world = World(OBSERVED, replace(QUICK, drain_most_s=0.5))
    world.put(1, sessions=3.0)

    async def story() -> None:
        async with world.life() as control:
            await ask(control, ActionKind.CONTAINER_RESTART, "web-1")
            await until(lambda: world.server(1).order is Order.DRAIN)
            await control.request(Request(Verb.FREEZE, "ann", "web"))
            await until(lambda: bool(world.journal.of(e.Finished)))
            assert world.server(1).order is Order.READY

    run(story())
    (finished,) = world.journal.of(e.Finished)
    assert not finished.has_happened
    assert "service web is frozen by ann" in finished.error
    assert world.runtime.did == []


def test_what_is_shed_is_held_again_after_a_reload_and_somebody_elses_word_counts() -> None:
    world = World(OBSERVED)

    async def story() -> None:
        async with world.life() as control:
            until_s = control.clock.now() + 600.0
            await control.traffic.shed(SPEC, "web-1", until_s)
            world.routes.reload()
            assert world.server(1).order is Order.READY
            await until(lambda: world.server(1).order is Order.DRAIN)
            world.put(1, order=Order.READY)
            await until(lambda: not world.routes.notes)
            assert world.server(1).order is Order.READY

    run(story())


def test_who_is_shed_while_shares_are_given_stays_shed() -> None:
    """A pass acts upon what it saw; what is ordered meanwhile waits for its end."""
    world = World(OBSERVED)

    async def story() -> None:
        async with world.life() as control:
            seen, may_go_on = asyncio.Event(), asyncio.Event()
            router: Any = control.traffic._router
            real = router.list

            async def slow() -> Any:
                listing = await real()
                if not control.traffic._turn.locked():
                    return listing  # whoever counts requests orders nothing
                router.list = real
                seen.set()
                await may_go_on.wait()
                return listing

            router.list = slow
            await asyncio.wait_for(seen.wait(), 10.0)
            shedding = asyncio.create_task(control.traffic.shed(SPEC, "web-3", 4e9))
            await asyncio.sleep(0.1)
            assert not world.routes.notes, "it waits for the pass"
            may_go_on.set()
            await shedding
            for _ in range(3):
                await asyncio.sleep(2 * control.settings.sample_interval_s)
                (note,) = world.routes.notes.values()
                assert (note.order, note.because) == (Order.DRAIN, SHED_FOR)
                assert world.server(3).order is Order.DRAIN
            assert await control.traffic.no_longer_shed(SPEC, "web-3")
            assert world.server(3).takes
            assert not world.routes.notes

    run(story())
