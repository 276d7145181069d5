"""Cases about lives: starting, stopping, killing, restarting, and being interrupted in between.

Each is a story told in a lab; an AssertionError names what the runtime did that it must not.
"""

from __future__ import annotations

import asyncio
import contextlib

from everup.loop.ports import Runtime
from everup.model.errors import GiveUp, StillEnds, TryAgain
from everup.model.kinds import is_known
from everup.testing.runtime_lab import (
    GRACE_S,
    RuntimeLab,
    instances_of,
    is_up,
    opened,
    the_only,
    until,
)

SHORT_GRACE_S = 0.3


async def _begin(lab: RuntimeLab, runtime: Runtime, service: str) -> None:
    await runtime.start(service)
    await lab.settled(runtime, service)


async def lists_what_it_started(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        assert await instances_of(runtime, "steady") == {}, "nothing was started yet"
        await runtime.start("steady")
        found = await instances_of(runtime, "steady")
        assert len(found) == lab.stack.services["steady"].instances
        assert all(is_up(i) for i in found.values())
        assert len({i.identity for i in found.values()}) == len(found), "identities must differ"
        ports = [i.port for i in found.values() if i.port is not None]
        assert len(set(ports)) == len(ports), "two instances on one port"
        now_s = lab.clock.now()
        assert all(is_known(i.started_at_s) and i.started_at_s <= now_s for i in found.values())


async def start_leaves_running_ones_alone(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "steady")
        before = await instances_of(runtime, "steady")
        await runtime.start("steady")
        after = await instances_of(runtime, "steady")
        assert {n: i.identity for n, i in after.items()} == {
            n: i.identity for n, i in before.items()
        }


async def start_is_for_the_named_instance_alone(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "steady")
        await runtime.stop("steady", grace_s=GRACE_S)
        first, second = sorted(await instances_of(runtime, "steady"))
        await runtime.start("steady", second)
        found = await instances_of(runtime, "steady")
        assert is_up(found[second])
        assert not is_up(found[first])


async def stops_within_grace(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "idle")
        told = await runtime.stop("idle", grace_s=GRACE_S, may_kill=False)
        assert not told, "what ends by itself was not killed"
        instance = await the_only(runtime, "idle")
        assert not is_up(instance)
        assert instance.exit is not None
        assert instance.exit.code == 0, "idle ends with code 0 when it is asked to"


async def stop_is_for_the_named_instance_alone(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "steady")
        before = await instances_of(runtime, "steady")
        first, second = sorted(before)
        await runtime.stop("steady", first, grace_s=GRACE_S)
        after = await instances_of(runtime, "steady")
        assert not is_up(after[first])
        assert is_up(after[second])
        assert after[second].identity == before[second].identity


async def does_not_kill_when_it_may_not(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "stubborn")
        before = await the_only(runtime, "stubborn")
        for verb in (runtime.stop, runtime.restart):
            error = await _give_up(verb("stubborn", grace_s=SHORT_GRACE_S, may_kill=False))
            assert isinstance(error, StillEnds), "its signal cannot be taken back, which is said"
            assert error.instance == before.name
            assert "stubborn" in str(error), f"the refusal must name who still runs: {error}"
            after = await the_only(runtime, "stubborn")
            assert is_up(after)
            assert after.identity == before.identity


async def kills_after_grace_when_it_may(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "stubborn")
        told = await runtime.stop("stubborn", grace_s=SHORT_GRACE_S, may_kill=True)
        instance = await the_only(runtime, "stubborn")
        assert not is_up(instance)
        assert instance.exit is not None
        assert instance.exit.code not in (0, None), "a kill is no orderly end"
        assert instance.name in " ".join(told), "that it was killed is told"


async def kill_ends_the_stubborn(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "stubborn")
        await runtime.kill("stubborn")
        assert not is_up(await the_only(runtime, "stubborn"))


async def restart_changes_the_identity_of_its_target_alone(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "steady")
        await _begin(lab, runtime, "idle")
        before = await instances_of(runtime, "steady")
        idle_before = await the_only(runtime, "idle")
        first, second = sorted(before)
        await runtime.restart("steady", first, grace_s=GRACE_S)
        after = await instances_of(runtime, "steady")
        assert is_up(after[first])
        assert after[first].identity != before[first].identity
        assert after[second].identity == before[second].identity
        assert (await the_only(runtime, "idle")).identity == idle_before.identity


async def restart_of_a_service_is_for_all_its_instances(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "steady")
        before = await instances_of(runtime, "steady")
        await runtime.restart("steady", grace_s=GRACE_S)
        after = await instances_of(runtime, "steady")
        assert set(after) == set(before)
        assert all(is_up(i) for i in after.values())
        assert all(after[n].identity != before[n].identity for n in before)


async def restart_starts_what_is_dead(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "idle")
        await runtime.stop("idle", grace_s=GRACE_S)
        dead = await the_only(runtime, "idle")
        await runtime.restart("idle", grace_s=GRACE_S)
        alive = await the_only(runtime, "idle")
        assert is_up(alive)
        assert alive.identity != dead.identity


async def restart_with_no_grace_heals_what_hangs(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "hanger")
        await lab.clock.sleep(0.6)
        hung = await the_only(runtime, "hanger")
        assert is_up(hung), "one that hangs is not dead"
        await runtime.restart("hanger", grace_s=0.0)
        fresh = await the_only(runtime, "hanger")
        assert is_up(fresh)
        assert fresh.identity != hung.identity


async def a_cancelled_restart_is_told_truthfully(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "stubborn")
        before = await the_only(runtime, "stubborn")
        call = asyncio.ensure_future(runtime.restart("stubborn", grace_s=60.0))
        await lab.clock.sleep(SHORT_GRACE_S)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        after = await the_only(runtime, "stubborn")
        assert is_up(after)
        assert after.identity == before.identity, "it was interrupted before the kill"
        await runtime.kill("stubborn")
        assert not is_up(await the_only(runtime, "stubborn")), "the service can be acted on again"


async def a_restart_cancelled_at_any_moment_leaves_one_life_or_none(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        for delay_s in (0.0, 0.001, 0.005, 0.01, 0.02, 0.05):
            await runtime.start("idle")
            call = asyncio.ensure_future(runtime.restart("idle", grace_s=GRACE_S))
            await lab.clock.sleep(delay_s)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await the_only(runtime, "idle")
            await runtime.start("idle")
            assert is_up(await the_only(runtime, "idle"))


async def a_second_call_waits_or_is_sent_away(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "stubborn")
        first = asyncio.ensure_future(runtime.restart("stubborn", grace_s=2.0))
        await lab.clock.sleep(0.1)
        with contextlib.suppress(TryAgain):
            await runtime.restart("stubborn", grace_s=0.0)
        await first

        async def is_back() -> bool:
            return is_up(await the_only(runtime, "stubborn"))

        await until(lab, is_back, what="stubborn should run again")


async def closing_leaves_services_alone_unless_asked(lab: RuntimeLab) -> None:
    runtime = await lab.open()
    await _begin(lab, runtime, "steady")
    before = await instances_of(runtime, "steady")
    await runtime.close()
    runtime = await lab.open()
    after = await instances_of(runtime, "steady")
    assert {n: i.identity for n, i in after.items() if is_up(i)} == {
        n: i.identity for n, i in before.items()
    }
    await runtime.close(stop_services=True)
    runtime = await lab.open()
    found = await instances_of(runtime, "steady")
    assert not any(is_up(i) for i in found.values()), "close(stop_services=True) left some running"
    await runtime.close()


async def recreate_replaces_its_target_alone(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "steady")
        before = await instances_of(runtime, "steady")
        first, second = sorted(before)
        await runtime.recreate("steady", first, grace_s=GRACE_S)
        after = await instances_of(runtime, "steady")
        assert is_up(after[first])
        assert after[first].identity != before[first].identity
        assert after[second].identity == before[second].identity


async def isolating_and_rejoining_keep_the_life(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "idle")
        before = await the_only(runtime, "idle")
        for verb in (runtime.isolate, runtime.isolate, runtime.rejoin, runtime.rejoin):
            await verb("idle")
            after = await the_only(runtime, "idle")
            assert is_up(after)
            assert after.identity == before.identity


async def _give_up(call: object) -> GiveUp:
    assert asyncio.iscoroutine(call)
    try:
        await call
    except GiveUp as error:
        return error
    raise AssertionError("it should have been given up")
