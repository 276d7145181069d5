"""What waits for the journal while it cannot be written: in order, bounded, and nothing that counts
is lost.

Flows in: batches of entries. Flows out: the same, oldest first. When too many wait, only what a
later entry replaces is left out, then what the next look would see again; both are counted. What
was decided, done or said by a person is never left out: `is_full` then asks the book to take no
more of what looks find.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence

from everup.loop.fold import EXITS_MOST
from everup.model import entries as e

Batch = tuple[str, Sequence[e.Entry]]

SEEN_AGAIN = (
    e.GateAnswered,
    e.IncidentChanged,
    e.ExitSeen,
    e.MonitorFaultSeen,
    e.MonitorFaultOver,
)
A_PERSONS_WORD = (
    e.PurposeSet,
    e.FreezeSet,
    e.FreezeLifted,
    e.ApprovalAnswered,
    e.RestoreBegan,
)
NEVER_HELD_BACK = (
    e.Intended,
    e.Finished,
    e.Verified,
    e.ControllerStarted,
    e.ControllerStopped,
    e.RestoreTurned,
    e.RestoreEnded,
    *A_PERSONS_WORD,
)
"""Bounded by what is in flight and by who asks; everything else a later look finds once more."""


class Waiting:
    """`most` batches. `shed`: entries that were left out since the start."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._batches: deque[Batch] = deque()
        self._is_first_tried = False
        self.shed = 0

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[e.Entry]:
        return iter([entry for _, entries in self._batches for entry in entries])

    @property
    def is_full(self) -> bool:
        """Too many, and none of them may be left out."""
        if len(self._batches) >= self._most:
            self._shed(replaced_only=True)
        if len(self._batches) >= self._most:
            self._shed(replaced_only=False)
        return len(self._batches) >= self._most

    def put(self, batch: str, entries: Sequence[e.Entry], *, is_tried: bool = False) -> None:
        """`is_tried`: it may stand in the journal already, so it must stay as it is."""
        self._is_first_tried = self._is_first_tried or (is_tried and not self._batches)
        self._batches.append((batch, tuple(entries)))

    def first(self) -> Batch:
        """The oldest, which is now being tried: it will not be changed any more."""
        self._is_first_tried = True
        return self._batches[0]

    def written(self) -> None:
        """The oldest stands in the journal."""
        self._batches.popleft()
        self._is_first_tried = False

    def _shed(self, *, replaced_only: bool) -> None:
        kept: deque[Batch] = deque()
        later: Counter[tuple[str, ...]] = Counter()
        untouched = 1 if self._is_first_tried else 0
        for place in range(len(self._batches) - 1, -1, -1):
            batch, entries = self._batches[place]
            if place >= untouched:
                left = [x for x in reversed(entries) if not _is_spare(x, later, replaced_only)]
                self.shed += len(entries) - len(left)
                entries = tuple(reversed(left))
            if entries:
                kept.appendleft((batch, entries))
        self._batches = kept


def _is_spare(entry: e.Entry, later: Counter[tuple[str, ...]], replaced_only: bool) -> bool:
    if not isinstance(entry, SEEN_AGAIN):
        return False
    if not replaced_only:
        return True
    about, most = _about(entry)
    later[about] += 1
    return later[about] > most


def _about(entry: e.Entry) -> tuple[tuple[str, ...], int]:
    """What a later entry of the same name replaces, and how many of them the state keeps."""
    match entry:
        case e.GateAnswered():
            return ("gate", entry.key), 1
        case e.IncidentChanged():
            return ("incident", entry.incident_id), 1
        case e.ExitSeen():
            return ("exit", entry.service), EXITS_MOST
        case _:
            return ("sight",), 1
