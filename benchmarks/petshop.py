"""Reads incidents in the layout of the PetShop data set, by the standard library and numpy.

A folder holds `graph.csv` (callers in rows, callees in columns), `noissue.csv.gz` (the normal
period) and `NAME.json` + `NAME.csv.gz` for each incident. Tables have three header rows
(microservice, metric, statistic) and one row per five minutes; latency in seconds, requests as a
count, availability in percent. An empty cell was not measured.
"""

from __future__ import annotations

import csv
import gzip
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Key = tuple[str, str, str]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """`at_s`: one moment per row. `columns`: (node, metric, statistic) → values, NaN = unknown."""

    at_s: Floats
    columns: dict[Key, Floats]

    def series(self, node: str, metric: str, statistic: str) -> Floats:
        """One value per row; all unknown where there is no such column."""
        found = self.columns.get((node, metric, statistic))
        return np.full(len(self.at_s), np.nan) if found is None else found

    def between(self, from_s: float, to_s: float) -> Table:
        """The rows of this span, both ends included."""
        rows = (self.at_s >= from_s) & (self.at_s <= to_s)
        return Table(self.at_s[rows], {k: v[rows] for k, v in self.columns.items()})


@dataclass(frozen=True)
class Issue:
    """One incident: where and when it showed, its table, and the true cause ("" where it is not
    told)."""

    name: str
    node: str
    metric: str
    at_s: float
    cause: str
    table: Table


def read_table(path: Path) -> Table:
    """One `csv.gz`."""
    with gzip.open(path, "rt", newline="", encoding="utf-8") as text:
        rows = list(csv.reader(text))
    keys = list(zip(*(row[1:] for row in rows[:3]), strict=True))
    body = [row for row in rows[3:] if len(row) == len(keys) + 1 and _number(row[0]) is not None]
    values = np.array([[_value(cell) for cell in row] for row in body], dtype=np.float64)
    values = values.reshape(len(body), len(keys) + 1)
    order = np.argsort(values[:, 0], kind="stable")
    values = values[order]
    return Table(values[:, 0], {(k[0], k[1], k[2]): values[:, i + 1] for i, k in enumerate(keys)})


def read_graph(path: Path) -> dict[str, tuple[str, ...]]:
    """Caller → callees."""
    with path.open(newline="", encoding="utf-8") as text:
        rows = list(csv.reader(text))
    names = rows[0][1:]
    return {
        row[0]: tuple(n for n, cell in zip(names, row[1:], strict=True) if (_number(cell) or 0) > 0)
        for row in rows[1:]
    }


def read_issues(folder: Path) -> list[Issue]:
    """Every incident of the folder, by name."""
    found = []
    for path in sorted(folder.glob("*.json")):
        table = path.with_suffix("").with_name(path.stem + ".csv.gz")
        told = json.loads(path.read_text())
        if not table.exists() or "target" not in told:
            continue
        target = told["target"]
        found.append(
            Issue(
                path.stem,
                target["node"],
                target["metric"],
                float(target["timestamp"]),
                (told.get("root_cause") or {}).get("node") or "",
                read_table(table),
            )
        )
    return found


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _value(cell: str) -> float:
    number = _number(cell)
    return float("nan") if number is None else number
