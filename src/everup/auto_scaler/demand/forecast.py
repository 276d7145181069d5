"""What will be asked of a service in some steps from now, as weighted values.

Flows in: each moment, and later what came of it. Flows out: a Spread. Four simple members foretell
the same number: a line learned through features, the latest step, and means of the last 2 and 5
minutes (far ahead, what a day ago did in place of the last). The errors that each has made lately
are laid around what it says now, and each counts by how small its pinball loss was lately (Koenker
and Bassett, *Regression Quantiles*, 1978). As what is said is made of the errors of late, it widens
and narrows by itself; where it still holds too seldom or too often, `_stretch` follows (Gibbs and
Candès, *Adaptive Conformal Inference Under Distribution Shift*, 2021).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.auto_scaler.demand.account import Account
from everup.auto_scaler.demand.features import V_SIZE, X_SIZE, Moment
from everup.auto_scaler.demand.past import DemandPast, Floats
from everup.auto_scaler.demand.regression import Line

MEMBERS = 4
ERRORS_KEPT = 6000
GROWN_BY, GROWN_LEAST = 1.5, 128
"""Room for errors comes as they do: most services are young, and a start lives through few."""
ERRORS_LEAST = 100
SUMMED_EACH = 20
LOSS_STEPS = 2880.0
"""Losses of half a day of steps of 15 s decide who is listened to."""
SHARPNESS = 8.0
HEARD_LEAST = 0.02
LOSS_AT = np.array([0.5, 0.8, 0.95, 0.99])
LOSS_UNDER = LOSS_AT - 1.0
_EDGES = np.r_[np.linspace(0.0, 0.5, 9), 1.0 - 0.5 * 10.0 ** -np.linspace(0.08, 3.0, 40), 1.0]
CENTRES: Floats = (_EDGES[1:] + _EDGES[:-1]) / 2.0
MASSES: Floats = np.diff(_EDGES)
MIDDLE = int(np.searchsorted(CENTRES, 0.5))
"""Errors are summed up as these quantiles, finer towards the end that shortages come from."""
TOLD_AT = (0.05, 0.25, 0.5, 0.75, 0.95)
MISSED_AIM, MISSED_MOST = 0.10, 0.14
MISSED_STEPS = 960.0
CHECKED_EACH = 4
STRETCHED_BY, STRETCH_MOST = 1.004, 2.0
"""While more than 14 % fall outside of the band it is widened step by step, and comes back after.
It is never made narrower than the errors were: where demand stands still for minutes much lies on
the band's very edge, and nothing can be said from how often it holds."""
LOG_MOST = 40.0

Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Demand as values, in no order, with the probability of each; together 1."""

    values: Floats
    masses: Floats

    def quantiles(self, shares: Sequence[float]) -> tuple[float, ...]:
        """The smallest values that at least these shares are not above."""
        order = self.values.argsort()
        reached = self.masses[order].cumsum()
        places = reached.searchsorted(np.multiply(shares, reached[-1]) - 1e-12)
        return tuple(self.values[order[np.minimum(places, len(order) - 1)]].tolist())

    def chance_above(self, demand: float) -> float:
        """How probable more than this is."""
        return float(self.masses[self.values > demand].sum())


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What was said at a step, to be held against what came. `places`: `[member]`."""

    step: int
    moment: Moment
    places: Floats
    width: float
    told: tuple[float, ...] | None  # demand at TOLD_AT, where it is held against what came


Outcome = Callable[[DemandPast], float]
Places = Callable[[Moment, float], Floats]
"""(moment, what the line says) → where each member sees it, as logarithms; the line's is first."""


def highest_of(steps: int) -> Outcome:
    """The highest of so many steps, seen from their end."""

    def outcome(past: DemandPast) -> float:
        return past.highest((steps,))[0]

    return outcome


def mean_of(steps: int) -> Outcome:
    """The mean of so many steps, seen from their end."""

    def outcome(past: DemandPast) -> float:
        return past.mean(steps)

    return outcome


def near(moment: Moment, line: float) -> Floats:
    """Members for the next minutes."""
    return np.array([line, moment.level, moment.short, moment.long])


def far(moment: Moment, line: float) -> Floats:
    """Members for a quarter of an hour from now."""
    return np.array([line, moment.short, moment.long, moment.short + moment.season])


