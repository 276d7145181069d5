"""Cases about quarantine: who was sick is kept aside, somebody fresh has the place, and nothing of
it outlives the controller.
"""

from __future__ import annotations

import asyncio

from everup.loop.ports import Runtime
from everup.model.observation import Instance
from everup.model.runtime import Capability
from everup.testing.runtime_lab import (
    GRACE_S,
    TURN_S,
    RuntimeLab,
    instances_of,
    is_up,
    opened,
    the_only,
    until,
)

LONG_S = 600.0
SHORT_S = 1.0


async def _begin(lab: RuntimeLab, runtime: Runtime, service: str) -> dict[str, Instance]:
    await runtime.start(service)
    await lab.settled(runtime, service)
    return await instances_of(runtime, service)


async def quarantine_replaces_its_target_alone(lab: RuntimeLab) -> None:
    hook = lab.stack.services["steady"].hooks["greet"]
    async with opened(lab) as runtime:
        before = await _begin(lab, runtime, "steady")
        first, second = sorted(before)
        pids = None
        if lab.manifest.can(Capability.PROCESSES):
            pids = {sight.pid for sight in await runtime.processes("steady", first)}
        told = await runtime.quarantine("steady", first, keep_s=LONG_S, grace_s=GRACE_S)
        assert any("aside" in line for line in told), "what is kept is said"
        await lab.settled(runtime, "steady")
        after = await instances_of(runtime, "steady")
        assert set(after) == set(before), "the kept one is not listed"
        assert all(is_up(i) for i in after.values())
        assert after[first].identity != before[first].identity
        assert after[second].identity == before[second].identity
        if pids is not None:
            now = {sight.pid for sight in await runtime.processes("steady")}
            assert not pids & now, "it belongs to no instance"
        if lab.manifest.can(Capability.RUN_HOOK):
            answer = await runtime.run_hook("steady", "greet", hook)
            assert answer.count("hello") == len(after), "it answers nobody"
        assert not await runtime.release("idle"), "nothing is held of this one"
        assert any("steady" in line for line in await runtime.release("steady"))
        assert not await runtime.release(), "once is enough"
        given = await instances_of(runtime, "steady")
        assert {n: i.identity for n, i in given.items()} == {
            n: i.identity for n, i in after.items()
        }, "giving back restarts nothing"


async def what_hangs_is_healed_by_a_fresh_one(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "hanger")
        await lab.clock.sleep(2 * TURN_S)
        hung = await the_only(runtime, "hanger")
        await runtime.quarantine("hanger", hung.name, keep_s=LONG_S, grace_s=0.0)
        fresh = await the_only(runtime, "hanger")
        assert is_up(fresh)
        assert fresh.identity != hung.identity
        assert await runtime.release("hanger")


async def one_of_a_service_is_kept_at_most(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "idle")
        first = await the_only(runtime, "idle")
        lives = {first.identity}
        await runtime.quarantine("idle", first.name, keep_s=LONG_S, grace_s=GRACE_S)
        lives.add((await the_only(runtime, "idle")).identity)
        await lab.settled(runtime, "idle")
        told = await runtime.quarantine("idle", first.name, keep_s=LONG_S, grace_s=GRACE_S)
        assert any("as usual" in line for line in told), "that it was only restarted is said"
        lives.add((await the_only(runtime, "idle")).identity)
        assert len(lives) == 3
        assert len(await runtime.release()) == 1


async def what_is_dead_is_started_and_not_kept(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "idle")
        await runtime.stop("idle", grace_s=GRACE_S)
        name = (await the_only(runtime, "idle")).name
        await runtime.quarantine("idle", name, keep_s=LONG_S, grace_s=GRACE_S)
        assert is_up(await the_only(runtime, "idle"))
        assert not await runtime.release()


async def what_is_kept_ends_when_its_time_is_over(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await _begin(lab, runtime, "idle")
        name = (await the_only(runtime, "idle")).name
        await runtime.quarantine("idle", name, keep_s=SHORT_S, grace_s=GRACE_S)
        fresh = await the_only(runtime, "idle")
        await lab.clock.sleep(2 * SHORT_S)
        assert not await runtime.release()
        assert (await the_only(runtime, "idle")).identity == fresh.identity


async def what_a_lost_controller_kept_is_given_back(lab: RuntimeLab) -> None:
    runtime = await lab.open()
    await _begin(lab, runtime, "idle")
    await runtime.quarantine(
        "idle", (await the_only(runtime, "idle")).name, keep_s=LONG_S, grace_s=GRACE_S
    )
    fresh = await the_only(runtime, "idle")
    await lab.lose(runtime)
    async with opened(lab) as again:
        assert (await the_only(again, "idle")).identity == fresh.identity
        assert any("idle" in line for line in await again.release())
        assert not await again.release()
        after = await the_only(again, "idle")
        assert is_up(after)
        assert after.identity == fresh.identity


async def a_quarantine_cut_short_leaves_one_life_or_none(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        for delay_s in (0.0, 0.005, 0.02, 0.05):
            await runtime.start("idle")
            name = (await the_only(runtime, "idle")).name
            call = asyncio.ensure_future(
                runtime.quarantine("idle", name, keep_s=LONG_S, grace_s=GRACE_S)
            )
            await lab.clock.sleep(delay_s)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await the_only(runtime, "idle")
            await runtime.start("idle")
            assert is_up(await the_only(runtime, "idle"))

            async def is_free() -> bool:
                await runtime.release("idle")
                return is_up(await the_only(runtime, "idle"))

            await until(lab, is_free, what="idle should run, and nothing be kept of it")
