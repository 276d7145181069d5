"""From which probability it pays to act, and how many alarms: by what was seen. Pure.

Flows in: settled forecasts by tenth; alarms and what came of them. Flows out: a step, or None.
Called by `loop.tuning`, at most once a day for each knob. docs/predictions.md says the rules.

A miss costs as much as `miss_costs` false alarms. Had one acted from t on, forecasts from t on that
did not come were false alarms, and those between the level that is set and t that came were missed.
The cheapest t is aimed at, by a step of 0.05; never below what is set, never above 0.95. Where two
cost the same, the lower one is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from everup.model.accuracy import TENTHS, ForecastTally

STEP = 0.05
MOST = 0.95
SETTLED_LEAST = 20
"""Forecasts at or above the level that is set, before anything is said of it."""
BUDGET_STEP = 1.25
BUDGET_LEAST, BUDGET_MOST = 0.5, 2.0
ALARMS_LEAST = 10
FAILURES_LEAST = 10


@dataclass(frozen=True, slots=True)
class Move:
    """A knob goes from `old` to `new`, and why."""

    old: float
    new: float
    why: str


def acts_above(
    tallies: Iterable[ForecastTally], as_set: float, now: float, miss_costs: float
) -> Move | None:
    """`tallies`: by what was said, one for each tenth."""
    known = {t.tenth: t for t in tallies if t.tenth >= int(as_set * TENTHS + 1e-9)}
    count = sum(t.count for t in known.values())
    if count < SETTLED_LEAST or not as_set < MOST:
        return None
    levels = [as_set, *(tenth / TENTHS for tenth in range(TENTHS) if tenth / TENTHS > as_set), MOST]
    costs = {level: _cost(known, level, miss_costs) for level in levels}
    aim = min(levels, key=lambda level: (costs[level], level))
    if abs(aim - now) < 1e-9:
        return None
    step = min(STEP, abs(aim - now))
    new = min(MOST, max(as_set, round(now + (step if aim > now else -step), 9)))
    if abs(new - now) < 1e-9:
        return None
    came = sum(t.came for t in known.values())
    why = (
        f"of {count} forecasts of {as_set:.0%} and more {came} came; acting from {aim:.0%} on "
        f"would have cost {costs[aim]:g}, from {as_set:.0%} on {costs[as_set]:g} (a false alarm "
        f"costs 1, a miss {miss_costs:g})"
    )
    return Move(now, new, why)


def _cost(known: dict[int, ForecastTally], level: float, miss_costs: float) -> float:
    first = int(level * TENTHS + 1e-9) if level < MOST else TENTHS
    alarms = sum(t.count - t.came for t in known.values() if t.tenth >= first)
    missed = sum(t.came for t in known.values() if t.tenth < first)
    return alarms + miss_costs * missed


def anomaly_budget(
    now: float, *, alarms: int, useful: int, failures: int, announced: int, miss_costs: float
) -> Move | None:
    """`useful`: alarms behind which a failure came within the horizon; `announced`: failures before
    which there was one. By a quarter at a time, from a half of what is set up to twice that."""
    idle, silent = alarms - useful, failures - announced
    if alarms >= ALARMS_LEAST and idle > miss_costs * max(1, useful):
        new = max(BUDGET_LEAST, now / BUDGET_STEP)
        why = f"of {alarms} alarms {idle} were followed by no failure"
    elif failures >= FAILURES_LEAST and miss_costs * silent > max(idle, failures / 2):
        new = min(BUDGET_MOST, now * BUDGET_STEP)
        why = f"of {failures} failures {silent} had no alarm before them"
    else:
        return None
    return None if abs(new - now) < 1e-9 else Move(now, new, why)
