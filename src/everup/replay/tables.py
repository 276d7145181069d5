"""CSV and Parquet: a row per moment, or a row per moment and service.

Flows in: a file and the mapping. Flows out: a Recording.

    wide   time, api.memory_ratio, api.latency_s, db.memory_ratio, …
    long   time, service, memory_ratio, latency_s, …

Times are seconds or milliseconds since the epoch, or ISO 8601 (UTC where it says no zone). An empty
cell is unknown. Parquet needs pyarrow: `pip install 'everup[parquet]'`.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from everup.model.history import Signal
from everup.replay.errors import BadRecording
from everup.replay.grid import Points, renamed
from everup.replay.mapping import Mapped, Source
from everup.replay.recording import Recording

TIME_NAMES = ("time", "timestamp", "at_s", "ts", "date")
SERVICE_NAMES = ("service", "container", "name")
MILLISECONDS_FROM = 1e11
"""Seconds of this size would be in the year 5138: they are milliseconds."""
ROWS_MOST = 20_000_000
EMPTY = frozenset({"", "nan", "null", "none", "na", "n/a"})

Row = tuple[int, Sequence[Any]]  # line, cells


def open_csv(path: Path, mapping: Mapped, since_s: float, until_s: float) -> Recording:
    """The recording.

    Raises:
        BadRecording: with the line, the column, the value and the fix.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            head = next(reader, None)
            if not head:
                fix = "its first line names the columns"
                raise BadRecording(path, "", "", "is empty", fix)
            rows = ((reader.line_num, row) for row in reader if row)
            return _recording(path, head, rows, mapping, since_s, until_s)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        fix = "give a CSV file in UTF-8"
        raise BadRecording(path, "", "", str(error), fix) from None


def open_parquet(path: Path, mapping: Mapped, since_s: float, until_s: float) -> Recording:
    """The recording.

    Raises:
        BadRecording: also where pyarrow is not installed.
    """
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        fix = "pip install 'everup[parquet]', or write it as CSV"
        raise BadRecording(path, "", "", "needs pyarrow to be read", fix) from None
    try:
        with parquet.ParquetFile(path) as file:
            head = [str(name) for name in file.schema_arrow.names]
            return _recording(path, head, _rows_of(file, head), mapping, since_s, until_s)
    except (OSError, ArrowException) as error:
        fix = "give a Parquet file"
        raise BadRecording(path, "", "", f"cannot be read: {error}", fix) from None


def _rows_of(file: Any, head: Sequence[str]) -> Iterator[Row]:
    line = 0
    for batch in file.iter_batches():
        columns = [batch.column(index).to_pylist() for index in range(len(head))]
        for cells in zip(*columns, strict=True):
            line += 1
            yield line, cells


def _recording(
    path: Path,
    head: Sequence[str],
    rows: Iterator[Row],
    mapping: Mapped,
    since_s: float,
    until_s: float,
) -> Recording:
    head = [name.strip() for name in head]
    at = _column_of(path, head, mapping.time, TIME_NAMES, "time")
    named = [n for n in ((mapping.label,) if mapping.label else SERVICE_NAMES) if n in head]
    by = head.index(named[0]) if named else -1
    columns, unknown = _columns(head, mapping, {at, by}, is_long=by >= 0)
    if not columns:
        shape = "service.signal" if by < 0 else "signal"
        fix = f"columns are called {shape}, or named in a mapping (docs/replay.md)"
        raise BadRecording(path, "columns", ", ".join(head[:12]), "hold no signal", fix)
    found: defaultdict[tuple[str, Signal], tuple[list[float], list[float]]] = defaultdict(
        lambda: ([], [])
    )
    for count, (line, cells) in enumerate(rows):
        if count >= ROWS_MOST:
            fix = "replay a shorter time, or wider steps"
            raise BadRecording(path, "rows", count, f"more than {ROWS_MOST}", fix)
        if len(cells) != len(head):
            fix = f"each line has {len(head)} cells"
            raise BadRecording(path, f"line {line}", len(cells), "cells do not fit the head", fix)
        moment = _moment(path, line, head[at], cells[at])
        if not since_s <= moment <= until_s:
            continue
        for index, service, signal, scale in columns:
            whose = renamed(str(cells[by]).strip() if by >= 0 else service, mapping.services)
            if whose is not None:
                value = _number(path, line, head[index], cells[index])
                times, values = found[whose, signal]
                times.append(moment)
                values.append(value * scale)
    points = Points()
    for (service, signal), (times, values) in found.items():
        known = [(t, v) for t, v in zip(times, values, strict=True) if v == v]
        points.add(service, signal, *np.array(known, dtype=np.float64).reshape(-1, 2).T)
    recording = points.recording(str(path), since_s, until_s)
    if unknown:
        recording.notes.append(f"no signals, and left out: {', '.join(unknown[:8])}")
    return recording


def _column_of(
    path: Path, head: Sequence[str], wanted: str, usual: Sequence[str], what: str
) -> int:
    for name in (wanted,) if wanted else usual:
        if name in head:
            return head.index(name)
    fix = f"name it in the mapping: `{what}: COLUMN`"
    called = wanted or " or ".join(usual)
    raise BadRecording(path, "columns", ", ".join(head[:12]), f"none is the {what} ({called})", fix)


Columns = list[tuple[int, str, Signal, float]]


def _columns(
    head: Sequence[str], mapping: Mapped, taken: set[int], *, is_long: bool
) -> tuple[Columns, list[str]]:
    """Index, service ("" in a long table), signal and scale of each column that is one."""
    signals = {one.metric: (signal, one) for signal, one in mapping.signals.items()}
    for signal in Signal:
        signals.setdefault(str(signal), (signal, Source(str(signal))))
    found: Columns = []
    unknown = []
    for index, name in enumerate(head):
        if index in taken:
            continue
        service, _, rest = ("", "", name) if is_long else name.rpartition(".")
        if rest in signals and (is_long or service):
            signal, source = signals[rest]
            found.append((index, service, signal, source.scale))
        else:
            unknown.append(name)
    return found, unknown


def _moment(path: Path, line: int, column: str, value: Any) -> float:
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    text = str(value).strip()
    try:
        number = float(text)
    except ValueError:
        try:
            when = datetime.fromisoformat(text)
        except ValueError:
            fix = "write seconds since the epoch, or 2026-01-31T12:00:00Z"
            raise BadRecording(path, f"line {line}, {column}", value, "is no time", fix) from None
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    if not 0.0 <= number < 1e15:
        fix = "write seconds or milliseconds since the epoch"
        raise BadRecording(path, f"line {line}, {column}", value, "is no time", fix)
    return number / 1000.0 if number >= MILLISECONDS_FROM else number


def _number(path: Path, line: int, column: str, value: Any) -> float:
    if value is None:
        return float("nan")
    text = str(value).strip()
    if text.lower() in EMPTY:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        fix = "write a number, or leave the cell empty"
        raise BadRecording(path, f"line {line}, {column}", value, "is no number", fix) from None
