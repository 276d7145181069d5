"""What is usual for a service at this hour: learned baselines, for the health score and features.

Flows in: samples `[signal, service]` as they are taken, and which services are well. Flows out: for
a signal and a moment the usual value and its spread, per service. Kept by `loop.habits`; numpy
arrays of a fixed size, 25 numbers of three kinds per signal and service, whatever was seen.

Signals are learned as logarithms, since latencies and rates are skewed. A baseline begins with the
median and the deviation of `BEGINS_WITH` samples that are at hand; from then on each sample moves
it by a small step, a smaller one the more were seen, and at most a part of its spread: an outlier
weighs no more than any sample on its side, and what settles is a robust middle (Huber) and the
median of the deviations from it. A new level that lasts is learned within two or three days of
samples every half minute.

An hour begins as a copy of the whole, and counts by what it has seen: with `HOUR_COUNTS` samples
an hour weighs as much as the whole. Hours are those of UTC: where the clock is changed for the
summer, an hour is somebody else's for a few days. Before `BEGINS_WITH` samples nothing is usual.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from everup.model.baseline import BaselineKept
from everup.model.history import INDEX, FloatArray, Signal
from everup.predictive_monitor.past import Past

Floats = NDArray[np.float64]

SEASONAL: tuple[Signal, ...] = (
    Signal.LATENCY_S,
    Signal.CPU_RATIO,
    Signal.QUEUE,
    Signal.RECEIVED_PER_S,
)
FLOORS = np.array([1e-3, 1e-2, 1.0, 1e3])
"""Added before the logarithm is taken: differences below say nothing."""
HOURS, WHOLE = 24, 24
DAY_S = 86_400.0
BEGINS_WITH = 20
BEGUN_AT_ONCE_MOST = 50
"""Services of one signal in one sample; the others begin with the next ones."""
STEP_WHOLE, STEP_HOUR = 1.0 / 1000.0, 1.0 / 100.0
LEARNS_FAST = 10.0
"""A step is one part in so many more than were seen, as long as that is more than the above."""
HOUR_COUNTS = 60.0
SPREAD_LEAST, SPREAD_MOST = 0.03, 3.0
COUNT_MOST = 1e6
DEVIATION = 1.4826


class Usual(NamedTuple):
    """Of one signal, for all services: the usual value, its spread as a factor's logarithm, and how
    many samples it was learned from. NaN where nothing is usual yet."""

    value: Floats
    spread: Floats
    learned_from: Floats


class Seasons(Protocol):
    """What features read of baselines."""

    def usual(self, signal: Signal, at_s: float) -> Usual:
        """At this moment."""
        ...

    def beside(self, signal: Signal, values: FloatArray, at_s: float) -> Floats:
        """How far from usual, in deviations; NaN where nothing is."""
        ...


class Baselines:
    """Learned state, `[signal, service, hour or the whole]`. `day_s`: a day, shorter in tests."""

    def __init__(self, services: tuple[str, ...], *, day_s: float = DAY_S) -> None:
        self.services = services
        self._place = {name: index for index, name in enumerate(services)}
        self._day_s = day_s
        shape = (len(SEASONAL), len(services), HOURS + 1)
        self.centre_ = np.full(shape, np.nan, dtype=np.float32)
        self.spread_ = np.full(shape, np.nan, dtype=np.float32)
        self.count_ = np.zeros(shape, dtype=np.float32)

    def learn(
        self, at_s: float, sample: FloatArray, is_well: NDArray[np.bool_], past: Past
    ) -> None:
        """One more sample. Who is not well teaches nothing. `past`: what a baseline begins with."""
        hour = self._hour(at_s)
        for place, signal in enumerate(SEASONAL):
            seen = _logarithm(place, sample[INDEX[signal]])
            known = is_well & np.isfinite(seen)
            begun = np.isfinite(self.centre_[place, :, WHOLE])
            if np.any(known & ~begun):
                self._begin(place, signal, known & ~begun, past)
            taught = np.flatnonzero(known & begun)
            if len(taught):
                self._start_hour(place, taught, hour)
                self._move(place, taught, WHOLE, seen[taught], STEP_WHOLE)
                self._move(place, taught, hour, seen[taught], STEP_HOUR)

    def usual(self, signal: Signal, at_s: float) -> Usual:
        """The hour's, drawn to the whole by how little the hour has seen."""
        place, hour = SEASONAL.index(signal), self._hour(at_s)
        counts = self.count_[place, :, hour].astype(np.float64)
        weight = counts / (counts + HOUR_COUNTS)
        centre = _mixed(weight, self.centre_[place, :, hour], self.centre_[place, :, WHOLE])
        spread = _mixed(weight, self.spread_[place, :, hour], self.spread_[place, :, WHOLE])
        value = np.exp(centre) - FLOORS[place]
        seen = self.count_[place, :, WHOLE].astype(np.float64)
        return Usual(np.maximum(value, 0.0), DEVIATION * spread, seen)

    def beside(self, signal: Signal, values: FloatArray, at_s: float) -> Floats:
        """How far from usual these are, in deviations of their logarithms."""
        place = SEASONAL.index(signal)
        usual = self.usual(signal, at_s)
        away = _logarithm(place, values) - np.log(usual.value + FLOORS[place])
        return np.asarray(away / usual.spread)

    def take(self, service: str) -> tuple[BaselineKept, ...]:
        """What was learned of one service, to be kept; signals of which nothing is usual are not in
        it."""
        column = self._place[service]
        found = []
        for place, signal in enumerate(SEASONAL):
            if np.isfinite(self.centre_[place, column, WHOLE]):
                found.append(
                    BaselineKept(
                        signal.value,
                        _plain(self.centre_[place, column]),
                        _plain(self.spread_[place, column]),
                        tuple(int(n) for n in self.count_[place, column]),
                    )
                )
        return tuple(found)

    def put(self, service: str, kept: tuple[BaselineKept, ...]) -> None:
        """Go on from what was kept. What is of another shape, or no number, is left out."""
        column = self._place.get(service)
        for each in kept if column is not None else ():
            if each.signal not in SEASONAL or each.lengths != {HOURS + 1}:
                continue
            centre, spread, count = (np.array(a, dtype=np.float64) for a in each.arrays)
            if not (np.all(np.isfinite(centre)) and np.all(spread > 0.0) and np.all(count >= 0.0)):
                continue
            place = SEASONAL.index(Signal(each.signal))
            self.centre_[place, column] = centre
            self.spread_[place, column] = np.clip(spread, SPREAD_LEAST, SPREAD_MOST)
            self.count_[place, column] = np.minimum(count, COUNT_MOST)

    def counts(self, signal: Signal) -> Floats:
        """How many samples the whole was learned from, per service."""
        return np.asarray(self.count_[SEASONAL.index(signal), :, WHOLE], dtype=np.float64)

    def _hour(self, at_s: float) -> int:
        return int(HOURS * ((at_s / self._day_s) % 1.0)) % HOURS

    def _begin(self, place: int, signal: Signal, new: NDArray[np.bool_], past: Past) -> None:
        _, values = past.matrix(signal)
        enough = np.count_nonzero(np.isfinite(values) & (values >= 0.0), axis=0) >= BEGINS_WITH
        for column in np.flatnonzero(new & enough)[:BEGUN_AT_ONCE_MOST]:
            seen = _logarithm(place, values[:, column])
            seen = seen[np.isfinite(seen)]
            middle = float(np.median(seen))
            spread = float(np.median(np.abs(seen - middle)))
            self.centre_[place, column] = middle
            self.spread_[place, column] = np.clip(spread, SPREAD_LEAST, SPREAD_MOST)
            self.count_[place, column, WHOLE] = len(seen)

    def _start_hour(self, place: int, columns: NDArray[np.intp], hour: int) -> None:
        """One that has seen nothing yet begins as the whole is now."""
        new = columns[self.count_[place, columns, hour] == 0.0]
        for kept in (self.centre_, self.spread_):
            kept[place, new, hour] = kept[place, new, WHOLE]

    def _move(
        self, place: int, columns: NDArray[np.intp], hour: int, seen: Floats, step: float
    ) -> None:
        centre, spread = self.centre_[place], self.spread_[place]
        middle = centre[columns, hour].astype(np.float64)
        wide = spread[columns, hour].astype(np.float64)
        counts = self.count_[place]
        steps = np.maximum(step, 1.0 / (counts[columns, hour] + LEARNS_FAST))
        away = (seen - middle) / wide
        centre[columns, hour] = middle + steps * wide * np.clip(away, -1.0, 1.0)
        grown = wide * np.exp(steps * np.sign(np.abs(away) - 1.0))
        spread[columns, hour] = np.clip(grown, SPREAD_LEAST, SPREAD_MOST)
        counts[columns, hour] = np.minimum(counts[columns, hour] + 1.0, COUNT_MOST)


def _logarithm(place: int, values: FloatArray) -> Floats:
    """Of what may be one; negative and unknown values are NaN."""
    seen = np.asarray(values, dtype=np.float64)
    fit = np.isfinite(seen) & (seen >= 0.0)
    return np.asarray(np.log(np.where(fit, seen, np.nan) + FLOORS[place]))


def _mixed(weight: Floats, of_hour: FloatArray, of_all: FloatArray) -> Floats:
    return np.asarray(weight * of_hour + (1.0 - weight) * of_all, dtype=np.float64)


def _plain(values: FloatArray) -> tuple[float, ...]:
    return tuple(round(float(v), 4) for v in values)
