"""A journal on this machine's disk: one decision written down, and a start after many of them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.world import NOW_S
from everup.app.live import BootClock
from everup.journal import open_journal
from everup.loop.fold import fold_all
from everup.model.entries import Entry, IncidentChanged, IncidentOpened
from everup.model.kinds import Cause
from everup.model.state import StackState

ENTRIES = 10_000
BATCH = 500


def _entries(count: int) -> list[Entry]:
    """One incident that changes its mind again and again."""
    opened = IncidentOpened(NOW_S, "inc-1", "api", Cause.CRASH, "exited with 1", ("webui",))
    changed: list[Entry] = [
        IncidentChanged(NOW_S + n, "inc-1", Cause.CRASH, f"exited with {n % 7}", ("webui",))
        for n in range(1, count)
    ]
    return [opened, *changed]


def cases() -> Iterator[tuple[str, Callable[[], object]]]:
    """(what is timed, the call). The journal lives as long as the iterator."""
    entries = _entries(ENTRIES)
    yield f"fold, {ENTRIES} entries", lambda: fold_all(StackState(), entries)
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        journal = open_journal(f"sqlite:///{Path(folder) / 'journal.sqlite3'}", clock=BootClock())
        fence = runner.run(journal.open("bench", "bench"))
        for start in range(0, ENTRIES, BATCH):
            runner.run(journal.append(entries[start : start + BATCH], fence))
        yield (
            "journal, append one entry",
            lambda: runner.run(journal.append([entries[-1]], fence)),
        )
        yield f"journal, load {ENTRIES} entries", lambda: runner.run(journal.load())
        runner.run(journal.close())
