"""How much a mean of latencies varies: `noise_of(times, weights, values) -> Noise`. Pure numpy.

Flows in: logarithms of what was answered before a change. Flows out: the variance of a single
answer, and that of slow waves. Called by `regression`.

Answers that follow one another are alike. So means over whole minutes are compared with each other:
what they differ by beyond single answers counts as waves, by batch means (C. Alexopoulos, A. Seila,
Output data analysis, in Handbook of Simulation, 1998).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from everup.rollback_manager.samples import Floats

BATCHES_S = (60.0, 180.0)
BATCHES_LEAST = 5
FULL_SHARE = 0.5
CLIMB_SURE = 3.0


@dataclass(frozen=True, slots=True)
class Noise:
    """`single`: variance of one answer. `slow`: variance of a mean over one second of waves alone;
    over T seconds it is `slow` / T. `of_mean`: of the mean of all that was seen. `climbs_per_s`: of
    a steady climb, 0 where there is none; it is right at `middle_s`."""

    single: float
    slow: float
    of_mean: float
    climbs_per_s: float
    middle_s: float

    def own(self, weights: Floats, values: Floats) -> float:
        """Variance of one answer, where others vary more than those before."""
        return max(self.single, _single(weights, values))


def noise_of(times_s: Floats, weights: Floats, values: Floats) -> Noise:
    """Arrays `[n]`, oldest first, without NaN; at least two rows."""
    single = _single(weights, values)
    middle_s = float(np.average(times_s, weights=weights))
    span_s = float(times_s[-1] - times_s[0])
    climbs_per_s, batch_s = 0.0, BATCHES_S[0]
    at_s, means, many = _batches(times_s, weights, values, batch_s)
    if len(means) >= BATCHES_LEAST:
        climbs_per_s = _climb(at_s, means, many)
    slow = 0.0
    left = values - climbs_per_s * (times_s - middle_s)
    for batch_s in BATCHES_S:
        at_s, means, many = _batches(times_s, weights, left, batch_s)
        if len(means) >= BATCHES_LEAST:
            over = float(np.var(means, ddof=1)) - single * float(np.mean(1.0 / many))
            slow = max(slow, batch_s * over)
    of_mean = single / float(weights.sum()) + slow / max(span_s, BATCHES_S[0])
    return Noise(single, slow, of_mean, climbs_per_s, middle_s)


def _single(weights: Floats, values: Floats) -> float:
    if len(values) < 2:
        return 0.0
    middle = float(np.average(values, weights=weights))
    return float(np.sum(weights * (values - middle) ** 2) / (len(values) - 1))


def _batches(
    times_s: Floats, weights: Floats, values: Floats, batch_s: float
) -> tuple[Floats, Floats, Floats]:
    """(time, mean, weight) of each batch that is half full or more, counted back from the end."""
    number = np.floor((times_s[-1] - times_s) / batch_s).astype(np.intp)
    many: Floats = np.asarray(np.bincount(number, weights), dtype=np.float64)
    full = many >= FULL_SHARE * float(np.median(many[many > 0.0]))
    total = np.bincount(number, weights * values)[full]
    at_s = np.bincount(number, weights * times_s)[full]
    many = many[full]
    return at_s / many, total / many, many


def _climb(at_s: Floats, means: Floats, many: Floats) -> float:
    """Slope of a line through the batches where it is beyond chance; 0 where it is not or falls."""
    x = at_s - float(np.average(at_s, weights=many))
    spread = float(np.sum(many * x * x))
    slope = float(np.sum(many * x * means)) / spread
    left = means - float(np.average(means, weights=many)) - slope * x
    unsure = float(np.sqrt(np.sum(many * left * left) / max(1, len(x) - 2) / spread))
    return slope if slope > CLIMB_SURE * unsure else 0.0
