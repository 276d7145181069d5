"""What a probability is worth, learned from what came of earlier ones: `learned(...)`. Pure.

Flows in: settled forecasts by what would have been said without a calibration (`raw`), one tally
for each tenth of the scale. Flows out: a `Calibration`, or the one without points while too little
is settled. Called by `loop.tuning`; docs/predictions.md says when.

It is isotonic (pool adjacent violators) over the tenths, each drawn towards what was said by
`DOUBT` forecasts that are taken to have come as said: ten settled ones move a tenth half of the
way. A probability is raised by `RAISED_MOST` at most: a stack on which little was foretold and much
came is better warned of than acted upon at once. How far it is lowered has no bound.

Zadrozny, Elkan: Transforming classifier scores into accurate multiclass probability estimates
(2002).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from everup.model.accuracy import ForecastTally
from everup.model.tuning import Calibration

SETTLED_LEAST = 50
OF_EACH_LEAST = 5
"""So many of them came, and so many did not."""
DOUBT = 10.0
RAISED_MOST = 0.2


def learned(tallies: Iterable[ForecastTally]) -> Calibration:
    """From one tally for each tenth."""
    known = sorted((t for t in tallies if t.count > 0 and t.sum_p > 0), key=lambda t: t.tenth)
    count, came = sum(t.count for t in known), sum(t.came for t in known)
    if count < SETTLED_LEAST or min(came, count - came) < OF_EACH_LEAST:
        return Calibration()
    said = [min(1.0, t.sum_p / t.count) for t in known]
    drawn = [(t.came + DOUBT * p) / (t.count + DOUBT) for t, p in zip(known, said, strict=True)]
    risen = isotonic(drawn, [t.count + DOUBT for t in known])
    worth = [min(y, x + RAISED_MOST, 1.0) for x, y in zip(said, risen, strict=True)]
    knots: list[tuple[float, float]] = []
    for x, y in zip(said, worth, strict=True):
        if not knots or x > knots[-1][0]:
            knots.append((x, max(y, knots[-1][1] if knots else 0.0)))
    return Calibration(tuple(x for x, _ in knots), tuple(y for _, y in knots), count)


def isotonic(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The nearest values (least squares) that never fall."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values, weights, strict=True):
        mean, heavy, many = value, weight, 1
        while blocks and blocks[-1][0] >= mean:
            other, its, more = blocks.pop()
            mean = (mean * heavy + other * its) / (heavy + its)
            heavy, many = heavy + its, many + more
        blocks.append((mean, heavy, many))
    return [mean for mean, _, many in blocks for _ in range(many)]


def error_of(tallies: Iterable[ForecastTally], calibration: Calibration) -> float:
    """Mean distance of what came from what would have been said, weighed by how many; NaN of none.
    Of a calibration, over what it was learned from: it flatters."""
    far = total = 0.0
    for one in tallies:
        if one.count:
            said = calibration.of(one.sum_p / one.count)
            far += one.count * abs(said - one.came / one.count)
            total += one.count
    return far / total if total else float("nan")


def moved_most(old: Calibration, new: Calibration) -> float:
    """The furthest that any probability is moved from the one to the other."""
    at = {*old.said, *new.said, 1.0}
    return max(abs(old.of(x) - new.of(x)) for x in at)
