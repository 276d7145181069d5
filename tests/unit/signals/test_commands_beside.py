"""Commands that ask for a queue, and hang, leave room for those that ask whether all is well."""

from __future__ import annotations

import asyncio

import pytest

from everup.model.errors import TryAgain
from everup.model.kinds import InstanceState
from everup.model.observation import Instance
from everup.model.stack import ServiceSpec
from everup.signals.deadline import DeadlinePassed
from everup.signals.probes.command import CommandAsker
from tests.contract.process_lab import WallClock

WEB = ServiceSpec("web")
HANGS = ("sleep", "30")


def test_commands_that_hang_leave_a_slot_to_probes() -> None:
    async def story() -> None:
        commands = CommandAsker(WallClock(), {"PATH": "/usr/bin:/bin"}, 0.3)
        hanging = [asyncio.create_task(commands.run(HANGS, WEB, None, 0.6)) for _ in range(3)]
        await asyncio.sleep(0.05)
        one = Instance("web", "web-1", "1", InstanceState.RUNNING, 0.0)
        assert await commands.take_turn(one, 0.0) is None
        commands.give_back()
        ends = await asyncio.gather(*hanging, return_exceptions=True)
        assert [type(end) for end in ends] == [DeadlinePassed, TryAgain, TryAgain]
        finished = await commands.run(("echo", "17"), WEB, None, 5.0)
        assert finished.output == "17\n", "what ended, and what waited in vain, holds nothing"
        await commands.close()

    asyncio.run(story())


def test_who_waits_in_vain_for_a_slot_lets_others_ask() -> None:
    async def story() -> None:
        commands = CommandAsker(WallClock(), {"PATH": "/usr/bin:/bin"}, 0.1)
        for number in range(2):
            one = Instance("web", f"web-{number}", "1", InstanceState.RUNNING, 0.0)
            assert await commands.take_turn(one, 0.0) is None
        with pytest.raises(TryAgain, match="other commands kept running"):
            await commands.run(("echo", "17"), WEB, None, 5.0)
        commands.give_back()
        assert (await commands.run(("echo", "17"), WEB, None, 5.0)).code == 0
        await commands.close()

    asyncio.run(story())
