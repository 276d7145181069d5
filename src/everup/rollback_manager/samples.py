"""What a service answered over time, as arrays, and what of it may be compared. Pure numpy.

Flows in: single answers of probes, or sums over intervals. Flows out: `Samples`, and the logarithms
of their latencies with far outliers drawn in. Called by `regression` and by whoever collects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

LATENCY_LEAST_S = 1e-6
"""What is faster counts as this: nobody measures less."""
OUTLIER_IN_NOISE = 4.0
OUTLIER_LEAST = float(np.log(2.0))
"""Outliers are drawn in to so many times the noise, and never to less than twice or half."""
NORMAL_BY_MAD = 1.4826


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Float64 arrays `[n]` of one length, oldest first; NaN is unknown and left out.

    `times_s`: when the answer came, or its interval began. `latency_s`: of a single answer; of an
    interval the median or the geometric mean (an arithmetic mean leans upward with the number of
    answers). `answers`: how many each row stands for, 1 for a probe. `errors`: how many of them
    failed. `cpu_ratio`: cores used meanwhile. `rate_per_s`: requests a second, where it is known.
    """

    times_s: Floats
    latency_s: Floats
    answers: Floats
    errors: Floats
    cpu_ratio: Floats
    rate_per_s: Floats

    def __post_init__(self) -> None:
        sizes = {getattr(self, field.name).shape for field in fields(self)}
        if len(sizes) != 1 or len(next(iter(sizes))) != 1:
            raise ValueError(f"all arrays are [n] of one length, got {sorted(sizes)}")

    def __len__(self) -> int:
        """How many rows."""
        return len(self.times_s)

    def between(self, since_s: float, until_s: float) -> Samples:
        """Only what is of `since_s` ≤ time < `until_s`."""
        return self.where((self.times_s >= since_s) & (self.times_s < until_s))

    def at_pace(self, origin_s: float, time_scale: float) -> Samples:
        """As it would be without `time_scale`: times about `origin_s` are that much farther."""
        return replace(self, times_s=origin_s + (self.times_s - origin_s) / time_scale)

    def where(self, kept: NDArray[np.bool_]) -> Samples:
        """Only these rows."""
        return Samples(*(getattr(self, field.name)[kept] for field in fields(self)))


def samples(
    times_s: ArrayLike,
    latency_s: ArrayLike,
    *,
    answers: ArrayLike | None = None,
    errors: ArrayLike | None = None,
    cpu_ratio: ArrayLike | None = None,
    rate_per_s: ArrayLike | None = None,
) -> Samples:
    """Arrays or sequences `[n]` as Samples, in the order of their time; what is left out is one
    answer each, without error, of unknown CPU and rate. A row without a time is left out."""
    times = np.asarray(times_s, dtype=np.float64)
    given = (latency_s, answers, errors, cpu_ratio, rate_per_s)
    filled = (np.nan, 1.0, 0.0, np.nan, np.nan)
    columns = [
        np.full(times.shape, other) if one is None else np.asarray(one, dtype=np.float64)
        for one, other in zip(given, filled, strict=True)
    ]
    found = Samples(times, *columns)
    order = np.argsort(times, kind="stable")
    order = order[np.isfinite(times[order])]
    return Samples(*(getattr(found, field.name)[order] for field in fields(found)))


def joined(parts: Sequence[Samples]) -> Samples:
    """All of them, in the order of their time."""
    columns = [np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Samples)]
    order = np.argsort(columns[0], kind="stable")
    return Samples(*(column[order] for column in columns))


@dataclass(frozen=True, slots=True)
class Scale:
    """What is usual before a change: the middle of the logarithms, and their noise."""

    middle: float
    noise: float

    @property
    def farthest(self) -> float:
        """How far from the middle anything may lie before it is drawn in."""
        return max(OUTLIER_IN_NOISE * self.noise, OUTLIER_LEAST)


def scale_of(values: Floats) -> Scale:
    """By median and median deviation, which a few outliers do not move."""
    middle = float(np.median(values))
    return Scale(middle, NORMAL_BY_MAD * float(np.median(np.abs(values - middle))))


def drawn_in(values: Floats, scale: Scale) -> Floats:
    """Outliers say that something was far out, and no more than that."""
    return np.clip(values, scale.middle - scale.farthest, scale.middle + scale.farthest)


def logs(values: Floats) -> Floats:
    """Natural logarithms of positive numbers; NaN elsewhere."""
    with np.errstate(invalid="ignore", divide="ignore"):
        kept = np.where(values > 0.0, np.maximum(values, LATENCY_LEAST_S), np.nan)
        return np.asarray(np.log(kept), dtype=np.float64)
