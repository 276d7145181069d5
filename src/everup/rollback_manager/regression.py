"""Is a service slower, more faulty or hungrier since it was changed? A test for any time.

Flows in: what it answered before the change and since, by itself or in sums over intervals, and
earlier days where there are any. Flows out: a `Regression` with numbers before and after, or why
nothing can be said yet. Pure numpy; called by whoever watches a new version, at every look.

The test of latency, on logarithms, so that it is about ratios:

1. Far outliers are drawn in (`samples.drawn_in`), for old and new by the same measure.
2. The noise of a mean is that of single answers and that of slow waves: by how much means of one
   and three minutes differ from one another more than single answers explain, over up to three
   hours before the change.
3. What load explains (`load.allowance`), what is slower everywhere (`elsewhere`), what the same
   hours of earlier days rose by, and what a steady climb before the change leads on to, is allowed.
4. The rest must exceed `tolerance` by more than a boundary that holds however often one looks
   (`sequential.boundary`), must still be there by half in the latest third, and be `least_s` in
   seconds.

CPU for a request goes the same way; errors by an e-process (`sequential.too_many`), where answers
that fail together count as few. The first `warm_up_s` after a change are left out: caches are cold.

It fails to see: a slowdown that grows more slowly than the noise's own waves, one that comes
together with so much more load that nothing can be compared, one in requests that a probe does not
make. It holds its rate of false alarms for noise of finite variance that was the same before; a
neighbour that turns noisy at the very minute of a change is told apart by `elsewhere` alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from everup.model.kinds import UNKNOWN, is_known
from everup.rollback_manager.load import allowance
from everup.rollback_manager.noise import Noise, Series, noise_of
from everup.rollback_manager.samples import Floats, Samples, Scale, drawn_in, logs, scale_of
from everup.rollback_manager.sequential import boundary, share_most, too_many

DAY_S = 86_400.0
DAYS_MOST, DAYS_LEAST = 14, 3
SIGNALS = 3
SHARE_Z = 4.4  # one-sided 5e-6, of the usual share of errors
SLOT_S = 10.0
LATE_SHARE, STILL_SHARE = 1.0 / 3.0, 0.5
"""So much of what is measured must still be there in so much of the time, the latest: else it was
slow for a while, as after a cold start, and is over it."""
HOUR_LEAST = 30
NORMAL_BY_MAD = 1.4826


class Measure(StrEnum):
    """What may be worse."""

    LATENCY = "latency"
    ERRORS = "errors"
    CPU = "cpu_per_request"


@dataclass(frozen=True, slots=True)
class Bounds:
    """`alpha`: chance of a false alarm for one change, over all three measures and all looks.
    `tolerance`: a ratio up to which nothing is called worse. `errors_more`: the same for the share
    of errors, as a difference. `tuned_s`: after which the boundary is lowest. `noise_most_s`: how
    far back noise is read from."""

    alpha: float = 3e-5
    tolerance: float = 1.03
    least_s: float = 0.0
    errors_more: float = 0.01
    warm_up_s: float = 20.0
    lasts_least_s: float = 60.0
    answers_least: int = 30
    before_least_s: float = 300.0
    before_most_s: float = 3600.0
    noise_most_s: float = 3 * 3600.0
    tuned_s: float = 240.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure: seconds, a share, or CPU seconds for a request. `ratio` is what is left after
    all that is allowed, `ratio_least` its lower bound at any time (NaN for errors)."""

    measure: Measure
    before: float
    after: float
    ratio: float
    ratio_least: float
    is_worse: bool
    answers: int
    lasted_s: float
    allowed: float = 1.0
    allowed_by: str = ""


@dataclass(frozen=True, slots=True)
class Regression:
    """`compared`: each measure that could be; `held`: why latency could not, "" when it could."""

    compared: tuple[Comparison, ...] = ()
    held: str = ""

    @property
    def worse(self) -> tuple[Comparison, ...]:
        """The measures that are."""
        return tuple(one for one in self.compared if one.is_worse)


@dataclass(frozen=True, slots=True)
class _Old:
    """One measure before a change, in logarithms."""

    scale: Scale
    base: float
    middle: float
    noise: Noise


