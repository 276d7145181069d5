"""The craft FAILURE: rows, trees as arrays, the exam, and what serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.loop.foresight import Foresight
from everup.loop.history_ring import HistoryRing
from everup.model.history import INDEX, SIGNALS, Columns, Signal
from everup.model.kinds import Cause
from everup.model.learned import Craft, Failure, Trained, TrainingOrder
from everup.model.state import StackState
from everup.predictive_monitor.learned import FEATURES, FailureModel, rows_of_past, rows_of_ring
from everup.predictive_monitor.learned.rows import _means
from everup.predictive_monitor.learned.trees import Trees
from everup.training import failure as craft
from everup.training.work import Cores, NothingToLearn
from tests.unit.builders import SETTINGS, seen, service, stack, up

INTERVAL_S = 5.0
STEP_S = 30.0
HORIZON_S = 900.0
DAYS = 4.0
BEGIN_S = 1_000_000.0 * STEP_S


def past_of(
    name: str, seed: int, *, tells: bool = True, every_s: float = 4 * 3600.0
) -> tuple[Columns, list[Failure]]:
    """Days at a sample in 30 s, with a failure now and then; where it `tells`, answers grow slower
    for twenty minutes before each."""
    random = np.random.default_rng(seed)
    times = BEGIN_S + np.arange(0.0, DAYS * 86_400.0, STEP_S)
    values = {s: np.full(len(times), np.nan, dtype=np.float32) for s in SIGNALS}
    latency = 0.02 * np.exp(0.1 * random.standard_normal(len(times)))
    memory = 0.4 + 0.02 * random.standard_normal(len(times))
    up_ = np.ones(len(times))
    failures = []
    at_s = BEGIN_S + random.uniform(0.3, 1.0) * every_s
    while at_s < times[-1]:
        before = (times > at_s - 1200.0) & (times <= at_s)
        if tells:
            latency[before] *= np.exp((times[before] - at_s + 1200.0) / 500.0)
        down = (times > at_s) & (times <= at_s + 120.0)
        up_[down] = 0.0
        failures.append(Failure(name, Cause.CRASH, at_s, at_s + 120.0))
        at_s += every_s * random.uniform(0.5, 1.5)
    values[Signal.LATENCY_S] = latency.astype(np.float32)
    values[Signal.MEMORY_RATIO] = memory.astype(np.float32)
    values[Signal.INSTANCES_UP] = up_.astype(np.float32)
    return Columns(name, times, values), failures


def order_of(failures: Sequence[Failure], **changes: object) -> TrainingOrder:
    known: dict[str, object] = {
        "craft": Craft.FAILURE,
        "stack": "s",
        "services": ("a", "b", "c"),
        "from_s": BEGIN_S,
        "to_s": BEGIN_S + DAYS * 86_400.0,
        "interval_s": INTERVAL_S,
        "horizon_s": HORIZON_S,
        "failures": tuple(failures),
        "champion": None,
        "rows_most": 500_000,
        "time_most_s": 60.0,
    }
    return TrainingOrder(**{**known, **changes})  # type: ignore[arg-type]


@cache
def trained(tells: bool = True) -> tuple[Trained, TrainingOrder, list[Columns]]:
    made = [past_of(name, seed, tells=tells) for seed, name in enumerate("abc")]
    order = order_of([f for _, failures in made for f in failures])
    pasts = [columns for columns, _ in made]
    return craft.train(order, pasts, Cores()), order, pasts


def test_what_comes_before_failures_is_learned() -> None:
    found, order, _ = trained()
    assert found.scores["skill"] > 0.2
    assert found.features == FEATURES
    assert found.unseen_from_s > found.from_s
    assert len(found.content) < 200_000
    again = craft.train(order, trained()[2], Cores())
    assert again.content == found.content, "the same order gives the same bytes"


def test_what_nothing_announces_teaches_nothing() -> None:
    assert trained(tells=False)[0].scores["skill"] < 0.05


def test_the_champion_sits_the_same_exam() -> None:
    found, order, pasts = trained()
    again = craft.train(replace(order, champion=found.content), pasts, Cores())
    assert again.champion_scores["skill"] == pytest.approx(found.scores["skill"])
    worse = craft.train(replace(order, champion=b"nonsense"), pasts, Cores())
    assert np.isnan(worse.champion_scores["skill"])


def test_too_few_failures_are_said() -> None:
    _, order, pasts = trained()
    few = order_of(order.failures[:12])
    with pytest.raises(NothingToLearn, match="12 failures are known, 30 are needed; the prior"):
        craft.train(few, pasts, Cores())
    alone = [Failure("a", Cause.CRASH, BEGIN_S + 3000.0 * n) for n in range(40)]
    with pytest.raises(NothingToLearn, match="only a has failed"):
        craft.train(order_of(alone), pasts, Cores())


def test_the_same_as_the_library_decides_with_unknown_values() -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier

    random = np.random.default_rng(1)
    rows = random.standard_normal((3000, 5))
    rows[random.random(rows.shape) < 0.2] = np.nan
    came = (np.nan_to_num(rows[:, 0]) + np.isnan(rows[:, 1]) > 0.7).astype(float)
    boosted = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=8).fit(
        rows[:2000], came[:2000]
    )
    trees = craft.trees_of(boosted, np.arange(5))
    ours = Trees.of(trees.arrays()).sums(rows)
    assert ours == pytest.approx(boosted.decision_function(rows), abs=1e-9)


def test_it_comes_back_from_its_bytes_and_damage_is_refused() -> None:
    content = trained()[0].content
    model = FailureModel.unpack(content)
    assert model.pack() == content
    for broken in (b"", content[:100], content[:-8], content + b"x", b"\xff" * 64):
        with pytest.raises(ValueError, match="model"):
            FailureModel.unpack(broken)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_damage_is_anything_but_refused(data: st.DataObject) -> None:
    content = bytearray(trained()[0].content)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        model = FailureModel.unpack(bytes(content))
    except ValueError:
        return
    if model.trees.features <= len(FEATURES):
        with np.errstate(all="ignore"):
            said = model.probabilities(np.zeros((2, max(len(FEATURES), model.trees.features))))
        assert ((said >= 0) & (said <= 1)).all()


def ring_of(pasts: Sequence[Columns], until: int, every: int = 1) -> HistoryRing:
    ring = HistoryRing([p.service for p in pasts], slots=240, interval_s=INTERVAL_S, gap_s=9e9)
    for index in range(until - 120 * every, until, every):
        sample = np.stack([np.array([p.values[s][index] for s in SIGNALS]) for p in pasts], axis=1)
        ring.append(float(pasts[0].times_s[index]), sample.astype(np.float32))
    return ring


def test_a_row_is_the_same_live_and_in_training() -> None:
    _, _, pasts = trained()
    until = 5000
    ring = ring_of(pasts, until)
    ends = np.array([ring.last_s])
    live = rows_of_ring(ring, INTERVAL_S)
    for place, past in enumerate(pasts):
        taught = rows_of_past(past.times_s, dict(past.values), ends, INTERVAL_S)
        np.testing.assert_allclose(live[place], taught[0], rtol=1e-4, atol=1e-5)


def test_a_step_is_the_mean_of_what_was_known_in_it() -> None:
    random = np.random.default_rng(1)
    series = random.normal(size=(200, 3)).astype(np.float32)
    series[random.random((200, 3)) < 0.4] = np.nan
    place = np.sort(random.integers(-3, 45, 200))
    found = _means(place, series, 40)
    for step in range(40):
        for column in range(3):
            known = series[place == step, column]
            known = known[np.isfinite(known)]
            mean = known.mean() if len(known) else np.nan
            np.testing.assert_allclose(found[step, column], mean, rtol=1e-5)
    assert np.isnan(_means(place[:0], series[:0], 40)).all()


def test_a_row_looks_at_nothing_that_came_later() -> None:
    past = trained()[2][0]
    ends = np.array([float(past.times_s[5000])])
    whole = rows_of_past(past.times_s, dict(past.values), ends, INTERVAL_S)
    cut = {s: v[:5001] for s, v in past.values.items()}
    np.testing.assert_array_equal(whole, rows_of_past(past.times_s[:5001], cut, ends, INTERVAL_S))


def test_it_serves_foretells_and_is_taken_away() -> None:
    found, order, pasts = trained()
    foresight = Foresight()
    assert foresight.serve(Craft.FAILURE, found.content) == ""
    assert "model" in foresight.serve(Craft.FAILURE, b"nonsense")
    assert foresight.serve(Craft.FAILURE, found.content) == ""
    made = stack(service("a"), service("b"), service("c"))
    late = order.failures[-1]
    until = int((late.at_s - 60.0 - BEGIN_S) / STEP_S)
    ring = ring_of(pasts, until)

    def look() -> list[tuple[str, Cause]]:
        saw = seen(up("a"), up("b"), up("c"))
        found = foresight.look(made, saw, ring, StackState(), SETTINGS)
        return [(p.service, p.cause) for p in found.items]

    assert (late.service, Cause.ABOUT_TO_FAIL) in look()
    assert foresight.serve(Craft.FAILURE, None) == ""
    ring.append(ring.last_s + 30.0, np.full((len(INDEX), 3), np.nan, dtype=np.float32))
    assert look() == []
