"""The craft FAILURE: how likely a failure is within the horizon, by what came before earlier ones.

Flows in: an order with the failures of its time, the past of each service. Flows out: a
`FailureModel` and both exams. Called by the worker.

Every two minutes makes a row for each service that runs (fewer, evenly, where they would be too
many), labelled by whether a failure of that service begins within the horizon. Rows during a
failure say nothing, nor do those whose horizon is not over. Time is cut in three, with a horizon
between the parts: trees are grown on the first, the calibration on the second, the exam on the
last. Calibrated isotonically, or by a logistic curve where few failures lie in the second part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everup.model.history import Columns, Signal
from everup.model.kinds import UNKNOWN, is_known
from everup.model.learned import Failure, Trained, TrainingOrder
from everup.predictive_monitor.learned import FEATURES, FailureModel, rows_of_past
from everup.predictive_monitor.learned.rows import STEP_SAMPLES
from everup.predictive_monitor.learned.trees import Trees
from everup.training.work import Cores, NothingToLearn

FAILURES_LEAST = 30
SERVICES_LEAST = 2
PART_LEAST = 3
"""So many failures lie in each part of the time."""
ROW_EVERY_STEPS = 4
ROWS_MOST = 200_000
"""Whatever is ordered: 64 MB of features, and twice that while trees are grown."""
CALIBRATION_SHARE = 0.25  # of the time before the exam
ISOTONIC_LEAST = 20  # failures in the second part; fewer: a logistic curve
KNOTS = 64
WORTH_MOST = 0.95  # as sure as a line may be
WORTH_LEAST_SHARE = 0.1  # of the base rate
TREES = 80
LEAVES = 8
RATE = 0.1
LEAF_ROWS = 20

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Rows in no order of services: when, what, and whether a failure followed. `failure`: which
    one, as a number; −1: none."""

    at_s: Floats
    rows: NDArray[np.float32]
    failure: NDArray[np.int64]

    def between(self, from_s: float, to_s: float) -> Labelled:
        """Those of this time."""
        inside = (self.at_s >= from_s) & (self.at_s < to_s)
        return Labelled(self.at_s[inside], self.rows[inside], self.failure[inside])

    @property
    def came(self) -> Floats:
        """1 where a failure followed."""
        return (self.failure >= 0).astype(np.float64)

    @property
    def failures(self) -> int:
        """How many different ones follow."""
        return len(np.unique(self.failure[self.failure >= 0]))


def train(order: TrainingOrder, pasts: Iterable[Columns], cores: Cores) -> Trained:
    """A challenger. Raises NothingToLearn."""
    of_service = _failures(order)
    every_s = _every_s(order)
    parts = cores.each(
        labelled,
        (
            (one, of_service.get(one.service, ()), order.interval_s, order.horizon_s, every_s)
            for one in pasts
        ),
    )
    parts = [part for part in parts if len(part.at_s)]
    if not parts:
        raise NothingToLearn("history holds no time in which a service ran")
    known = _joined(parts)
    from_s, to_s = float(known.at_s.min()), float(known.at_s.max())
    unseen_s = to_s - order.unseen_share * (to_s - from_s)
    worth_s = unseen_s - CALIBRATION_SHARE * (unseen_s - from_s)
    apart_s = order.horizon_s
    grown = known.between(from_s, worth_s - apart_s)
    held = known.between(worth_s, unseen_s - apart_s)
    unseen = known.between(unseen_s, np.inf)
    for part, name in ((grown, "first"), (held, "second")):
        if part.failures < PART_LEAST or part.failures == len(part.at_s):
            raise NothingToLearn(
                f"{part.failures} failures lie in the {name} part of the time, {PART_LEAST} are "
                "needed; the prior serves"
            )
    model = fit(grown, held, order.seed)
    scores = {"skill": skill(model, unseen)}
    notes = [f"{unseen.failures} failures lie in the time of the exam"]
    theirs: dict[str, float] = {}
    if order.champion is not None:
        theirs = {"skill": _skill_of(order.champion, unseen)}
    return Trained(
        content=model.pack(),
        from_s=from_s,
        unseen_from_s=unseen_s,
        to_s=to_s,
        rows=len(grown.at_s) + len(held.at_s),
        features=model.features,
        scores=scores,
        champion_scores=theirs,
        notes=tuple(notes),
    )