class Usual:
    """What a service answered before a change, which is the same at every look since."""

    def __init__(self, before: Samples, changed_s: float, bounds: Bounds | None = None) -> None:
        self.changed_s, self.bounds = changed_s, bounds or Bounds()
        self.hours = _hours(before, changed_s, self.bounds)
        self._known: dict[Measure, _Old | str] = {}

    @property
    def last(self) -> Samples:
        """The hour before the change."""
        return self.hours[0]

    def of(self, measure: Measure) -> _Old | str:
        """What is usual, or why that is not known."""
        if measure not in self._known:
            self._known[measure] = self._find(measure)
        return self._known[measure]

    def _find(self, measure: Measure) -> _Old | str:
        times_s, weights, values = _told(self.last, measure)
        least_s = self.bounds.before_least_s
        if len(values) < self.bounds.answers_least or self.changed_s - times_s[0] < least_s:
            return f"it was seen for less than {least_s:g} s before the change"
        scale = scale_of(values)
        values = drawn_in(values, scale)
        earlier = [_told(hour, measure) for hour in self.hours[1:]]
        noise = noise_of(
            (times_s, weights, values),
            [(t, w, drawn_in(v, scale_of(v))) for t, w, v in earlier if len(v) >= HOUR_LEAST],
        )
        base = float(np.average(values, weights=weights))
        return _Old(scale, base, float(np.median(values)), noise)


def regression(
    before: Samples | Usual,
    after: Samples,
    changed_s: float,
    *,
    past: Samples | None = None,
    elsewhere: float = 1.0,
    capacity: float = UNKNOWN,
    bounds: Bounds | None = None,
    time_scale: float = 1.0,
) -> Regression:
    """`changed_s`: when the change was made; rows on its wrong side are left out. `past`: the same
    service on earlier days. `elsewhere`: by what ratio others became slower at the same time.
    `capacity`: cores that the service may use. `time_scale`: of the settings; all times of the test
    go with it, and days are none then."""
    bounds = bounds or Bounds()
    if time_scale != 1.0:
        after, past = after.at_pace(changed_s, time_scale), None
    if isinstance(before, Samples):
        before = Usual(before.at_pace(changed_s, time_scale), changed_s, bounds)
    after = after.between(changed_s + bounds.warm_up_s, math.inf)
    allowed = allowance(before.last, after, capacity)
    watch = _Watch(before, after, past)
    slower = max(0.0, math.log(elsewhere)) if elsewhere > 0.0 else 0.0
    found: list[Comparison] = []
    held = ""
    latency = watch.ratio(
        Measure.LATENCY,
        allowed.log_ratio + slower,
        np.where(allowed.comparable, after.answers, 0.0),
    )
    if isinstance(latency, str):
        held = latency
        if len(after) >= bounds.answers_least and not allowed.comparable.any():
            held = f"it is busier than can be compared with before, by its {allowed.by}"
    else:
        found.append(latency.by(allowed.by))
    errors = watch.errors()
    found += [errors] if errors is not None else []
    cpu = watch.ratio(Measure.CPU, np.zeros(len(after)), after.answers)
    found += [] if isinstance(cpu, str) else [cpu.comparison]
    return Regression(tuple(found), held)


def _hours(before: Samples, changed_s: float, bounds: Bounds) -> Sequence[Samples]:
    """What lies before the change, in parts of `before_most_s`, the last one first."""
    parts = max(1, round(bounds.noise_most_s / bounds.before_most_s))
    ends_s = [changed_s - part * bounds.before_most_s for part in range(parts)]
    return [before.between(end_s - bounds.before_most_s, end_s) for end_s in ends_s]


def _measured(seen: Samples, measure: Measure) -> Floats:
    """Its logarithms; NaN where it is not known."""
    if measure is Measure.LATENCY:
        return logs(seen.latency_s)
    with np.errstate(invalid="ignore", divide="ignore"):
        return logs(seen.cpu_ratio / seen.rate_per_s)


