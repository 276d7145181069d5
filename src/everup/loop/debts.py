"""What we hold in the world, such as changed limits, is given back: at the start, at the end, and
when a person asks. What the runtime did not take back is tried again until it does.

Flows in: the runtime's word, and the router's. Flows out: `GivenBack` entries and an answer. Called
by `control`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from everup.loop.sleep import wake_all
from everup.model.entries import GivenBack
from everup.model.errors import EverupError, StillHeld
from everup.model.request import Answer, AnswerState, Request

if TYPE_CHECKING:
    from everup.loop.control import Control


OURSELVES = "everup"

Given = Mapping[str, tuple[str, ...]]
"""Sentences by service; under "" of all of them."""


class Debts:
    """Does anything of an earlier life have to be given back still?"""

    def __init__(self) -> None:
        self.is_owed = False
        self._told: frozenset[str] = frozenset()
        self._was_in_part = False

    async def settle(self, control: Control, *, wakes: bool = True) -> None:
        """Nothing that we hold outlives us. Never raises: what fails is owed from now on. `wakes`:
        who sleeps too, unless all are about to be stopped."""
        given, why, is_in_part = await _of_all(control, "")
        if wakes and control.fence:
            given = _joined(given, await wake_all(control))
        if self._was_in_part and not why and not given:
            given = {"": ("nothing is held any more",)}  # nobody is cut off: the state has to know
        self._was_in_part = is_in_part or (self._was_in_part and bool(why))
        fresh = {name: lines for name, lines in given.items() if not self._told.issuperset(lines)}
        await _note(control, fresh, OURSELVES)
        if why and why not in self._told:
            control.beside.rooms.log.warning("not_given_back", text=why)
        self.is_owed = bool(why)
        self._told = frozenset((why, *_lines(given)))

    async def keep_settling(self, control: Control) -> None:
        """What could not be given back at the start, because the runtime did not answer."""
        while self.is_owed:
            await control.clock.sleep(control.settings.tick_s)
            await self.settle(control)


async def release(control: Control, request: Request) -> Answer:
    """All of the stack, or of one service. What cannot be given back holds nothing else up."""
    control.traffic.breaking.let_go(control.breakers, request.service)
    given, why, _ = await _of_all(control, request.service)
    given = _joined(given, await wake_all(control, request.service))
    said = await control.safe_points.release(control, request.service, request.by)
    try:
        said += await control.snapshots.release(request.service, request.by)
    except (EverupError, TimeoutError) as error:
        why = "; ".join(filter(None, (why, str(error) or "an image's name was not taken in time")))
    if said and not why:
        given = {request.service: (*_lines(given), *said)}
    await _note(control, given, request.by)
    if why:
        text = "; ".join((*_lines(given), *said, f"not given back yet: {why}"))
        return Answer(AnswerState.DELAYED, text, retry_after_s=control.settings.tick_s)
    return Answer(AnswerState.DONE, "; ".join(_lines(given)) or "nothing is held")


async def _of_all(control: Control, service: str) -> tuple[Given, str, bool]:
    """Of the runtime, and of the router."""
    (given, why, is_in_part), (routed, why_not) = await asyncio.gather(
        _of_the_runtime(control, service), control.traffic.release(service)
    )
    if why and routed:  # an entry of this scope would say that nobody is cut off any more
        control.beside.rooms.log.warning("router", text="; ".join(_lines(routed)))
        routed = {}
    return _joined(given, routed), "; ".join(text for text in (why, why_not) if text), is_in_part


def _joined(given: Given, more: Given) -> Given:
    return {name: (*given.get(name, ()), *more.get(name, ())) for name in {**given, **more}}


async def _of_the_runtime(control: Control, service: str) -> tuple[Given, str, bool]:
    """(What it gave back, why that is not all, is it a part of it); "" where it is all."""
    try:
        async with asyncio.timeout(control.settings.lease_s):
            said = await control.runtime.release(service or None)
    except StillHeld as error:
        return error.given, str(error), True
    except (EverupError, TimeoutError) as error:
        return {}, str(error) or "the runtime does not answer", False
    return ({service: tuple(said)} if said else {}), "", False


async def _note(control: Control, given: Given, by: str) -> None:
    at_s = control.clock.now()
    if given:
        await control.write([GivenBack(at_s, name, lines, by) for name, lines in given.items()])


def _lines(given: Given) -> tuple[str, ...]:
    return tuple(line for lines in given.values() for line in lines)
