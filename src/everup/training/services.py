"""The craft of anomalies: one pooled model of all services, and its exam beside the champion's.

Flows in: an order, the past of each service. Flows out: a challenger. The detector that serves
measures the features of each row; services are taken a few at a time, on one core or on many. The
earlier part teaches, less what is not settled yet and the time before and during failures; the
later part is the exam. The same order gives the same bytes, whoever did the work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.model.kinds import UNKNOWN, is_known
from everup.model.learned import Failure, Trained, TrainingOrder
from everup.predictive_monitor.anomaly import Detector, ServiceModel
from everup.predictive_monitor.anomaly.gathering import WATCHED, gathered
from everup.predictive_monitor.anomaly.reports import WARM_ROWS
from everup.predictive_monitor.anomaly.services import (
    TOGETHER_LEAST,
    feature_names,
    features_of,
)
from everup.training.anomaly import ROWS_LEAST, fit
from everup.training.exam import Bools, Floats, Sheet, scores_of
from everup.training.folder import Pasts
from everup.training.work import Cores, NothingToLearn

SERVICES_A_PART = 20
SETTLED_ROWS_MOST = 1000
"""A service's first rows are measured by what is hardly known yet. Half of the earlier part are
left out for that, at least a day and at most these."""
SIGNAL_NAMES = tuple(str(signal) for signal in WATCHED)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some services: the end of each row (NaN: none), `[row, service]`, its means `[row, service,
    signal]`, and the failures of all services, of which `own` are by the place of the service."""

    times_s: NDArray[np.float64]
    values: Floats
    own: tuple[tuple[Failure, ...], ...]
    others: tuple[Failure, ...]


