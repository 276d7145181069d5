"""A trained model of failures: boosted trees and a calibration, with what they are.

Flows in: what `everup.training.failure` fitted. Flows out: a probability per row of features. It is
kept as bytes as `packing` says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.predictive_monitor import packing
from everup.predictive_monitor.learned.trees import Trees

FORMAT = "everup-failure-1"
KNOTS_MOST = 1000

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
        if len(shape) != packing.DIMENSIONS_MOST or shape[0] != 2 or not 0 < shape[1] <= KNOTS_MOST:
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
        parts = packing.named("trees.", self.trees.arrays())
        parts["knots"] = self.knots
        said = {
            "features": list(self.features),
            "base_rate": self.base_rate,
            "about": dict(self.about),
        }
        return packing.pack(FORMAT, parts, said)

    @classmethod
    def unpack(cls, content: bytes) -> FailureModel:
        """From what `pack` gave. ValueError: it is not that, or not whole."""
        header, arrays = packing.unpack(FORMAT, content)
        try:
            return cls(
                tuple(map(str, header["features"])),
                Trees.of(packing.part(arrays, "trees.")),
                arrays["knots"].astype(np.float64),
                float(header["base_rate"]),
                dict(header["about"]),
            )
        except packing.TOO_LITTLE as error:
            raise packing.says_too_little(error) from error
