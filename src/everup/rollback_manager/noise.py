"""How much a mean of latencies varies: `noise_of(times, weights, values) -> Noise`. Pure numpy.

Flows in: logarithms of what was answered before a change. Flows out: the variance of a single
answer, and that of slow waves. Called by `regression`.

Answers that follow one another are alike. So means over whole minutes are compared with each other:
what they differ by beyond single answers counts as waves, by batch means (C. Alexopoulos, A. Seila,
Output data analysis, in Handbook of Simulation, 1998), which overlap, since that varies by a third
less (M. Meketon, B. Schmeiser, Overlapping batch means, Proc. Winter Simulation Conf., 1984).

Where answers are few, an hour of them tells little of waves. So hours before that one count too,
each about its own mean and climb. They may have been calmer: where the last hour has more waves
than chance has it, it counts alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from everup.rollback_manager.samples import Floats

BATCHES_S = (60.0, 180.0)
BATCHES_LEAST = 5
FULL_SHARE = 0.5
CLIMB_SURE = 3.0
STEP_S = 10.0
"""Between the beginnings of batches that overlap."""
CHANCE_SURE = 2.0
"""By so many standard errors the last hour may seem to have more waves than those before it."""

Series = tuple[Floats, Floats, Floats]
"""Times in seconds, weights and values, `[n]` each, oldest first, without NaN."""


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


def noise_of(last: Series, earlier: Sequence[Series] = ()) -> Noise:
    """`last`: of the hour before a change, two rows at least. `earlier`: hours before that one."""
    times_s, weights, values = last
    single = _single(weights, values)
    middle_s = float(np.average(times_s, weights=weights))
    span_s = float(times_s[-1] - times_s[0])
    climbs_per_s = _climb(*_batches(*last, BATCHES_S[0]))
    slow = 0.0
    for of_last, *before in zip(_waves(last), *map(_waves, earlier), strict=True):
        if of_last is None:
            continue
        over = [one.over for one in (of_last, *before) if one is not None]
        pooled = float(np.mean(over))
        is_alike = of_last.over <= pooled + CHANCE_SURE * of_last.by_chance
        slow = max(slow, pooled if is_alike else of_last.over)
    of_mean = single / float(weights.sum()) + slow / max(span_s, BATCHES_S[0])
    return Noise(single, slow, of_mean, climbs_per_s, middle_s)


@dataclass(frozen=True, slots=True)
class _Waves:
    """Variance of waves alone, over one second, below 0 by chance; and how much it varies from hour
    to hour where there are none."""

    over: float
    by_chance: float


def _waves(series: Series) -> Sequence[_Waves | None]:
    """For each length of batches; None where there are too few of them."""
    times_s, weights, values = series
    if len(values) < 2:
        return [None for _ in BATCHES_S]
    single, middle_s = _single(weights, values), float(np.average(times_s, weights=weights))
    left = values - _climb(*_batches(*series, BATCHES_S[0])) * (times_s - middle_s)
    number = np.floor((times_s[-1] - times_s) / STEP_S).astype(np.intp)
    many: Floats = np.cumsum([0.0, *np.bincount(number, weights)])
    total: Floats = np.cumsum([0.0, *np.bincount(number, weights * left)])
    return [_beyond(many, total, batch_s, single) for batch_s in BATCHES_S]


def _beyond(many: Floats, total: Floats, batch_s: float, single: float) -> _Waves | None:
    """By how much means over `batch_s` vary more than single answers explain, from sums up to each
    step."""
    steps = round(batch_s / STEP_S)
    batches = (len(many) - 1) / steps
    if batches < BATCHES_LEAST:
        return None
    many, total = many[steps:] - many[:-steps], total[steps:] - total[:-steps]
    full = many >= FULL_SHARE * float(np.median(many[many > 0.0]))
    many, means = many[full], total[full] / many[full]
    varies = float(np.var(means)) * batches / (batches - 1.0)
    alone = single * float(np.mean(1.0 / many))
    return _Waves(batch_s * (varies - alone), batch_s * alone * float(np.sqrt(2.0 / batches)))


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
    """Slope of a line through the batches; 0 where it is not beyond chance, or falls."""
    if len(means) < BATCHES_LEAST:
        return 0.0
    x = at_s - float(np.average(at_s, weights=many))
    spread = float(np.sum(many * x * x))
    slope = float(np.sum(many * x * means)) / spread
    left = means - float(np.average(means, weights=many)) - slope * x
    unsure = float(np.sqrt(np.sum(many * left * left) / max(1, len(x) - 2) / spread))
    return slope if slope > CLIMB_SURE * unsure else 0.0
