"""Cases about connections: who talks to whom, as a runtime sees it without touching anybody."""

from __future__ import annotations

from everup.model.runtime import Capability
from everup.testing.runtime_lab import RuntimeLab, opened, the_only, until

EDGE = ("idle", "steady")


async def who_talks_to_whom_is_seen(lab: RuntimeLab) -> None:
    """From the caller to the called, and nobody else; looking changes nothing."""
    assert lab.manifest.can(Capability.CONNECTIONS)
    async with opened(lab) as runtime:
        for service in (*EDGE, "stubborn"):
            await runtime.start(service)
            await lab.settled(runtime, service)
        before = await runtime.connections()
        assert EDGE not in before.seen, "nobody talks yet"
        assert not before.unseen, f"all of them can be looked at: {dict(before.unseen)}"
        life = (await the_only(runtime, "idle")).identity
        await lab.talk(runtime)

        async def is_seen() -> bool:
            return EDGE in (await runtime.connections()).seen

        await until(lab, is_seen, what="the connection of idle to steady is seen")
        found = await runtime.connections()
        assert set(found.seen) == {EDGE}, f"nobody else talks: {dict(found.seen)}"
        assert found.seen[EDGE] >= 1
        assert before.at_s <= found.at_s <= lab.clock.now()
        assert (await the_only(runtime, "idle")).identity == life


async def who_is_gone_talks_to_nobody(lab: RuntimeLab) -> None:
    """A caller that was killed is no caller any more, though others still run."""
    async with opened(lab) as runtime:
        for service in EDGE:
            await runtime.start(service)
            await lab.settled(runtime, service)
        await lab.talk(runtime)

        async def is_seen() -> bool:
            return EDGE in (await runtime.connections()).seen

        async def is_not_seen() -> bool:
            return not await is_seen()

        await until(lab, is_seen, what="the connection of idle to steady is seen")
        await runtime.kill("idle")
        await until(lab, is_not_seen, what="a connection of a dead caller is over")