def _failures(order: TrainingOrder) -> dict[str, tuple[Failure, ...]]:
    found: defaultdict[str, list[Failure]] = defaultdict(list)
    for one in order.failures:
        if order.from_s <= one.at_s <= order.to_s and one.service in order.services:
            found[one.service].append(one)
    count = sum(map(len, found.values()))
    if count < FAILURES_LEAST:
        raise NothingToLearn(
            f"{count} failures are known, {FAILURES_LEAST} are needed; the prior serves"
        )
    if len(found) < SERVICES_LEAST:
        raise NothingToLearn(
            f"only {next(iter(found))} has failed, and one service says nothing of others; "
            "the prior serves"
        )
    return {name: tuple(sorted(of, key=lambda f: f.at_s)) for name, of in found.items()}


def _every_s(order: TrainingOrder) -> float:
    """As many rows as are wanted, and no more."""
    least_s = ROW_EVERY_STEPS * STEP_SAMPLES * order.interval_s
    rows = len(order.services) * (order.to_s - order.from_s) / least_s
    most = min(order.rows_most, ROWS_MOST)
    return float(least_s * max(1.0, np.ceil(rows / most)))


def labelled(
    past: Columns,
    failures: Sequence[Failure],
    interval_s: float,
    horizon_s: float,
    every_s: float,
) -> Labelled:
    """The rows of one service."""
    times = past.times_s
    if not len(times):
        return _empty()
    ends = np.arange(np.ceil(times[0] / every_s), np.floor(times[-1] / every_s) + 1) * every_s
    ends = ends[ends + horizon_s <= times[-1]]
    latest = np.searchsorted(times, ends, side="right") - 1
    ends, latest = ends[latest >= 0], latest[latest >= 0]
    up = past.values[Signal.INSTANCES_UP][latest]
    fresh = ends - times[latest] <= STEP_SAMPLES * interval_s
    runs = fresh & (up > 0)
    began = np.array([f.at_s for f in failures])
    ended = np.array([f.ended_at_s if is_known(f.ended_at_s) else f.at_s for f in failures])
    follows = np.full(len(ends), -1, dtype=np.int64)
    if len(began):
        following = np.searchsorted(began, ends, side="right")
        has = following < len(began)
        near = np.zeros(len(ends), dtype=bool)
        near[has] = began[following[has]] - ends[has] <= horizon_s
        follows[near] = following[near]
        before = following - 1
        ill = np.zeros(len(ends), dtype=bool)
        known = before >= 0
        ill[known] = ends[known] <= np.maximum(ended, began)[before[known]] + every_s
        runs &= ~ill
    rows = rows_of_past(times, dict(past.values), ends[runs], interval_s)
    # Which failure: told apart over all services by when it began, too.
    number = np.where(follows[runs] >= 0, follows[runs] + _offset(past.service), -1)
    return Labelled(ends[runs], rows, number)


def _offset(service: str) -> int:
    """So that failures of different services have different numbers."""
    return int.from_bytes(service.encode()[-5:], "little") << 16


def _empty() -> Labelled:
    return Labelled(
        np.empty(0), np.empty((0, len(FEATURES)), dtype=np.float32), np.empty(0, dtype=np.int64)
    )


def _joined(parts: Sequence[Labelled]) -> Labelled:
    return Labelled(
        np.concatenate([p.at_s for p in parts]),
        np.concatenate([p.rows for p in parts]),
        np.concatenate([p.failure for p in parts]),
    )


