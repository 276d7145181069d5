"""Reading: the columns of one service out of the segments that touch a stretch of time.

Flows in: files. Flows out: `Columns`, oldest first. Called by `disk` in its thread. A file or block
that cannot be read is counted and left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from everup.history.format import Block, Damaged, Header, header_of, pieces, unpack
from everup.history.segments import SEGMENT_S, Segment
from everup.model.history import SIGNALS, Columns, FloatArray, Signal, TimeArray

SAMPLES_MOST = 500_000
SPAN_MOST_S = 4 * SEGMENT_S
"""A block begins within the hour and may end after it, when the disk was slow."""


def select(
    segments: Iterable[Segment],
    service: str,
    since_s: float,
    until_s: float,
    signals: Sequence[Signal],
) -> Columns:
    """Everything from `since_s` up to `until_s`, at most `SAMPLES_MOST` of the latest."""
    wanted = tuple(signals) or SIGNALS
    times: list[TimeArray] = []
    values: list[FloatArray] = []
    damaged, count, is_cut = 0, 0, False
    for segment in reversed(list(segments)):
        if segment.start_s > until_s or segment.start_s + SPAN_MOST_S < since_s:
            continue
        if count >= SAMPLES_MOST:
            is_cut = True
            break
        block, bad = read_segment(segment, service, wanted, since_s, until_s)
        damaged += bad
        times.insert(0, block.times_s)
        values.insert(0, block.values)
        count += len(block.times_s)
    all_times = np.concatenate([*times, np.empty(0)])
    all_values = np.concatenate([*values, np.empty((0, len(wanted)), dtype=np.float32)])
    order = np.argsort(all_times, kind="stable")[-SAMPLES_MOST:]
    columns = {signal: all_values[order, index] for index, signal in enumerate(wanted)}
    return Columns(service, all_times[order], columns, damaged, is_cut)


def read_segment(
    segment: Segment, service: str, wanted: Sequence[Signal], since_s: float, until_s: float
) -> tuple[Block, int]:
    """One file's samples of this service as `[sample, signal]`, and how many blocks were bad."""
    times: list[TimeArray] = [np.empty(0)]
    values: list[FloatArray] = [np.empty((0, len(wanted)), dtype=np.float32)]
    damaged = 0
    try:
        data = segment.path.read_bytes()
        header, position = header_of(data)
    except (OSError, Damaged):
        return Block(times[0], values[0]), 1
    if service not in header.services:
        return Block(times[0], values[0]), 0
    for piece in pieces(data, position):
        position = piece.end
        try:
            if piece.payload is None:
                raise Damaged("its sum is wrong")
            block = unpack(piece.payload, header)
        except Damaged:
            damaged += 1
            continue
        inside = (block.times_s >= since_s) & (block.times_s <= until_s)
        times.append(block.times_s[inside])
        values.append(_columns(block, header, service, wanted)[inside])
    damaged += position < len(data)
    return Block(np.concatenate(times), np.concatenate(values)), damaged


def _columns(block: Block, header: Header, service: str, wanted: Sequence[Signal]) -> FloatArray:
    """`[sample, signal]`; a signal that this file does not know yet is unknown."""
    column = header.services.index(service)
    found = np.full((len(block.times_s), len(wanted)), np.nan, dtype=np.float32)
    for index, signal in enumerate(wanted):
        if signal in header.signals:
            found[:, index] = block.values[:, header.signals.index(signal), column]
    return found
