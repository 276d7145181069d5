"""A trained model of failures: boosted trees and a calibration, with what they are.

Flows in: what `everup.training.failure` fitted. Flows out: a probability per row of features. It is
kept as bytes without pickle: the length of a JSON header, the header, then the arrays one after the
other. `unpack` believes nothing: what is cut short, foreign or out of bounds is a ValueError.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.predictive_monitor.learned.trees import Trees

FORMAT = "everup-failure-1"
BYTES_MOST = 64 * 1024 * 1024
HEADER_MOST = 1024 * 1024
KINDS = ("<f8", "<i4")
"""The only kinds of number that are kept."""
KNOTS_MOST = 1000
DIMENSIONS_MOST = 2

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FailureModel:
    """`features`: the names of the columns, in their order. `knots`: `[2, n]`, sums of the trees
    and what they are worth, both never falling; straight lines between them. `base_rate`: the share
    of failures in what it learned from. `about`: what it was trained on."""

    features: tuple[str, ...]
    trees: Trees
    knots: Floats
    base_rate: float
    about: Mapping[str, str | int | float]

    def __post_init__(self) -> None:
        if self.trees.features > len(self.features):
            raise ValueError("a model's parts must agree about its features")
        shape = self.knots.shape
        if len(shape) != DIMENSIONS_MOST or shape[0] != 2 or not 0 < shape[1] <= KNOTS_MOST:
            raise ValueError("a model needs a calibration")
        if not np.isfinite(self.knots).all() or (np.diff(self.knots) < 0).any():
            raise ValueError("a calibration must rise")
        if self.knots[1, 0] < 0.0 or self.knots[1, -1] > 1.0:
            raise ValueError("a calibration must give probabilities")
        if not (math.isfinite(self.base_rate) and 0.0 < self.base_rate < 1.0):
            raise ValueError("a model's base rate must be between 0 and 1")

    def probabilities(self, rows: Floats) -> Floats:
        """Per row, that a failure begins within the horizon. NaN where no feature is known."""
        worth = np.interp(self.trees.sums(rows), self.knots[0], self.knots[1])
        found = np.array(worth, dtype=np.float64)
        found[~np.isfinite(rows).any(axis=1)] = np.nan
        return found

    def pack(self) -> bytes:
        """The same model gives the same bytes."""
        parts = {f"trees.{name}": array for name, array in self.trees.arrays().items()}
        parts["knots"] = self.knots
        kept = {name: _plain(array) for name, array in sorted(parts.items())}
        header = {
            "format": FORMAT,
            "features": list(self.features),
            "base_rate": self.base_rate,
            "about": dict(self.about),
            "arrays": [[name, a.dtype.str, list(a.shape)] for name, a in kept.items()],
        }
        text = json.dumps(header, sort_keys=True).encode()
        return len(text).to_bytes(4, "little") + text + b"".join(a.tobytes() for a in kept.values())

    @classmethod
    def unpack(cls, content: bytes) -> FailureModel:
        """From what `pack` gave. ValueError: it is not that, or not whole."""
        if not 4 <= len(content) <= BYTES_MOST:
            raise ValueError("a model of impossible size")
        size = int.from_bytes(content[:4], "little")
        if size > min(HEADER_MOST, len(content) - 4):
            raise ValueError("a model whose header is cut short")
        try:
            header = json.loads(content[4 : 4 + size])
            if header["format"] != FORMAT:
                raise ValueError("a model of another format")
            arrays = _arrays(header["arrays"], content[4 + size :])
            trees = {n.removeprefix("trees."): a for n, a in arrays.items() if n != "knots"}
            return cls(
                tuple(map(str, header["features"])),
                Trees.of(trees),
                arrays["knots"].astype(np.float64),
                float(header["base_rate"]),
                dict(header["about"]),
            )
        except (KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"a model whose header says too little: {error}") from error


def _plain(array: NDArray[np.generic]) -> NDArray[np.generic]:
    kind = "<i4" if np.issubdtype(array.dtype, np.integer) else "<f8"
    return np.ascontiguousarray(array.astype(kind))


def _arrays(listed: list[list[object]], content: bytes) -> dict[str, NDArray[np.generic]]:
    found: dict[str, NDArray[np.generic]] = {}
    start = 0
    for name, kind, shape in listed:
        if kind not in KINDS or not isinstance(shape, list) or len(shape) > DIMENSIONS_MOST:
            raise ValueError("a model with a foreign array")
        sizes = [int(n) for n in shape]
        if min(sizes, default=0) < 0:
            raise ValueError("a model with an array of impossible size")
        end = start + math.prod(sizes) * np.dtype(str(kind)).itemsize
        if end > len(content):
            raise ValueError("a model that is cut short")
        found[str(name)] = np.frombuffer(content[start:end], dtype=str(kind)).reshape(sizes)
        start = end
    if start != len(content):
        raise ValueError("a model with something behind it")
    return found