def fit(grown: Labelled, held: Labelled, seed: int) -> FailureModel:
    """Trees of the first part, calibrated on the second."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    boosted = HistGradientBoostingClassifier(
        max_iter=TREES,
        max_leaf_nodes=LEAVES,
        learning_rate=RATE,
        min_samples_leaf=LEAF_ROWS,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    alive = _alive(grown.rows)
    if not len(alive):
        raise NothingToLearn("no signal of this time ever moves; the prior serves")
    trees = trees_of(boosted.fit(grown.rows[:, alive], grown.came), alive)
    base_rate = float(np.concatenate([grown.came, held.came]).mean())
    sums = trees.sums(held.rows.astype(np.float64))
    isotonic = held.failures >= ISOTONIC_LEAST
    x, y = (_isotonic if isotonic else _logistic)(sums, held.came)
    worth = np.clip(y, WORTH_LEAST_SHARE * base_rate, WORTH_MOST)
    about: dict[str, str | int | float] = {
        "rows": len(grown.at_s),
        "failures": grown.failures,
        "failures_held": held.failures,
        "trees": TREES,
        "leaves": LEAVES,
        "rate": RATE,
        "seed": seed,
        "calibration": "isotonic" if isotonic else "logistic",
    }
    return FailureModel(FEATURES, trees, np.stack([x, worth]), base_rate, about)


def _alive(rows: NDArray[np.float32]) -> NDArray[np.int64]:
    """Columns in which anything differs: on others no tree can be grown."""
    least, most = np.fmin.reduce(rows, axis=0), np.fmax.reduce(rows, axis=0)
    return np.flatnonzero(least < most)  # never so for NaN


def _isotonic(sums: Floats, came: Floats) -> tuple[Floats, Floats]:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(sums, came)
    x, y = fitted.X_thresholds_, fitted.y_thresholds_
    if len(x) > KNOTS:
        chosen = np.unique(np.linspace(0, len(x) - 1, KNOTS).round().astype(np.int64))
        x, y = x[chosen], y[chosen]
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def _logistic(sums: Floats, came: Floats) -> tuple[Floats, Floats]:
    """Platt's, drawn towards the share that came: what it has learned from is little."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1.0).fit(sums[:, None], came)
    slope, start = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
    x = np.linspace(float(sums.min()), float(sums.max()), KNOTS)
    if slope <= 0.0:
        return x, np.full(KNOTS, float(came.mean()))
    return x, np.asarray(1.0 / (1.0 + np.exp(-(slope * x + start))))


def trees_of(boosted: Any, columns: NDArray[np.int64]) -> Trees:
    """scikit-learn's histogram trees in one table, leaves their own children. `columns`: which of
    the features it was given."""
    tables, starts, begin = [], [], 0
    for (grown,) in boosted._predictors:
        nodes = grown.nodes
        if nodes["is_categorical"].any():
            raise ValueError("a tree with categories, which this knows nothing of")
        tables.append(nodes)
        starts.append(begin)
        begin += len(nodes)
    shift = np.repeat(starts, [len(t) for t in tables])
    nodes = np.concatenate(tables)
    own = np.arange(len(nodes))
    is_leaf = nodes["is_leaf"].astype(bool)
    return Trees(
        np.where(is_leaf, 0, columns[nodes["feature_idx"]]).astype(np.int32),
        np.where(is_leaf, 0.0, nodes["num_threshold"]).astype(np.float64),
        nodes["missing_go_to_left"].astype(np.int32),
        np.where(is_leaf, own, nodes["left"] + shift).astype(np.int32),
        np.where(is_leaf, own, nodes["right"] + shift).astype(np.int32),
        np.where(is_leaf, nodes["value"], 0.0).astype(np.float64),
        np.asarray(starts, dtype=np.int32),
        int(nodes["depth"].max()),
        float(np.ravel(boosted._baseline_prediction)[0]),
    )


def skill(model: FailureModel, unseen: Labelled) -> float:
    """1 − its Brier score over that of always saying the share that came; NaN where none did."""
    rate = float(unseen.came.mean()) if len(unseen.at_s) else 0.0
    if not 0.0 < rate < 1.0:
        return UNKNOWN
    said = model.probabilities(unseen.rows.astype(np.float64))
    said = np.where(np.isfinite(said), said, model.base_rate)
    return 1.0 - float(np.mean((said - unseen.came) ** 2)) / (rate * (1.0 - rate))


def _skill_of(content: bytes, unseen: Labelled) -> float:
    try:
        champion = FailureModel.unpack(content)
    except ValueError:
        return UNKNOWN
    return skill(champion, unseen) if champion.features == FEATURES else UNKNOWN
