"""What the usual directions do not explain: the PCA reconstruction residual. Pure numpy.

Flows in: rows of features. Flows out: the squared length of what is left of each row after it was
projected on the kept components, over the usual length, so that 1 is usual. Metrics that always
moved together and now do not show here, though each by itself is within its bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

USUAL_LEAST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """`components [kept, feature]` are orthonormal; `usual` is the mean squared residual in
    training."""

    mean: NDArray[np.float64]
    components: NDArray[np.float64]
    usual: float

    def __post_init__(self) -> None:
        if self.components.ndim != 2 or self.mean.shape != (self.components.shape[1],):
            raise ValueError("directions need one mean per feature")
        if not (np.isfinite(self.mean).all() and np.isfinite(self.components).all()):
            raise ValueError("directions must be finite")
        if not (np.isfinite(self.usual) and self.usual >= 0):
            raise ValueError("the usual residual must be finite and not below 0")

    def scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Per row; 1 is usual."""
        if rows.ndim != 2 or rows.shape[1] != len(self.mean):
            raise ValueError(f"rows need exactly {len(self.mean)} features")
        centred = rows - self.mean
        left = centred - (centred @ self.components.T) @ self.components
        return np.asarray((left * left).sum(axis=1) / max(self.usual, USUAL_LEAST))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Everything by name, to be kept."""
        usual = np.array([self.usual])
        return {"mean": self.mean, "components": self.components, "usual": usual}

    @classmethod
    def of(cls, kept: Mapping[str, NDArray[np.generic]]) -> Directions:
        """From what `arrays` gave. ValueError: it is not whole."""
        try:
            return cls(
                kept["mean"].astype(np.float64),
                kept["components"].astype(np.float64),
                float(kept["usual"].astype(np.float64)[0]),
            )
        except KeyError as missing:
            raise ValueError(f"directions without {missing}") from missing
