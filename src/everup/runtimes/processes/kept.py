"""What is kept aside, on disk: written before a process is frozen, so that no crash hides one.

Flows in: a life that is about to be kept, later the wish to know of all. Flows out: a file for each
service, at most one; at a start, who is still kept. Whose place no other life has taken yet was to
be replaced when Everup was lost: it is ended here, before anybody could adopt it as an instance.
Blocks; runs in a thread.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from everup.runtimes import files
from everup.runtimes.processes import leftovers, procfs
from everup.runtimes.processes.identity import Identity
from everup.runtimes.processes.records import Record, Registry, from_content, to_content

ENDS_WITHIN_S = 5.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Kept:
    """One life, frozen. `members` belong to it beside its main process."""

    record: Record
    until_s: float
    members: frozenset[Identity] = frozenset()

    @property
    def everybody(self) -> tuple[Identity, ...]:
        """The main process first."""
        return (self.record.identity, *sorted(self.members, key=lambda i: i.pid))


class KeptFolder:
    """One file per service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, kept: Kept) -> None:
        """Durable when it returns. Raises OSError."""
        files.make_folder(self._folder)
        members = [[i.pid, i.start_ticks] for i in kept.everybody[1:]]
        content = {
            "record": to_content(kept.record),
            "until_s": kept.until_s,
            "members": members,
        }
        files.save(self._path(kept.record.service), content)

    def remove(self, service: str) -> None:
        """Nothing is kept of it. Raises OSError."""
        if self._folder.is_dir():
            files.remove(self._path(service))

    def load(self) -> list[Kept]:
        """All that can be understood; others are set aside. Raises TryAgain."""
        found: list[Kept] = []
        for path in files.listed(self._folder, ".json"):
            content = files.load(path)
            try:
                record = from_content(content["record"])
                members = frozenset(
                    Identity(record.boot_id, int(pid), int(ticks))
                    for pid, ticks in content["members"]
                )
                found.append(Kept(record, float(content["until_s"]), members))
            except (KeyError, TypeError, ValueError):
                files.set_aside(path)
        return found

    def _path(self, service: str) -> Path:
        return self._folder / files.file_name(service, ".json")


def taken_up(
    folder: KeptFolder, registry: Registry, mark_of: Callable[[Record], str]
) -> tuple[Kept, ...]:
    """Who is kept and lives. Raises OSError."""
    places = {record.key: record.nonce for record in registry.load()}
    found: list[Kept] = []
    for kept in folder.load():
        record = kept.record
        is_half_done = places.get(record.key) == record.nonce
        everybody = _belonging(kept, mark_of(record))
        if is_half_done:
            _end(everybody)
        if is_half_done or not leftovers.alive(everybody):
            folder.remove(record.service)
        else:
            found.append(kept)
    return tuple(found)


def _belonging(kept: Kept, mark: str) -> frozenset[Identity]:
    if kept.record.boot_id != procfs.boot_id():
        return frozenset()
    more = leftovers.leftovers(kept.record, mark, kept.members, None)
    return frozenset(kept.everybody) | more


def _end(processes: Iterable[Identity]) -> None:
    """One that does not end is adopted as the instance again, and is found to be sick again."""
    leftovers.send(processes, signal.SIGKILL)
    deadline_s = time.monotonic() + ENDS_WITHIN_S
    while leftovers.alive(processes) and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
