"""The folder in which an order lies for the worker, and its answer for whoever ordered.

    order.json      what is to be learned, from when to when, with the failures of that time
    champion        the bytes of who serves now, if anybody does
    0000.npz …      the past of one service each: `times_s`, and a column for each signal
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

from everup.model.history import SIGNALS, Columns, Signal
from everup.model.kinds import UNKNOWN, Cause, is_known
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


def put_past(folder: Path, index: int, columns: Columns) -> None:
    """One service's; a signal that is unknown throughout is left out."""
    values: Mapping[str, Any] = {
        str(signal): column
        for signal, column in columns.values.items()
        if not np.isnan(column).all()
    }
    np.savez(folder / f"{index:04d}.npz", times_s=columns.times_s, **values)


@dataclass(frozen=True, slots=True)
class Pasts:
    """All of them, read from the folder one after the other, as often as they are asked for."""

    folder: Path
    services: tuple[str, ...]

    def __iter__(self) -> Iterator[Columns]:
        """A signal that is not there is unknown throughout."""
        for service, path in self._files():
            with np.load(path, allow_pickle=False) as found:
                times_s = found["times_s"]
                nothing = np.full(len(times_s), np.nan, dtype=np.float32)
                values: dict[Signal, Any] = {
                    signal: found[signal] if signal in found.files else nothing
                    for signal in SIGNALS
                }
            yield Columns(service, times_s, values)

    def span_s(self) -> tuple[float, float]:
        """The first and the last moment of all; both unknown where there is none."""
        first_s, last_s = UNKNOWN, UNKNOWN
        for _, path in self._files():
            with np.load(path, allow_pickle=False) as found:
                times_s = found["times_s"]
            if len(times_s):
                first_s = min(float(times_s[0]), first_s if is_known(first_s) else np.inf)
                last_s = max(float(times_s[-1]), last_s if is_known(last_s) else -np.inf)
        return first_s, last_s

    def _files(self) -> Iterator[tuple[str, Path]]:
        for index, service in enumerate(self.services):
            path = self.folder / f"{index:04d}.npz"
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
