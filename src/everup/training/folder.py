"""The folder in which an order lies for the worker, and its answer for whoever ordered.

    order.json      what is to be learned, from when to when, with the failures of that time
    champion        the bytes of who serves now, if anybody does
    0000.past …     the past of one service each: samples one after the other, as SAMPLE says
    model, result.json      the challenger, and both exams; written last
    why.txt         instead of them: why nothing can be learned

Arrays are read without pickle. Both sides are of the same Everup: nothing here is kept for later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from everup.model.history import SIGNALS, Columns
from everup.model.kinds import UNKNOWN, Cause
from everup.model.learned import Craft, Failure, Trained, TrainingOrder

ORDER, CHAMPION, MODEL, RESULT, WHY = "order.json", "champion", "model", "result.json", "why.txt"
RESULT_BYTES_MOST = 1024 * 1024


def put_order(folder: Path, order: TrainingOrder) -> None:
    """Everything but the past."""
    if order.champion is not None:
        (folder / CHAMPION).write_bytes(order.champion)
    said = {**asdict(order), "champion": None}
    (folder / ORDER).write_text(json.dumps(said), encoding="utf-8")


def get_order(folder: Path) -> TrainingOrder:
    """As it was put there."""
    said = json.loads((folder / ORDER).read_text(encoding="utf-8"))
    champion = folder / CHAMPION
    return TrainingOrder(
        **{
            **said,
            "craft": Craft(said["craft"]),
            "services": tuple(said["services"]),
            "failures": tuple(_failure(one) for one in said["failures"]),
            "champion": champion.read_bytes() if champion.exists() else None,
        }
    )


SAMPLE = np.dtype([("at_s", "<f8"), ("values", "<f4", (len(SIGNALS),))])
"""A moment, and each signal at it."""


def put_past(folder: Path, index: int, columns: Columns) -> None:
    """One more piece of one service's. A signal that is not among them is unknown."""
    samples = np.full(len(columns.times_s), np.nan, dtype=SAMPLE)
    samples["at_s"] = columns.times_s
    for place, signal in enumerate(SIGNALS):
        if signal in columns.values:
            samples["values"][:, place] = columns.values[signal]
    with (folder / f"{index:04d}.past").open("ab") as file:
        file.write(samples.tobytes())


@dataclass(frozen=True, slots=True)
class Pasts:
    """All of them, read from the folder one after the other, as often as they are asked for."""

    folder: Path
    services: tuple[str, ...]

    def __iter__(self) -> Iterator[Columns]:
        """Each from when something of it was known, in the order of time."""
        for service, path in self._files():
            samples = np.fromfile(path, dtype=SAMPLE)
            values = np.ascontiguousarray(samples["values"].T)
            times_s = np.ascontiguousarray(samples["at_s"])
            if len(times_s) and (np.diff(times_s) < 0.0).any():
                order = np.argsort(times_s, kind="stable")
                times_s, values = times_s[order], values[:, order]
            is_known = ~np.isnan(values).all(axis=0)
            first = int(np.argmax(is_known)) if is_known.any() else len(times_s)
            columns = {signal: row[first:] for signal, row in zip(SIGNALS, values, strict=True)}
            yield Columns(service, times_s[first:], columns)

    def span_s(self) -> tuple[float, float]:
        """The first and the last moment of all; both unknown where there is none."""
        ends = [(past.times_s[0], past.times_s[-1]) for past in self if len(past.times_s)]
        if not ends:
            return UNKNOWN, UNKNOWN
        return float(min(first for first, _ in ends)), float(max(last for _, last in ends))

    def _files(self) -> Iterator[tuple[str, Path]]:
        for index, service in enumerate(self.services):
            path = self.folder / f"{index:04d}.past"
            if path.exists():
                yield service, path


def put_result(folder: Path, found: Trained) -> None:
    """The model first: who sees the result sees both."""
    (folder / MODEL).write_bytes(found.content)
    said = {**asdict(found), "content": None}
    (folder / RESULT).write_text(json.dumps(said), encoding="utf-8")


def get_result(folder: Path, *, model_bytes_most: int) -> Trained | str:
    """The challenger, or why there is none.

    Raises:
        ValueError: neither, or not what a worker writes.
    """
    why = folder / WHY
    if why.exists():
        return why.read_text(encoding="utf-8")[:2000].strip() or "it did not say why"
    result, model = folder / RESULT, folder / MODEL
    if not result.exists() or not model.exists():
        raise ValueError("the worker left no answer")
    if model.stat().st_size > model_bytes_most or result.stat().st_size > RESULT_BYTES_MOST:
        raise ValueError("the worker's answer is larger than any may be")
    said = json.loads(result.read_text(encoding="utf-8"))
    return Trained(
        **{
            **said,
            "content": model.read_bytes(),
            "features": tuple(said["features"]),
            "notes": tuple(said["notes"]),
            "scores": _scores(said["scores"]),
            "champion_scores": _scores(said["champion_scores"]),
        }
    )


def _scores(said: Mapping[str, Any]) -> dict[str, float]:
    return {name: UNKNOWN if value is None else float(value) for name, value in said.items()}


def _failure(said: Mapping[str, Any]) -> Failure:
    return Failure(said["service"], Cause(said["cause"]), said["at_s"], said["ended_at_s"])
