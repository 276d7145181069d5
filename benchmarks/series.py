"""Reads single series in the layout of NAB: `DIR/data/GROUP/FILE.csv[.gz]` and `DIR/labels.json`.

A file has the columns timestamp and value. Labels, {GROUP/FILE.csv: [[start, end], …]}, are needed
for scoring alone: a folder without them can be run too.
"""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LABELS = ("labels.json", "labels/combined_windows.json")
INSIDE = "nab"


@dataclass(frozen=True, eq=False)
class Series:
    """One file, rows in the order of the file; `windows`: first and last row of each anomaly."""

    name: str
    times_s: Floats
    values: Floats
    windows: tuple[tuple[int, int], ...]


def read_folder(folder: Path) -> list[Series]:
    """Every file of a folder, by name."""
    root = folder if (folder / "data").is_dir() else folder / INSIDE
    paths = sorted([*root.glob("data/*/*.csv"), *root.glob("data/*/*.csv.gz")])
    if not paths:
        raise SystemExit(f"no series in {folder}: DIR/data/GROUP/FILE.csv.gz is looked for")
    labels = read_labels(root)
    found = []
    for path in paths:
        name = f"{path.parent.name}/{path.name.removesuffix('.gz')}"
        times_s, values = read_series(path)
        found.append(Series(name, times_s, values, windows_of(times_s, labels.get(name, []))))
    return found


def has_labels(folder: Path) -> bool:
    """Can it be scored?"""
    root = folder if (folder / "data").is_dir() else folder / INSIDE
    return any((root / name).is_file() for name in LABELS)


def read_labels(root: Path) -> dict[str, list[list[str]]]:
    """Empty when there are none."""
    for name in LABELS:
        if (root / name).is_file():
            content = json.loads((root / name).read_text())
            return {str(file): windows for file, windows in content.items()}
    return {}


def read_series(path: Path) -> tuple[Floats, Floats]:
    """Times (taken as UTC) and values; what is no number is unknown."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="") as text:
        rows = list(csv.DictReader(text))
    times_s = np.array([seconds_of(row["timestamp"]) for row in rows])
    return times_s, np.array([_number(row["value"]) for row in rows])


def seconds_of(text: str) -> float:
    """Whole seconds; fractions are left out, as the labels do."""
    moment = datetime.fromisoformat(text.strip().split(".")[0])
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def windows_of(times_s: Floats, labels: list[list[str]]) -> tuple[tuple[int, int], ...]:
    """Rows of each labelled window: the first with that time, or the nearest inside."""
    found = []
    for start, end in labels:
        first = int(np.flatnonzero(times_s >= seconds_of(start))[0])
        exact = np.flatnonzero(times_s == seconds_of(end))
        last = int(exact[0]) if len(exact) else int(np.flatnonzero(times_s < seconds_of(end))[-1])
        found.append((first, last))
    return tuple(found)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")
