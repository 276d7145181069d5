"""Reads servers in the layout of ASD: `NAME_train.csv.gz`, `NAME_test.csv.gz`, `NAME_events.csv`.

A column is a metric, a row is five minutes; the test goes on where the training part ends. Events
(first and last row of the test) are needed for scoring alone.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

INSIDE = "asd"
TRAIN, TEST = "_train", "_test"


@dataclass(frozen=True, eq=False)
class Server:
    """One server. `events`: None where nobody told them."""

    name: str
    metrics: tuple[str, ...]
    train: Floats
    test: Floats
    events: tuple[tuple[int, int], ...] | None


def read_servers(folder: Path) -> list[Server]:
    """Every server of the folder (or of its folder `asd`), by name."""
    for root in (folder, folder / INSIDE, folder / "data"):
        paths = sorted([*root.glob(f"*{TRAIN}.csv"), *root.glob(f"*{TRAIN}.csv.gz")])
        if paths:
            return [read_server(path) for path in paths]
    raise SystemExit(f"no servers in {folder}: NAME_train.csv.gz is looked for")


def read_server(train: Path) -> Server:
    """One server by the path of its training part."""
    name = train.name.partition(TRAIN)[0]
    metrics, before = read_rows(train)
    _, after = read_rows(train.with_name(train.name.replace(TRAIN, TEST)))
    return Server(name, metrics, before, after, read_events(train.with_name(f"{name}_events.csv")))


def read_rows(path: Path) -> tuple[tuple[str, ...], Floats]:
    """Names of the columns, and the rows; an empty cell is unknown."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", newline="") as text:
        header = text.readline().strip().split(",")
        rows = np.genfromtxt(text, delimiter=",", ndmin=2)
    return tuple(header), rows


def read_events(path: Path) -> tuple[tuple[int, int], ...] | None:
    """First and last row of each."""
    if not path.is_file():
        return None
    lines = path.read_text().splitlines()[1:]
    cells = [line.split(",") for line in lines if line.strip()]
    return tuple((int(row[0]), int(row[1])) for row in cells)
