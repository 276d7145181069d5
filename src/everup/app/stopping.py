"""Ending a stack's services when no Everup runs for it.

Flows in: what was loaded. Flows out: how many instances were stopped. Called by `everup down`. The
journal is told first, so that the next Everup takes those deaths for what they are.
"""

from __future__ import annotations

from pathlib import Path

from everup.app.engine import JOURNAL_FILE, open_journal_of
from everup.app.live import BootClock
from everup.app.plugins import load_runtime
from everup.config import Loaded
from everup.loop.ports import Clock
from everup.model.entries import ControllerStopped
from everup.model.errors import EverupError
from everup.model.kinds import InstanceState

BY = "everup down"


async def stop_services(loaded: Loaded, state_dir: Path) -> tuple[int, str]:
    """How many instances ran, and why the journal does not know of it ("" when it does).

    Raises:
        EverupError: they could not be stopped; the message says why.
    """
    scaled, clock = loaded.scaled(), BootClock()
    stack = scaled.stack
    plugin = load_runtime(stack.runtime)
    runtime = await plugin.create(stack, state_dir, clock, scaled.settings)
    try:
        listing = await runtime.list()
        count = sum(i.state is InstanceState.RUNNING for i in listing.instances)
        count += sum(m.is_running_extra for m in listing.mismatches)
        unknown = await _note(stack.name, state_dir, clock) if count else ""
    finally:
        await runtime.close(stop_services=True)
    return count, unknown


async def _note(stack: str, state_dir: Path, clock: Clock) -> str:
    """Whatever is wrong with the journal, the services are stopped."""
    if not (state_dir / JOURNAL_FILE).exists():
        return ""
    try:
        journal = open_journal_of(state_dir, clock)
        fence = await journal.open(stack, BY)
        try:
            await journal.append([ControllerStopped(clock.now(), BY, stops_services=True)], fence)
        finally:
            await journal.close()
    except EverupError as error:
        return str(error)
    return ""
