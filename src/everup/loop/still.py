"""Does what was proven to stand still stand still? Asked in the last moment before its restart.

Flows in: the step with the letter that its proof rests on, and a fresh listing. Flows out: why the
step is not begun, or "". A look is up to a second old: whoever was stopped by a debugger, a backup
or an overloaded host may have gone on since, and a process that goes on is not hung.
"""

from __future__ import annotations

import asyncio

from everup.loop.ports import Runtime
from everup.model.decision import STUCK, Step
from everup.model.kinds import CANNOT_HEAR, InstanceState
from everup.model.observation import Instance

LISTED_WITHIN_S = 2.0


async def goes_on(runtime: Runtime, service: str, step: Step) -> str:
    """Why it is no longer hung; "" while it is, or where nobody can say."""
    if not step.parameters.get(STUCK):
        return ""
    try:
        async with asyncio.timeout(LISTED_WITHIN_S):
            listing = await runtime.list()
    except Exception:  # noqa: BLE001 - who cannot be asked says nothing against what was proven
        return ""
    seen = [i for i in listing.instances if _is_meant(i, service, step.instance)]
    going = [i for i in seen if i.process_state and i.process_state not in CANNOT_HEAR]
    if listing.fault or not going or len(going) < len(seen):
        return ""
    names = ", ".join(f"{i.name} (process in state {i.process_state})" for i in going)
    return f"not begun: it goes on again since it was last looked at: {names}"


def _is_meant(instance: Instance, service: str, name: str | None) -> bool:
    if instance.service != service or instance.state is not InstanceState.RUNNING:
        return False
    return name in (None, "", instance.name)