def _told(seen: Samples, measure: Measure) -> Series:
    """Where it is known."""
    values = _measured(seen, measure)
    has = np.isfinite(values) & (seen.answers > 0.0)
    return seen.times_s[has], seen.answers[has], values[has]


@dataclass(frozen=True, slots=True)
class _Found:
    comparison: Comparison

    def by(self, what: str) -> Comparison:
        one = self.comparison
        return Comparison(
            *(one.measure, one.before, one.after, one.ratio, one.ratio_least, one.is_worse),
            *(one.answers, one.lasted_s, one.allowed, what),
        )


class _Watch:
    """Before and after of one change."""

    def __init__(self, usual: Usual, after: Samples, past: Samples | None) -> None:
        self.usual, self.after, self.past = usual, after, past
        self.changed_s, self.bounds = usual.changed_s, usual.bounds

    def ratio(self, measure: Measure, allowed: Floats, comparable: Floats) -> _Found | str:
        """The comparison, or why there is none. `comparable`: weights, 0 where it cannot be."""
        bounds, old = self.bounds, self.usual.of(measure)
        if isinstance(old, str):
            return old
        new = _measured(self.after, measure)
        has = np.isfinite(new) & (comparable > 0.0)
        t_new, w_new, new, allowed = (
            self.after.times_s[has],
            comparable[has],
            new[has],
            allowed[has],
        )
        lasted_s = _lasted_s(t_new)
        if w_new.sum() < bounds.answers_least or lasted_s < bounds.lasts_least_s:
            return (
                f"{w_new.sum():.0f} answers over {lasted_s:.0f} s since it warmed up: too few yet"
            )
        noise = old.noise
        climbs = noise.climbs_per_s * np.maximum(t_new - noise.middle_s, 0.0)
        explained = allowed + climbs
        left = drawn_in(new - explained, old.scale) - old.base
        rest = float(np.average(left, weights=w_new))
        usual, varies = self._usually(measure, t_new[-1])
        own = noise.own(w_new, left)
        variance = own / w_new.sum() + noise.slow / lasted_s + noise.of_mean + varies
        tolerance = math.log(bounds.tolerance)
        out = boundary(lasted_s / bounds.tuned_s, bounds.alpha / SIGNALS)
        least = rest - usual - out * math.sqrt(variance)
        late = t_new >= t_new[-1] - LATE_SHARE * (t_new[-1] - t_new[0])
        still = float(np.average(left[late], weights=w_new[late])) - usual
        value_old, value_new = math.exp(old.middle), math.exp(float(np.median(new)))
        is_much = measure is not Measure.LATENCY or value_new - value_old >= bounds.least_s
        is_there = still > max(tolerance, STILL_SHARE * (rest - usual))
        is_worse = least > tolerance and is_there and is_much
        mean_allowed = float(np.average(explained, weights=w_new)) + usual
        return _Found(
            Comparison(
                measure,
                value_old,
                value_new,
                math.exp(rest - usual),
                math.exp(least),
                is_worse,
                int(w_new.sum()),
                lasted_s,
                math.exp(mean_allowed),
            )
        )

    def _usually(self, measure: Measure, until_s: float) -> tuple[float, float]:
        """By how much it rose at these hours of earlier days, and how that varied from day to day:
        what it did on days on which nothing was changed is no sign of a change."""
        if self.past is None or measure is not Measure.LATENCY:
            return 0.0, 0.0
        since_s = self.changed_s + self.bounds.warm_up_s
        rose: list[float] = []
        chance: list[float] = []
        for day in range(1, DAYS_MOST + 1):
            back_s = day * DAY_S
            then = [
                self.past.between(start_s - back_s, end_s - back_s)
                for start_s, end_s in (
                    (self.changed_s - self.bounds.before_most_s, self.changed_s),
                    (since_s, until_s),
                )
            ]
            values = [logs(part.latency_s) for part in then]
            values = [part[np.isfinite(part)] for part in values]
            if min(map(len, values)) < 2:
                continue
            scale = scale_of(values[0])
            values = [drawn_in(part, scale) for part in values]
            rose.append(float(values[1].mean() - values[0].mean()))
            chance.append(float(sum(part.var(ddof=1) / len(part) for part in values)))
        if len(rose) < DAYS_LEAST:
            return 0.0, 0.0
        middle = float(np.median(rose))
        spread = (NORMAL_BY_MAD * float(np.median(np.abs(np.array(rose) - middle)))) ** 2
        return max(0.0, middle), max(0.0, spread - float(np.mean(chance)))

    def errors(self) -> Comparison | None:
        """More of what was asked fails than usual?"""
        bounds, old, new = self.bounds, self.usual.last, self.after
        asked_old, asked_new = float(np.nansum(old.answers)), float(np.nansum(new.answers))
        lasted_s = _lasted_s(new.times_s)
        if min(asked_old, asked_new) < bounds.answers_least or lasted_s < bounds.lasts_least_s:
            return None
        failed_old, failed_new = float(np.nansum(old.errors)), float(np.nansum(new.errors))
        together = max(_together(old), _together(new))
        usual = share_most(failed_old / together, asked_old / together, SHARE_Z)
        usual += bounds.errors_more
        late_s = new.times_s[-1] - LATE_SHARE * (new.times_s[-1] - new.times_s[0])
        late = new.between(late_s, math.inf)
        still = float(np.nansum(late.errors)) / max(1.0, float(np.nansum(late.answers)))
        is_worse = still > usual and too_many(
            failed_new / together, asked_new / together, usual, bounds.alpha / SIGNALS
        )
        was, now = failed_old / asked_old, failed_new / asked_new
        ratio = now / was if was > 0.0 else UNKNOWN
        return Comparison(
            *(Measure.ERRORS, was, now, ratio, UNKNOWN, is_worse, int(asked_new), lasted_s)
        )


