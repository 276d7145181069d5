"""Cases about what is kept and what is held: evidence before an end, and all given back."""

from __future__ import annotations

from everup.model.stack import Limits
from everup.testing.runtime_lab import (
    PATIENCE_S,
    TURN_S,
    RuntimeLab,
    instances_of,
    is_up,
    opened,
    the_only,
)

_MIB = 1024 * 1024
LINES_MOST = 1000


async def evidence_is_told_and_changes_nothing(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        assert not await runtime.evidence("steady"), "of what was never started"
        await runtime.start("steady")
        await lab.settled(runtime, "steady")
        before = await instances_of(runtime, "steady")
        first, second = sorted(before)
        told = await runtime.evidence("steady")
        assert len(told) < LINES_MOST
        assert all("\n" not in line for line in told)
        assert {name for name in before if any(name in line for line in told)} == set(before)
        alone = await runtime.evidence("steady", first)
        assert any(first in line for line in alone)
        assert not any(second in line for line in alone)
        after = await instances_of(runtime, "steady")
        assert {i.identity for i in after.values()} == {i.identity for i in before.values()}
        assert all(is_up(i) for i in after.values())


async def evidence_of_what_hangs_does_not_hang(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("hanger")
        await lab.settled(runtime, "hanger")
        await lab.clock.sleep(2 * TURN_S)
        began_s = lab.clock.now()
        assert await runtime.evidence("hanger")
        assert lab.clock.now() - began_s < PATIENCE_S
        await runtime.kill("hanger")
        assert await runtime.evidence("hanger"), "how it ended is evidence too"


async def a_changed_limit_is_given_back(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("idle")
        before = await the_only(runtime, "idle")
        assert not await runtime.release(), "nothing is held"
        await runtime.set_limits("idle", Limits(memory_bytes=700.0 * _MIB))
        await runtime.set_limits("idle", Limits(memory_bytes=900.0 * _MIB))
        assert not await runtime.release("steady"), "nothing is held of this one"
        assert (await the_only(runtime, "idle")).memory_limit_bytes == 900 * _MIB
        said = await runtime.release("idle")
        assert any("idle" in line for line in said)
        after = await the_only(runtime, "idle")
        assert after.memory_limit_bytes == before.memory_limit_bytes
        assert after.identity == before.identity, "giving back restarts nothing"
        assert not await runtime.release(), "once is enough"


async def what_a_lost_controller_held_is_given_back(lab: RuntimeLab) -> None:
    runtime = await lab.open()
    await runtime.start("idle")
    before = await the_only(runtime, "idle")
    await runtime.set_limits("idle", Limits(memory_bytes=700.0 * _MIB))
    await lab.lose(runtime)
    async with opened(lab) as again:
        assert (await the_only(again, "idle")).memory_limit_bytes == 700 * _MIB
        assert await again.release()
        after = await the_only(again, "idle")
        assert after.memory_limit_bytes == before.memory_limit_bytes
        assert after.identity == before.identity


async def one_instance_is_isolated_alone(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("steady")
        before = await instances_of(runtime, "steady")
        await runtime.isolate("steady", min(before))
        assert any("steady" in line for line in await runtime.release("steady"))
        await runtime.isolate("steady", min(before))
        await runtime.rejoin("steady")
        assert not await runtime.release("steady"), "it was given back before"
        after = await instances_of(runtime, "steady")
        assert {i.identity for i in after.values()} == {i.identity for i in before.values()}


async def isolation_is_given_back(lab: RuntimeLab) -> None:
    async with opened(lab) as runtime:
        await runtime.start("idle")
        before = await the_only(runtime, "idle")
        await runtime.isolate("idle")
        assert any("idle" in line for line in await runtime.release())
        assert not await runtime.release()
        assert (await the_only(runtime, "idle")).identity == before.identity
