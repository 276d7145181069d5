"""The detector as a whole: what it sees, and that poison never raises nor alarms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from everup.predictive_monitor.anomaly import Detector
from everup.predictive_monitor.anomaly.reports import WARM_ROWS
from everup.predictive_monitor.anomaly.services import feature_names, features_of
from everup.predictive_monitor.anomaly.signs import PAST_ROWS
from everup.training.anomaly import fit

Change = Callable[[np.ndarray, np.ndarray], None]
ROWS, AT = 760, 700
STEP_S = 300.0
SEEDS = 4


def times(rows: int = ROWS) -> np.ndarray:
    return np.arange(rows) * STEP_S


def wave(times_s: np.ndarray) -> np.ndarray:
    return np.asarray(5.0 * np.sin(2 * np.pi * times_s / 86_400))


def calm(seed: int, rows: int = ROWS) -> np.ndarray:
    """A service at rest: noise about a level, with a daily wave."""
    rng = np.random.default_rng(seed)
    return np.asarray(50.0 + wave(times(rows)) + rng.normal(0, 1, rows))


def run(series: np.ndarray, times_s: np.ndarray) -> tuple[Detector, np.ndarray]:
    """`[row, service]`, side by side: the detector, and where the alarms were."""
    count = series.shape[1]
    detector, alarms = Detector(count, ("value",)), np.zeros(series.shape, dtype=bool)
    for row, (at_s, values) in enumerate(zip(times_s, series, strict=True)):
        step = detector.step(at_s, values[:, None].astype(np.float32))
        assert np.isfinite(step.level).all()
        alarms[row] = step.alarms
    return detector, alarms


def untouched(_values: np.ndarray, _times_s: np.ndarray) -> None:
    pass


def spike(values: np.ndarray, _: np.ndarray) -> None:
    values[AT] *= 10.0


def far_spike(values: np.ndarray, _: np.ndarray) -> None:
    values[AT] = 1e12


def infinite(values: np.ndarray, _: np.ndarray) -> None:
    values[AT : AT + 20 : 2], values[AT + 1 : AT + 20 : 2] = np.inf, -np.inf


def absurd(values: np.ndarray, _: np.ndarray) -> None:
    values[AT] = 3e38


def unknown(values: np.ndarray, _: np.ndarray) -> None:
    values[AT::3] = np.nan


def missing_for_hours(values: np.ndarray, _: np.ndarray) -> None:
    values[AT - 100 : AT] = np.nan


def stuck(values: np.ndarray, _: np.ndarray) -> None:
    values[AT:] = values[AT]


def backwards(_: np.ndarray, times_s: np.ndarray) -> None:
    times_s[AT : AT + 20] -= 7200.0


def no_rows_for_hours(values: np.ndarray, times_s: np.ndarray) -> None:
    before = wave(times_s)
    times_s[AT:] += 6 * 3600.0
    values += wave(times_s) - before


def unknown_times(_: np.ndarray, times_s: np.ndarray) -> None:
    times_s[AT : AT + 10] = np.nan


POISONS: dict[Change, str | None] = {
    untouched: None,
    spike: "lone_spike",
    far_spike: "lone_spike",
    infinite: "not_finite",
    absurd: "not_finite",
    unknown: "missing",
    missing_for_hours: "missing",
    stuck: "stuck",
    backwards: "backwards",
    no_rows_for_hours: "gap",
    unknown_times: None,
}
Poisoned = tuple[dict[str, np.ndarray], dict[Change, np.ndarray]]


@pytest.fixture(scope="module")
def poisoned() -> Poisoned:
    """All poisons and seeds side by side: flaws, and the rows of alarms of each poison."""
    series = [(calm(seed), times()) for _ in POISONS for seed in range(SEEDS)]
    for number, (values, times_s) in enumerate(series):
        list(POISONS)[number // SEEDS](values, times_s)
    detector, alarms = run(*(np.stack(part, axis=1) for part in zip(*series, strict=True)))
    columns = {p: slice(n * SEEDS, (n + 1) * SEEDS) for n, p in enumerate(POISONS)}
    flaws = {kind: found[:, 0] for kind, found in detector.flaws().items()}
    return flaws, {poison: alarms[:, at] for poison, at in columns.items()}


@pytest.mark.parametrize("poison", POISONS)
def test_poison_never_alarms_by_itself(poison: Change, poisoned: Poisoned) -> None:
    alarms = poisoned[1]
    soon = slice(AT, AT + 40)  # later, chance may differ: the past does
    assert (alarms[poison][soon] <= alarms[untouched][soon]).all()


@pytest.mark.parametrize("poison", [p for p, flaw in POISONS.items() if flaw])
def test_poison_is_counted(poison: Change, poisoned: Poisoned) -> None:
    flaws, flaw, number = poisoned[0], POISONS[poison], list(POISONS).index(poison)
    assert flaw is not None
    assert (flaws[flaw][number * SEEDS : (number + 1) * SEEDS] > 0).all()
    assert (flaws[flaw][:SEEDS] == 0).all()  # the untouched have none


def test_a_counter_that_starts_anew_is_no_anomaly() -> None:
    rng = np.random.default_rng(5)
    counter = np.cumsum(rng.uniform(5, 15, 560))
    counter[500:] -= counter[500]
    detector, alarms = run(counter[:, None], times(560)[:, None])
    assert alarms[500:].sum() == 0
    assert detector.flaws()["reset"].tolist() == [[1]]


def test_nothing_is_told_before_a_day_of_rows() -> None:
    rng = np.random.default_rng(7)
    wild = np.exp(rng.normal(0, 3, (int(WARM_ROWS) - 1, 5)))
    _, alarms = run(wild, np.repeat(times(len(wild))[:, None], 5, axis=1))
    assert alarms.sum() == 0


def test_signals_that_move_together_are_seen_with_a_model_and_a_lone_spike_is_not() -> None:
    values = np.stack([calm(s, 480) for s in range(4)], axis=1)
    names, detector = (
        tuple(f"m{n}" for n in range(4)),
        Detector(1, tuple(f"m{n}" for n in range(4))),
    )
    rows = [
        features_of(detector.step(np.array([r * STEP_S]), v[None].astype(np.float32)).seen)[0]
        for r, v in enumerate(values[:420])
    ]
    model = fit(np.array(rows)[100:], feature_names(names), trees=100)
    detector.adopt(model, np.array(rows)[100:, None])
    kept = {name: array.copy() for name, array in detector.arrays().items()}
    spiked, moved = values[420:].copy(), values[420:].copy()
    spiked[30] *= 10.0
    moved[30:60] += 12.0
    found = {}
    for name, given in (("usual", values[420:]), ("spiked", spiked), ("moved", moved)):
        again, alarms = Detector.of(1, names, kept), []
        for row, value in enumerate(given):
            at_s = np.array([(420 + row) * STEP_S])
            step = again.step(at_s, value[None].astype(np.float32), model)
            alarms += [row] if step.is_high[0] else []
        found[name] = alarms
    assert {30, 31} & set(found["spiked"]) <= set(found["usual"])
    assert {30, 31, 32} & set(found["moved"])
    with pytest.raises(ValueError, match="other signals"):
        Detector(1, ("a",)).adopt(model, np.array(rows)[100:, None])


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.__setitem__(slice(700, None), v[700:] + 25),  # a step
        lambda v: v.__setitem__(slice(700, None), 50 + 8 * (v[700:] - 50)),  # unrest
        lambda v: v.__setitem__(slice(700, None), v[700:] + np.arange(60) * 0.8),  # a climb
        lambda v: v.__setitem__(slice(700, None), 2.0 + 0.1 * v[700:]),  # gone
    ],
)
def test_what_lasts_is_seen_soon_and_told_once(change: Callable[[np.ndarray], None]) -> None:
    values = calm(3)
    change(values)
    detector = Detector(1, ("value",))
    at = []
    for row, value in enumerate(values):
        step = detector.step(np.array([row * STEP_S]), np.array([[value]], dtype=np.float32))
        if step.alarms[0]:
            at.append(row)
            why = detector.why(step, 0)
            assert why[0].signal == "value"
            assert why == tuple(sorted(why, key=lambda w: -w.rarity))
    assert len([row for row in at if row >= 700]) == 1
    assert 700 <= at[-1] < 740


def test_what_is_kept_goes_on_where_it_was() -> None:
    series = np.stack([calm(1, 160), calm(2, 160)], axis=1)
    series[120] *= 1.5
    whole, first = Detector(1, ("cpu", "memory")), Detector(1, ("cpu", "memory"))
    for row in range(160):
        if row == 100:
            kept = {name: array.copy() for name, array in first.arrays().items()}
            first = Detector.of(1, ("cpu", "memory"), kept)
        values, at_s = series[row][None].astype(np.float32), np.array([row * STEP_S])
        a, b = whole.step(at_s, values), first.step(at_s, values)
        assert (a.rarity == b.rarity).all()
        assert (a.level == b.level).all()
    for name, array in whole.arrays().items():
        assert np.array_equal(array, first.arrays()[name], equal_nan=array.dtype.kind == "f")


def test_what_is_kept_must_fit() -> None:
    kept = Detector(2, ("cpu",)).arrays()
    with pytest.raises(ValueError, match="does not fit"):
        Detector.of(1, ("cpu",), kept)
    with pytest.raises(ValueError, match="does not fit"):
        Detector.of(2, ("cpu",), {})


def test_rows_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="values must be"):
        Detector(2, ("cpu",)).step(np.zeros(2), np.zeros((2, 3), dtype=np.float32))


def test_nothing_looks_ahead_and_neighbours_do_not_matter() -> None:
    alone, beside = calm(1, 150), calm(9, 150) * 1000
    together = Detector(2, ("value",))
    single = Detector(1, ("value",))
    for row in range(150):
        pair = np.array([[alone[row]], [beside[row]]], dtype=np.float32)
        both = together.step(np.full(2, row * STEP_S), pair)
        one = single.step(np.array([row * STEP_S]), pair[:1])
        assert both.level[0] == pytest.approx(one.level[0], abs=1e-5)


def test_memory_of_a_signal_is_under_4_kb() -> None:
    detector = Detector(100, tuple("abcdefghij"))
    kept = sum(array.nbytes for array in detector.arrays().values())
    assert kept / 1000 < 4000
    assert detector.streams.past.shape == (1000, PAST_ROWS)