class Forecaster:
    """One number of one service's future: `outcome` of the steps that end `after` steps from the
    moment at which it is said. `each`: at every how many steps it is said."""

    def __init__(self, after: int, outcome: Outcome, places: Places, each: int = 1) -> None:
        self.after, self._outcome, self._places, self._each = after, outcome, places, each
        self._line = Line(X_SIZE, V_SIZE)
        self._waiting: deque[_Said] = deque()
        self._errors = np.empty((MEMBERS, 0), dtype=np.float32)
        self._count = self._summed_at = 0
        self._summary: Floats | None = None
        self._marks: Floats | None = None
        self._losses: Floats | None = None
        self._stretch = 1.0
        self.missed = MISSED_AIM
        """Share of what came lately that was outside of the band from 5 to 95 %."""
        self.account = Account(TOLD_AT, LOSS_STEPS / max(each, CHECKED_EACH))
        self.now: Spread | None = None
        """What is foretold at this moment; None before enough is known."""

    @property
    def weights(self) -> Floats:
        """How much each member counts; equal before anything is known."""
        if self._losses is None:
            return np.full(MEMBERS, 1.0 / MEMBERS)
        found = (self._losses.min() / self._losses) ** SHARPNESS
        found[found < HEARD_LEAST * found.sum()] = 0.0
        found /= found.sum()
        return np.asarray(found, dtype=np.float64)

    def retarget(self, after: int, outcome: Outcome) -> None:
        """From now on another stretch is foretold; what was learned of the old one is near it."""
        self.after, self._outcome = after, outcome

    def follow(self, past: DemandPast, moment: Moment) -> None:
        """After each step: what was said is settled, and said anew."""
        self._settle(past)
        if past.steps % self._each:
            return
        rise, width = self._line.say(moment.x, moment.v)
        places = self._places(moment, moment.level + rise)
        self.now = self._spread(places, width, past.unit)
        is_checked = past.steps % CHECKED_EACH == 0
        told = self.now.quantiles(TOLD_AT) if self.now is not None and is_checked else None
        self._waiting.append(_Said(past.steps, moment, places, width, told))

    def _settle(self, past: DemandPast) -> None:
        while self._waiting and past.steps - self._waiting[0].step >= self.after:
            said = self._waiting.popleft()
            if past.steps - said.step > self.after or past.unseen_at >= said.step:
                continue  # not all of it was seen
            demand = self._outcome(past)
            if said.told is not None:
                self._recalibrate(said.told, demand)
                self.account.settle(said.told, math.exp(said.moment.level) - past.unit, demand)
            came = math.log(demand + past.unit)
            errors = came - said.places
            self._line.learn(
                said.moment.x, said.moment.v, came - said.moment.level, errors[0], said.width
            )
            errors[0] /= said.width
            self._weigh(errors, said.width)
            self._keep(errors)

    def _recalibrate(self, told: tuple[float, ...], demand: float) -> None:
        missed = 0.0 if told[0] <= demand <= told[-1] else 1.0
        self.missed += (missed - self.missed) * CHECKED_EACH / MISSED_STEPS
        by = STRETCHED_BY if self.missed > MISSED_MOST else 1.0 / STRETCHED_BY
        self._stretch = min(STRETCH_MOST, max(1.0, self._stretch * by))

    def _weigh(self, errors: Floats, width: float) -> None:
        """Pinball losses of what each would have said, discounted."""
        if self._marks is None:
            return
        over = errors[:, None] - self._marks
        over[0] *= width
        losses = np.maximum(LOSS_AT * over, LOSS_UNDER * over).sum(axis=1)
        if self._losses is None:
            self._losses = np.full(len(errors), 0.3)
        losses_of = min(LOSS_STEPS / self._each, self._count - ERRORS_LEAST + 1.0)
        self._losses += (np.maximum(losses, 1e-6) - self._losses) / max(1.0, losses_of)

    def _keep(self, errors: Floats) -> None:
        kept = ERRORS_KEPT // self._each
        place = self._count % kept
        if place == self._errors.shape[1]:
            self._errors = _grown(self._errors, kept)
        self._errors[:, place] = errors
        self._count += 1
        if self._count < ERRORS_LEAST or self._count % SUMMED_EACH:
            return
        known = np.sort(self._errors[:, : min(self._count, kept)], axis=1)
        count = known.shape[1]
        self._summary = _at(known, np.minimum(count - 1, (count * CENTRES).astype(int)))
        self._marks = _at(known, np.minimum(count - 1, (count * LOSS_AT).astype(int)))

    def _spread(self, places: Floats, width: float, unit: float) -> Spread | None:
        if self._summary is None:
            return None
        weights = self.weights
        heard = weights.nonzero()[0]
        errors = self._summary[heard]
        if self._stretch != 1.0:
            middle = errors[:, MIDDLE, None]
            errors = middle + (errors - middle) * self._stretch
        logs = errors.copy() if errors is self._summary else errors
        if heard[0] == 0:  # the line's errors are in its widths
            logs[0] *= width
        logs += places[heard, None]
        np.minimum(logs, LOG_MOST, out=logs)
        values = np.exp(logs, out=logs).ravel()
        values -= unit
        np.maximum(values, 0.0, out=values)
        return Spread(values, (weights[heard, None] * MASSES).ravel())


def _grown(errors: Singles, most: int) -> Singles:
    """The same errors, with room for more; `most` is all the room there will be."""
    count = errors.shape[1]
    room = min(most, max(GROWN_LEAST, int(GROWN_BY * count)))
    found = np.empty((MEMBERS, room), dtype=np.float32)
    found[:, :count] = errors
    return found


def _at(errors: Singles, places: NDArray[np.int64]) -> Floats:
    return errors[:, places].astype(np.float64)
