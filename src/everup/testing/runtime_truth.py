"""Cases about truth: what is listed, what is an event, what is still known after a crash."""

from __future__ import annotations

from everup.loop.ports import Runtime
from everup.model.kinds import is_known
from everup.model.runtime import EventKind
from everup.testing.runtime_lab import (
    CRASH_CODE,
    GRACE_S,
    PATIENCE_S,
    Events,
    RuntimeLab,
    instances_of,
    is_up,
    opened,
    the_only,
    until,
)


async def _crashed(lab: RuntimeLab, runtime: Runtime) -> None:
    async def is_down() -> bool:
        return not is_up(await the_only(runtime, "crasher"))

    await until(lab, is_down, what="crasher should end by itself")


async def a_death_is_an_event_with_its_code(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        events = Events(lab, runtime)
        await runtime.start("crasher")
        event = await events.first(EventKind.DIED, "crasher")
        assert event.exit is not None
        assert event.exit.code == CRASH_CODE
        assert event.exit.was_witnessed
        assert not event.is_ours, "nobody asked it to end"
        assert event.instance in await instances_of(runtime, "crasher")
        assert event.at_s <= lab.clock.now()
        await events.aclose()


async def what_we_end_is_marked_ours(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("idle")
        await lab.settled(runtime, "idle")
        events = Events(lab, runtime)
        await runtime.stop("idle", grace_s=GRACE_S)
        event = await events.first(EventKind.DIED, "idle")
        assert event.is_ours, "the stop was ours"
        await events.aclose()


async def a_start_is_an_event(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        events = Events(lab, runtime)
        await runtime.start("idle")
        event = await events.first(EventKind.STARTED, "idle")
        assert event.is_ours
        await events.aclose()


async def every_watcher_hears_everything(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        watchers = [Events(lab, runtime), Events(lab, runtime)]
        await runtime.start("crasher")
        for events in watchers:
            await events.first(EventKind.DIED, "crasher")
            await events.aclose()


async def watching_begins_with_the_call(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        stream = runtime.watch()
        await runtime.start("idle")
        event = await anext(stream)
        assert event.service == "idle"
        assert event.kind is EventKind.STARTED


async def watching_ends_with_the_runtime(lab: RuntimeLab) -> None:
    runtime = await lab.open()
    events = Events(lab, runtime)
    await runtime.close(stop_services=True)

    async def has_ended() -> bool:
        return events.has_ended

    await until(lab, has_ended, what="the stream of events should be over")


async def the_dead_stay_listed_until_replaced(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("crasher")
        await _crashed(lab, runtime)
        dead = await the_only(runtime, "crasher")
        assert dead.exit is not None
        assert dead.exit.code == CRASH_CODE
        assert (await the_only(runtime, "crasher")).exit == dead.exit, "it stays as it was"
        await runtime.start("crasher")
        fresh = await the_only(runtime, "crasher")
        assert fresh.identity != dead.identity
        assert not is_up(fresh) or fresh.exit is None, "a running one has not exited"


async def one_that_hangs_is_listed_as_running(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("hanger")

        async def stands_still() -> bool:
            hung = await the_only(runtime, "hanger")
            assert is_up(hung)
            return hung.process_state in (None, "T", "D", "S")

        await until(lab, stands_still, what="hanger should stand still")
        await lab.clock.sleep(1.0)
        assert is_up(await the_only(runtime, "hanger"))


async def counters_never_go_back(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("idle")
        await lab.settled(runtime, "idle")
        before = await the_only(runtime, "idle")
        await lab.clock.sleep(0.5)
        after = await the_only(runtime, "idle")
        for name in ("cpu_seconds", "io_bytes"):
            old, new = getattr(before, name), getattr(after, name)
            assert not is_known(old) or new >= old, f"{name} went from {old} to {new}"
        for value in (after.memory_bytes, after.accept_queue):
            assert not is_known(value) or value >= 0


async def a_listing_bears_the_time_of_its_making(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        before_s = lab.clock.now()
        listing = await runtime.list()
        assert before_s <= listing.at_s <= lab.clock.now()


async def what_runs_survives_the_loss_of_its_controller(lab: RuntimeLab) -> None:
    runtime = await lab.open()
    await runtime.start("steady")
    await lab.settled(runtime, "steady")
    before = await instances_of(runtime, "steady")
    await lab.lose(runtime)
    async with opened(lab) as again:
        after = await instances_of(again, "steady")
        assert {n: (i.identity, i.port) for n, i in after.items()} == {
            n: (i.identity, i.port) for n, i in before.items()
        }
        assert all(is_up(i) for i in after.values())
        for name, instance in after.items():
            assert abs(instance.started_at_s - before[name].started_at_s) < PATIENCE_S
        await again.start("steady")
        unchanged = await instances_of(again, "steady")
        assert {i.identity for i in unchanged.values()} == {i.identity for i in before.values()}
        events = Events(lab, again)
        await again.stop("steady", grace_s=GRACE_S, may_kill=False)
        assert (await events.first(EventKind.DIED, "steady")).is_ours
        await events.aclose()
        assert not any(is_up(i) for i in (await instances_of(again, "steady")).values())


async def who_died_without_a_controller_is_listed_as_dead(lab: RuntimeLab) -> None:
    runtime = await lab.open()
    await runtime.start("crasher")
    await lab.lose(runtime)
    await lab.clock.sleep(1.0)
    async with opened(lab) as again:
        await _crashed(lab, again)
        dead = await the_only(again, "crasher")
        assert dead.exit is not None
        assert dead.exit.code in (CRASH_CODE, None), "an unread code is unknown, not another one"


async def the_dead_are_still_listed_by_the_next_controller(lab: RuntimeLab) -> None:
    runtime = await lab.open()
    await runtime.start("crasher")
    await _crashed(lab, runtime)
    dead = await the_only(runtime, "crasher")
    await runtime.close()
    async with opened(lab) as again:
        assert (await the_only(again, "crasher")).exit == dead.exit
