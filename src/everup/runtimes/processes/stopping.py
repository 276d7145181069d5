"""Ends everything that runs: dependents before what they need, what is not declared any more last.

Called when the runtime is closed with its services.
"""

from __future__ import annotations

from everup.runtimes.processes.configuration import Configuration
from everup.runtimes.processes.house import House
from everup.runtimes.processes.roster import Life
from everup.runtimes.together import levels, together


async def stop_everything(house: House) -> None:
    """Each with its own stop signal and grace. Raises like `Ending.stop`."""
    for names in levels(house.stack):
        lives = [life for life in house.roster if life.record.service in names]
        await together(*(_stop(house, life) for life in lives))
    await together(*(_stop(house, life) for life in house.roster))


async def _stop(house: House, life: Life) -> None:
    known = life.record.configuration or Configuration()
    await house.ending.stop(life, known.stop_grace_s * house.time_scale, may_kill=True)
