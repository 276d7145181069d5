"""What we hold in the world, such as changed limits, is given back: at the start, at the end, and
when a person asks. What the runtime did not take back is tried again until it does.

Flows in: the runtime's word. Flows out: `GivenBack` entries and an answer. Called by `control`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from everup.model.entries import GivenBack
from everup.model.errors import EverupError
from everup.model.request import Answer, AnswerState, Request, Verb

if TYPE_CHECKING:
    from everup.loop.control import Control


OURSELVES = "everup"


class Debts:
    """Does anything of an earlier life have to be given back still?"""

    def __init__(self) -> None:
        self.is_owed = False

    async def settle(self, control: Control) -> None:
        """Nothing that we hold outlives us. Never raises: what fails is owed from now on."""
        answer = await release(control, Request(Verb.RELEASE, by=OURSELVES))
        self.is_owed = answer.state is not AnswerState.DONE

    async def keep_settling(self, control: Control) -> None:
        """What could not be given back at the start, because the runtime did not answer."""
        while self.is_owed:
            await control.clock.sleep(control.settings.tick_s)
            await self.settle(control)


async def release(control: Control, request: Request) -> Answer:
    """All of the stack, or of one service."""
    scope = request.service or None
    try:
        async with asyncio.timeout(control.settings.lease_s):
            said = tuple(await control.runtime.release(scope))
    except (EverupError, TimeoutError) as error:
        wait_s = control.settings.tick_s
        text = f"not given back yet: {str(error) or 'the runtime does not answer'}"
        return Answer(AnswerState.DELAYED, text, retry_after_s=wait_s)
    if request.by != OURSELVES:
        said += tuple(await control.safe_points.release(control, request.service, request.by))
    if said:
        entry = GivenBack(control.clock.now(), request.service, said, request.by)
        await control.write([entry])
    return Answer(AnswerState.DONE, "; ".join(said) or "nothing is held")
