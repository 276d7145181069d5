"""The whole of Everup in one value: what happens in each look, in this order.

    observe   copy the latest readings; nothing is waited for
    assess    how well is each service, who hurts whom, and why
    decide    what would help, and what the gate says to it
    act       intent written, then one task per service; its end is an event
    verify    has what was done helped; pure, so that it survives a restart
    record    incidents end, changed answers are written down

A look never waits for the world: only for the journal. It is called by `Control.run` on every
tick, and at once when something happened.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from everup.loop.act import act
from everup.loop.assess import assess
from everup.loop.decide import decide
from everup.loop.look import Look
from everup.loop.observe import observe
from everup.loop.record import record
from everup.loop.verify import verify

if TYPE_CHECKING:
    from everup.loop.control import Control

Stage = Callable[["Control", Look], Awaitable[Look]]

CYCLE: tuple[Stage, ...] = (observe, assess, decide, act, verify, record)


async def look_once(control: Control) -> Look:
    """One pass through the cycle."""
    look = Look(at_s=control.clock.now())
    for stage in CYCLE:
        look = await stage(control, look)
    return look