def _series(hour: Samples, logged: Floats) -> Series | None:
    """For its noise; None where too little was seen in it."""
    has = np.isfinite(logged) & (hour.answers > 0.0)
    values = logged[has]
    if len(values) < HOUR_LEAST:
        return None
    return hour.times_s[has], hour.answers[has], drawn_in(values, scale_of(values))


def _lasted_s(times_s: Floats) -> float:
    """How much time these answers speak for: gaps, as while nothing could be compared, do not."""
    if not len(times_s):
        return 0.0
    return float(len(np.unique(np.floor(times_s / SLOT_S)))) * SLOT_S


def _together(asked: Samples) -> float:
    """How many fail as one: how much more errors differ from slot to slot than chance has it."""
    slots = np.unique(np.floor(asked.times_s / SLOT_S), return_inverse=True)[1]
    many = np.bincount(slots, np.nan_to_num(asked.answers))
    failed = np.bincount(slots, np.nan_to_num(asked.errors))[many > 0.0]
    many = many[many > 0.0]
    share = float(failed.sum() / many.sum()) if len(many) else 0.0
    if len(many) < 2 or not 0.0 < share < 1.0:
        return 1.0
    over = float(np.sum((failed - share * many) ** 2 / many) / (len(many) - 1))
    return max(1.0, over / (share * (1.0 - share)))


def said(regression: Regression) -> Sequence[str]:
    """Numbers before and after, a line each, for a person."""
    return [_line(one) for one in regression.compared]


def _line(one: Comparison) -> str:
    over = f"{one.answers} answers over {one.lasted_s:.0f} s"
    if one.measure is Measure.ERRORS:
        return f"errors {one.before:.1%} before, {one.after:.1%} since ({over})"
    what, unit = ("latency", "s") if one.measure is Measure.LATENCY else ("CPU per request", "s")
    text = f"{what} {one.before:.3g} {unit} before, {one.after:.3g} {unit} since ({over})"
    if is_known(one.ratio_least):
        text += f": {one.ratio:.2f} times as much, at least {one.ratio_least:.2f}"
    if one.allowed > 1.005:
        by = f" by its {one.allowed_by}" if one.allowed_by else ""
        text += f", beyond the {one.allowed:.2f} times that is explained{by}"
    return text


__all__ = ["Bounds", "Comparison", "Measure", "Regression", "Usual", "regression", "said"]
