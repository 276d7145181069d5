"""Reading a whole folder of history from its beginning to its end: for replay, and for whoever
learns from all services.

Flows in: the folder. Flows out: whose samples it holds, and blocks in the order of time, one file
in memory at a time. Reads only; the Everup that writes there is not disturbed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from everup.history.format import Block, Damaged, Header, header_of, pieces, unpack
from everup.history.segments import SEGMENT_S, Segment, segments_of
from everup.model.history import SIGNALS, FloatArray, TimeArray


@dataclass(slots=True)
class Scan:
    """What is in a folder. `damaged` counts blocks and files that could not be read, and grows
    while it is read."""

    stack: str
    services: tuple[str, ...]
    segments: Sequence[Segment]
    damaged: int = 0

    def blocks(self, since_s: float, until_s: float) -> Iterator[tuple[TimeArray, FloatArray]]:
        """Times, and values as `[sample, signal, service]` in the order of `services`."""
        for segment in self.segments:
            if segment.start_s > until_s or segment.start_s + 4 * SEGMENT_S < since_s:
                continue
            for block, header in self._read(segment):
                inside = (block.times_s >= since_s) & (block.times_s <= until_s)
                if inside.any():
                    yield block.times_s[inside], self._ordered(block.values[inside], header)

    def _read(self, segment: Segment) -> Iterator[tuple[Block, Header]]:
        try:
            data = segment.path.read_bytes()
            header, position = header_of(data)
        except (OSError, Damaged):
            self.damaged += 1
            return
        for piece in pieces(data, position):
            position = piece.end
            try:
                if piece.payload is None:
                    raise Damaged("its sum is wrong")
                yield unpack(piece.payload, header), header
            except Damaged:
                self.damaged += 1
        self.damaged += position < len(data)

    def _ordered(self, values: FloatArray, header: Header) -> FloatArray:
        """With the services and signals of today; what the file does not know is NaN, and who is
        there no more is left out."""
        if header.services == self.services and header.signals == tuple(SIGNALS):
            return values
        shape = (len(values), len(SIGNALS), len(self.services))
        found = np.full(shape, np.nan, dtype=np.float32)
        here = {name: column for column, name in enumerate(self.services)}
        theirs = [column for column, name in enumerate(header.services) if name in here]
        ours = [here[header.services[column]] for column in theirs]
        for index, signal in enumerate(SIGNALS):
            if signal in header.signals:
                found[:, index, ours] = values[:, header.signals.index(signal), theirs]
        return found


def scan(folder: Path) -> Scan:
    """Look at the beginning of each file.

    Raises:
        OSError: the folder cannot be read.
        ValueError: there is no history in it.
    """
    segments = segments_of(folder)
    names: dict[str, None] = {}
    stack, damaged = "", 0
    for segment in segments:
        try:
            header, _ = header_of(segment.path.read_bytes())
        except (OSError, Damaged):
            damaged += 1
            continue
        stack = header.stack
        names.update(dict.fromkeys(header.services))
    if not names:
        raise ValueError("no file in it is a history of Everup that can be read")
    return Scan(stack, tuple(names), segments, 0)
