"""Everup's own history: the folder `history` of a state folder, with the journal beside it.

Flows in: a state folder, or a folder of `*.history` files. Flows out: a Recording. The journal is
copied before it is read, so that an Everup that runs is neither held up nor robbed of its lease.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from everup.history import Scan, scan
from everup.journal import SqlJournal, open_journal
from everup.model.entries import Entry
from everup.model.errors import EverupError
from everup.replay.errors import BadRecording
from everup.replay.recording import Blocks, Recording

HISTORY, JOURNAL = "history", "journal.sqlite3"
SUFFIX = ".history"
PAGE = 1000
FACTS_MOST = 1_000_000


class _NoClock:
    def now(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        return None


def is_own(path: Path) -> bool:
    """A folder with history files in it, or in its folder `history`?"""
    return path.is_dir() and any(
        next(folder.glob(f"*{SUFFIX}"), None) is not None for folder in (path, path / HISTORY)
    )


def _folder_in(path: Path) -> Path:
    return path / HISTORY if next(path.glob(f"*{SUFFIX}"), None) is None else path


def _is_there(path: Path) -> bool:
    return path.exists()


async def open_own(path: Path, since_s: float, until_s: float) -> Recording:
    """The recording.

    Raises:
        BadRecording: nothing in it can be read, or nothing is of that time.
    """
    folder = _folder_in(path)
    try:
        found = scan(folder)
    except (OSError, ValueError) as error:
        fix = "give the state folder of Everup, or its folder `history`"
        raise BadRecording(folder, "", "", str(error), fix) from None
    begin_s, end_s, step_s = _span(found, since_s, until_s)
    if not begin_s <= end_s:
        fix = "leave out --since, or give a longer time"
        raise BadRecording(folder, "", "", "no sample is of the time that was asked for", fix)

    def blocks() -> Blocks:
        return found.blocks(since_s, until_s)

    notes = [f"{found.damaged} damaged parts were left out"] if found.damaged else []
    recording = Recording(
        *(str(folder), found.services, begin_s, end_s, step_s, blocks),
        stack_name=found.stack,
        notes=notes,
    )
    journal = folder.parent / JOURNAL
    if folder.name == HISTORY and _is_there(journal):
        recording.facts = await _facts(journal, found.stack, recording.notes)
    else:
        notes.append("there is no journal beside it: who stopped or changed what is not known")
    return recording


def _span(found: Scan, since_s: float, until_s: float) -> tuple[float, float, float]:
    begin_s, end_s = float("inf"), float("-inf")
    steps: list[float] = []
    for times, _ in found.blocks(since_s, until_s):
        begin_s, end_s = min(begin_s, float(times[0])), max(end_s, float(times[-1]))
        if len(times) > 1:
            steps.append(float(np.median(np.diff(times))))
    return begin_s, end_s, float(np.median(steps)) if steps else float("nan")


async def _facts(path: Path, stack: str, notes: list[str]) -> Sequence[Entry]:
    with tempfile.TemporaryDirectory(prefix="everup-replay-") as folder:
        copy = Path(folder) / JOURNAL
        try:
            _copy(path, copy)
            journal = open_journal(f"sqlite:///{copy}", clock=_NoClock(), inline=True)
            await journal.open(stack, "replay")
            try:
                return await _all(journal, notes)
            finally:
                await journal.close()
        except (sqlite3.Error, OSError, EverupError) as error:
            notes.append(f"the journal cannot be read, and is left out: {error}")
            return ()


def _copy(path: Path, copy: Path) -> None:
    source = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(copy)) as target:
        source.backup(target)


async def _all(journal: SqlJournal, notes: list[str]) -> Sequence[Entry]:
    found: list[Entry] = []
    after = 0
    while len(found) < FACTS_MOST:
        page = await journal.entries(after=after, limit=PAGE)
        found += [entry for _, _, entry in page]
        if len(page) < PAGE:
            return found
        after = page[-1][0]
    notes.append(f"the journal holds over {FACTS_MOST} entries; later ones are left out")
    return found
