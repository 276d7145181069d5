"""Ends all containers of the stack, dependents before what they need. Called by `runtime.close`."""

from __future__ import annotations

from everup.model.stack import Stack
from everup.runtimes.docker.hands import Hands
from everup.runtimes.docker.roster import Roster
from everup.runtimes.together import levels, together


async def stop_everything(stack: Stack, roster: Roster, hands: Hands) -> None:
    """Each gets its own grace; those of one level go together."""
    containers = await roster.read()
    for names in levels(stack):
        of_level = [c for c in containers if c.service in names and c.is_running]
        await together(*(hands.stop(c, c.grace_s, may_kill=True) for c in of_level))
