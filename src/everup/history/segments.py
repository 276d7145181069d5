"""The folder of segments: one file per hour, the oldest deleted by age and by total size.

Flows in: packed blocks. Flows out: files, and the segments that touch a stretch of time. Used by
`disk` in its one thread. File names are the time of the first sample in milliseconds, so that their
order is that of time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from everup.history.format import Damaged, Header, begin, header_of, pieces

SEGMENT_S = 3600.0
SUFFIX = ".history"
SHARE_OF_TOTAL = 16
"""One segment takes at most this part of the total, so that deleting one is enough."""

_NAME = re.compile(r"(\d{13})" + re.escape(SUFFIX))


@dataclass(frozen=True, slots=True)
class Segment:
    """A file and the time of its first sample."""

    path: Path
    start_s: float
    size: int


class Segments:
    """The files of one stack. `total_bytes` is what they take together."""

    def __init__(self, folder: Path, header: Header, *, keep_s: float, total_most: int) -> None:
        self._folder, self._header = folder, header
        self._keep_s, self._total_most = keep_s, total_most
        self._present: Segment | None = None
        self.total_bytes = 0

    def open(self, now_s: float) -> None:
        """Make the folder, cut a torn end of the present segment, delete what is too old.

        Raises:
            OSError: the folder cannot be used.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        found = self.list()
        if found and now_s - found[-1].start_s < SEGMENT_S:
            self._present = self._mended(found[-1])
        self.prune(now_s)

    def list(self) -> Sequence[Segment]:
        """All segments, oldest first; other files are not ours."""
        return segments_of(self._folder)

    def write(self, at_s: float, block: bytes) -> None:
        """Append a block whose first sample is of this time; whole or not at all.

        Raises:
            OSError: the disk did not take it.
        """
        present = self._present
        limit = self._total_most // SHARE_OF_TOTAL
        if (
            present is None
            or not 0.0 <= at_s - present.start_s < SEGMENT_S
            or present.size + len(block) > limit
        ):
            present = self._begun(at_s)
        self._present = self._appended(present, block)
        if self.total_bytes > self._total_most:
            self.prune(at_s)

    def prune(self, now_s: float) -> None:
        """Delete the oldest segments until age and total are within their bounds.

        Raises:
            OSError: a file cannot be deleted.
        """
        found = list(self.list())
        total = sum(segment.size for segment in found)
        while found:
            oldest = found[0]
            is_old = now_s - (oldest.start_s + SEGMENT_S) > self._keep_s
            if not is_old and total <= self._total_most:
                break
            oldest.path.unlink(missing_ok=True)
            if self._present is not None and oldest.path == self._present.path:
                self._present = None
            total -= oldest.size
            del found[0]
        self.total_bytes = total

    def _begun(self, at_s: float) -> Segment:
        """A new file; a name that is taken belongs to another order of services or a clock that
        went back, and the next free millisecond is used."""
        self.prune(at_s)
        number = int(at_s * 1000)
        while (path := self._folder / f"{number:013d}{SUFFIX}").exists():
            number += 1
        return self._appended(Segment(path, number / 1000, 0), begin(self._header))

    def _appended(self, segment: Segment, data: bytes) -> Segment:
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(segment.path, flags, 0o600)
        try:
            os.ftruncate(descriptor, segment.size)  # whatever a failed write left
            written = os.pwrite(descriptor, data, segment.size)
            if written < len(data):
                os.ftruncate(descriptor, segment.size)
                raise OSError(f"the disk took {written} of {len(data)} bytes")
        finally:
            os.close(descriptor)
        self.total_bytes += len(data)
        return Segment(segment.path, segment.start_s, segment.size + len(data))

    def _mended(self, segment: Segment) -> Segment | None:
        """The segment without its torn end; None where it is not to be gone on with."""
        data = segment.path.read_bytes()
        try:
            header, end = header_of(data)
        except Damaged:
            return None
        if header != self._header:
            return None
        for piece in pieces(data, end):
            end = piece.end
        if end < len(data):
            os.truncate(segment.path, end)
        return Segment(segment.path, segment.start_s, end)


def segments_of(folder: Path) -> Sequence[Segment]:
    """All segments of a folder, oldest first; other files are not ours."""
    found: list[Segment] = []
    if not folder.is_dir():
        return found
    for path in folder.iterdir():
        match = _NAME.fullmatch(path.name)
        if match is not None:
            found.append(Segment(path, int(match[1]) / 1000, path.stat().st_size))
    return sorted(found, key=lambda segment: segment.start_s)
