"""A wish for what is so already, or what cannot come of it, is answered at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from everup.loop.meant import SETTLES_S
from everup.model import entries as e
from everup.model.kinds import InstanceState, Purpose
from everup.model.observation import Exit
from everup.model.request import Answer, AnswerState, Request, Verb
from tests.unit.builders import service, stack
from tests.unit.loop.small_world import World, until


def world() -> World:
    made = World(stack(service("a"), service("b")))
    for name in ("a", "b"):
        made.runtime.run(name)
    return made


def test_a_start_of_what_is_paused_says_how_it_goes_on() -> None:
    async def story() -> Answer:
        made = world()
        paused = replace(made.runtime.instances["a"], state=InstanceState.PAUSED)
        made.runtime.instances["a"] = paused
        async with made.life() as control:
            said = await control.request(Request(Verb.START, "ann", "b"))
            assert (said.state, said.text) == (AnswerState.DONE, "b runs already")
            return await control.request(Request(Verb.START, "ann", "a"))

    said = asyncio.run(story())
    assert (said.state, said.check) == (AnswerState.REFUSED, "paused")
    assert "docker unpause a-0" in said.text


def test_what_is_not_frozen_is_not_thawed() -> None:
    async def story() -> None:
        made = world()
        async with made.life() as control:
            said = await control.request(Request(Verb.UNFREEZE, "ann", "a"))
            assert (said.state, said.text) == (AnswerState.DONE, "a was not frozen")
            await control.request(Request(Verb.FREEZE, "ann"))
            said = await control.request(Request(Verb.UNFREEZE, "ann", "a"))
            assert said.state is AnswerState.REFUSED, "the whole stack is frozen"
            for text in ("unfreeze the stack", "the stack was not frozen"):
                assert (await control.request(Request(Verb.UNFREEZE, "ann"))).text == text
        assert len(made.journal.of(e.FreezeLifted)) == 1

    asyncio.run(story())


def test_a_stop_by_somebody_else_is_said_within_seconds_also_at_rest() -> None:
    """Nothing happens at the moment at which it is sure; there is a look all the same."""

    async def story() -> None:
        made = world()
        made.settings = replace(made.settings, tick_s=60.0, time_scale=0.02)
        async with made.life() as control:
            died_s = made.clock.now()
            made.runtime.end("a", Exit(died_s, -9, asked="docker stop"))
            await control.samplers.list_once()
            await until(lambda: control.state.service("a").purpose is Purpose.STOPPED)
            (said,) = [x for x in made.journal.of(e.PurposeSet) if x.service == "a"]
            assert said.at_s - died_s >= SETTLES_S * 0.02

    asyncio.run(story())