def train(order: TrainingOrder, pasts: Pasts, cores: Cores) -> Trained:
    """A model, and both exams.

    Raises:
        NothingToLearn: too little is known of this time.
    """
    first_s, last_s = pasts.span_s()
    if not is_known(first_s):
        raise NothingToLearn("history holds nothing of this time")
    unseen_from_s = first_s + (1.0 - order.unseen_share) * (last_s - first_s)
    early = int((unseen_from_s - first_s) // order.row_s)
    settled = int(min(SETTLED_ROWS_MOST, max(WARM_ROWS, early // 2)))
    stretches = int(last_s // order.row_s) - int(first_s // order.row_s) + 1
    every = max(1, -(-stretches * len(order.services) // order.rows_most))
    calls = (
        (part, order, unseen_from_s, settled, every)
        for part in _parts(order, pasts, first_s, stretches)
    )
    sheets = cores.each(measured, calls)
    # Service by service, so that the order of the rows does not depend on how they were parted.
    rows = np.concatenate([s.features.swapaxes(0, 1)[s.teaches.T] for s in sheets])
    if len(rows) < ROWS_LEAST:
        text = f"{len(rows)} rows can be learned from, and {ROWS_LEAST} are needed: the first"
        raise NothingToLearn(
            f"{text} {settled} of each service only settle what is usual for it, and the last"
            f" {order.unseen_share:.0%} of {_spoken(last_s - first_s)} are for the exam"
        )
    names = feature_names(SIGNAL_NAMES)
    backend, workers = cores.backend, cores.workers
    model = fit(rows, names, seed=order.seed, backend=backend, workers=workers, row_s=order.row_s)
    theirs, notes = _champion(order, names, sheets)
    every_word = (f"of more rows than {order.rows_most} only every {every}. was taken",)
    return Trained(
        content=model.pack(),
        from_s=first_s,
        unseen_from_s=unseen_from_s,
        to_s=last_s,
        rows=len(rows),
        features=names,
        scores=scores_of(model, sheets),
        champion_scores=theirs,
        notes=(*_notes(sheets), *notes, *(every_word if every > 1 else ())),
    )


def _champion(
    order: TrainingOrder, names: tuple[str, ...], sheets: list[Sheet]
) -> tuple[dict[str, float], tuple[str, ...]]:
    if order.champion is None:
        return {}, ()
    try:
        champion = ServiceModel.unpack(order.champion)
        if why := champion.why_not_for(names, order.row_s):
            raise ValueError(why)
    except ValueError as error:
        return {"": UNKNOWN}, (f"who serves could not be asked: {error}",)
    return scores_of(champion, sheets), ()


def _notes(sheets: list[Sheet]) -> tuple[str, ...]:
    services = sum(int(sheet.teaches.any(axis=0).sum()) for sheet in sheets)
    failures = sum(sheet.failures for sheet in sheets)
    calm = sum(int(sheet.is_calm.sum()) for sheet in sheets)
    before = sum(int(sheet.is_before.sum()) for sheet in sheets)
    return (
        f"{services} services taught it",
        f"the exam had {calm} calm rows, and {before} shortly before {failures} failures",
    )


def _parts(order: TrainingOrder, pasts: Pasts, first_s: float, stretches: int) -> Iterator[Part]:
    """The services as they come, on one grid of rows."""
    waiting: list[tuple[str, NDArray[np.float64], Floats]] = []
    for columns in pasts:
        table = np.stack([columns.values[signal] for signal in WATCHED], axis=1)
        times_s = np.full(stretches, np.nan)
        values = np.full((stretches, len(WATCHED)), np.nan, dtype=np.float32)
        if len(columns.times_s):
            ends_s, rows = gathered(columns.times_s, table, row_s=order.row_s)
            at = np.rint(ends_s / order.row_s).astype(np.int64) - 1 - int(first_s // order.row_s)
            times_s[at], values[at] = ends_s, rows
        waiting.append((columns.service, times_s, values))
        if len(waiting) == SERVICES_A_PART:
            yield _part(order, waiting)
            waiting = []
    if waiting:
        yield _part(order, waiting)


def _part(order: TrainingOrder, given: list[tuple[str, NDArray[np.float64], Floats]]) -> Part:
    names, times_s, values = zip(*given, strict=True)
    return Part(
        np.stack(times_s, axis=1),
        np.stack(values, axis=1),
        tuple(tuple(f for f in order.failures if f.service == name) for name in names),
        order.failures,
    )


def measured(
    part: Part, order: TrainingOrder, unseen_from_s: float, settled: int, every: int
) -> Sheet:
    """The features of these services, and what each row is good for; of many rows every so many,
    with all of those before failures."""
    services = part.times_s.shape[1]
    detector = Detector(services, SIGNAL_NAMES)
    is_own, is_theirs, is_before = _failing(part, order)
    is_late = part.times_s > unseen_from_s
    is_before &= is_late
    keeps = (np.arange(len(part.times_s)) % every == 0) | is_before.any(axis=1)
    features = np.zeros((int(keeps.sum()), services, len(feature_names(SIGNAL_NAMES))), np.float32)
    known = np.zeros(part.times_s.shape, dtype=np.bool_)
    place = 0
    for row, (times_s, values) in enumerate(zip(part.times_s, part.values, strict=True)):
        seen = detector.measure(times_s, values)
        known[row] = np.isfinite(seen.rarest).sum(axis=1) >= TOGETHER_LEAST
        if keeps[row]:
            features[place] = features_of(seen)
            place += 1
    is_settled = known & (np.cumsum(known, axis=0) > settled)
    failed = {
        (column, failure)
        for column, failures in enumerate(part.own)
        for failure in failures
        if (_before(part.times_s[:, column], failure, order) & is_before[:, column]).any()
    }
    return Sheet(
        features,
        known[keeps],
        (is_settled & ~is_late & ~is_own)[keeps],
        (is_settled & is_late & ~is_own & ~is_theirs)[keeps],
        (is_settled & is_before)[keeps],
        is_late[keeps],
        len(failed),
    )


def _failing(part: Part, order: TrainingOrder) -> tuple[Bools, Bools, Bools]:
    """`[row, service]`: shortly before a failure of its own or during it; the same of anybody's,
    which may hurt it, no longer than the horizon; shortly before one of its own alone."""
    own, theirs, before = (np.zeros(part.times_s.shape, dtype=np.bool_) for _ in range(3))
    for column, failures in enumerate(part.own):
        times_s = part.times_s[:, column]
        for failure in failures:
            ended_s = failure.ended_at_s if is_known(failure.ended_at_s) else order.to_s
            own[:, column] |= _within(times_s, failure.at_s - order.horizon_s, ended_s, order)
            before[:, column] |= _before(times_s, failure, order)
        for failure in part.others:
            until_s = failure.at_s + order.horizon_s
            if is_known(failure.ended_at_s):
                until_s = min(until_s, failure.ended_at_s)
            theirs[:, column] |= _within(times_s, failure.at_s - order.horizon_s, until_s, order)
    return own, theirs, before


def _before(times_s: NDArray[np.float64], failure: Failure, order: TrainingOrder) -> Bools:
    """Rows that ended within the horizon before it: none that saw it."""
    return (times_s > failure.at_s - order.horizon_s) & (times_s <= failure.at_s)


def _within(
    times_s: NDArray[np.float64], from_s: float, to_s: float, order: TrainingOrder
) -> Bools:
    """Rows of which any part lies there."""
    return (times_s > from_s) & (times_s - order.row_s < to_s)


def _spoken(seconds: float) -> str:
    return f"{seconds / 86_400.0:.1f} days" if seconds >= 86_400.0 else f"{seconds / 3600.0:.1f} h"
