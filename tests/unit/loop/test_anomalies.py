"""The detector beside the loop: gathered, lived through again after a start, told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.loop.anomalies import SIGNAL_NAMES, WATCHED_AT, Anomalies
from everup.loop.fold import fold
from everup.loop.fold_anomalies import ANOMALIES_MOST
from everup.model.anomaly import Anomaly
from everup.model.entries import AnomalyNoticed
from everup.model.errors import TryAgain
from everup.model.history import (
    INDEX,
    SIGNALS,
    Columns,
    FloatArray,
    HistoryCounts,
    Signal,
    TimeArray,
)
from everup.model.state import StackState
from everup.predictive_monitor.anomaly import ServiceModel
from everup.predictive_monitor.anomaly.gathering import WATCHED, Gathering, gathered
from everup.predictive_monitor.anomaly.services import feature_names
from everup.training.anomaly import fit
from tests.unit.builders import SETTINGS, service, stack

STACK = stack(service("a"), service("b"))
ROW_S = 300.0
PACE = replace(SETTINGS, anomaly_row_s=ROW_S, sample_interval_s=150.0)
RNG = np.random.default_rng(7)


def sample(rng: np.random.Generator, cpu: float = 0.0) -> FloatArray:
    """Calm noise in both; `cpu` more of it in the first."""
    found = np.full((len(SIGNALS), 2), np.nan, dtype=np.float32)
    found[INDEX[Signal.CPU_RATIO]] = 0.3 + 0.02 * rng.standard_normal(2)
    found[INDEX[Signal.CPU_RATIO], 0] += cpu
    found[INDEX[Signal.LATENCY_S]] = 0.02 + 0.002 * rng.standard_normal(2)
    found[INDEX[Signal.MEMORY_BYTES]] = 1e8 * (1.0 + 0.01 * rng.standard_normal(2))
    return found


def past(rows: int, seed: int = 1) -> tuple[list[float], list[FloatArray]]:
    rng = np.random.default_rng(seed)
    times = [150.0 * n for n in range(2 * rows)]
    return times, [sample(rng) for _ in times]


def run(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    """As a plain test."""

    def inner() -> None:
        asyncio.run(test())

    return inner


class Kept:
    """A history in memory."""

    def __init__(self, times: Sequence[float], samples: Sequence[FloatArray]) -> None:
        self.times, self.samples = np.asarray(times), np.asarray(samples)
        self.fault: Exception | None = None

    def append(self, at_s: float, sample: FloatArray) -> None:
        raise AssertionError

    async def read(
        self, service: str, since_s: float, until_s: float, signals: Sequence[Signal] = ()
    ) -> Columns:
        raise AssertionError

    async def blocks(
        self, since_s: float, until_s: float
    ) -> AsyncIterator[tuple[TimeArray, FloatArray]]:
        if self.fault is not None:
            raise self.fault
        within = np.flatnonzero((self.times >= since_s) & (self.times <= until_s))
        for part in np.array_split(within, 7):
            yield self.times[part], self.samples[part]

    def counts(self) -> HistoryCounts:
        return HistoryCounts()

    async def close(self) -> None:
        return None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(1.0, 700.0), st.sampled_from([0.0, 1.5, -2.0, np.nan, np.inf])),
        max_size=60,
    )
)
def test_gathered_one_by_one_or_at_once_is_the_same(steps: list[tuple[float, float]]) -> None:
    times = np.cumsum([step for step, _ in steps])
    values = np.full((len(steps), len(WATCHED)), np.nan, dtype=np.float32)
    values[:, 0] = [value for _, value in steps]
    one_by_one, rows = Gathering(1, row_s=ROW_S), []
    for at_s, row in zip(times, values, strict=True):
        rows.append(one_by_one.take(float(at_s), row[None]))
    live = [row for row in rows if row is not None]
    ends_s, whole = gathered(times, values, row_s=ROW_S)
    assert [at for at, _ in live] == list(ends_s[:-1])
    for (_, row), other in zip(live, whole, strict=False):
        np.testing.assert_array_equal(row[0], other)


def test_a_change_that_lasts_is_told_once_with_its_reason() -> None:
    anomalies = Anomalies(STACK, PACE)
    times, samples = past(400)
    for at_s, one in zip(times, samples, strict=True):
        anomalies.take(at_s, one)
    anomalies.due()  # a false alarm in so much noise is possible
    before = anomalies.counts.get(("a", "alarm"), 0)
    rng = np.random.default_rng(3)
    for n in range(40):
        anomalies.take(times[-1] + 150.0 * (n + 1), sample(rng, cpu=0.4))
    told = [x.anomaly for x in anomalies.due() if isinstance(x, AnomalyNoticed)]
    mine = [one for one in told if one.service == "a" and one.is_alarm]
    assert len(mine) == 1
    assert any(reason.signal == "cpu_ratio" for reason in mine[0].reasons)
    assert mine[0].reasons[0].value == pytest.approx(0.7, abs=0.1)
    assert anomalies.now()["a"].rows == 419
    assert anomalies.due() == []
    assert anomalies.counts["a", "alarm"] == before + 1


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([np.nan, np.inf, -np.inf, 0.0, 0.3, 3e38, -1.0]),
            st.floats(-10_000.0, 3_000.0, allow_nan=False),
        ),
        max_size=80,
    )
)
def test_poison_never_raises_nor_alarms(steps: list[tuple[float, float]]) -> None:
    anomalies = Anomalies(STACK, PACE)
    at_s = 1e6
    for value, step_s in steps:
        at_s += step_s
        anomalies.take(at_s, np.full((len(SIGNALS), 2), value, dtype=np.float32))
    assert anomalies.due() == []
    assert set(anomalies.now()) == {"a", "b"}
    anomalies.flaws()


def test_what_is_not_believed_is_counted() -> None:
    anomalies = Anomalies(STACK, PACE)
    times, samples = past(3)
    for at_s, one in zip(times, samples, strict=True):
        one[INDEX[Signal.CPU_RATIO], 0] = np.inf
        anomalies.take(at_s, one)
    kinds = {(f.service, f.signal, f.kind): f.count for f in anomalies.flaws()}
    assert kinds["a", "cpu_ratio", "not_finite"] == 2
    assert ("b", "cpu_ratio", "not_finite") not in kinds


def test_what_a_service_never_had_is_no_flaw() -> None:
    anomalies = Anomalies(STACK, PACE)
    times, samples = past(8)
    for number, (at_s, one) in enumerate(zip(times, samples, strict=True)):
        if number >= 10:
            one[INDEX[Signal.CPU_RATIO], 0] = np.nan
        anomalies.take(at_s, one)
    anomalies.take(times[-1] + 40 * ROW_S, samples[0])  # a gap
    anomalies.take(times[-1] + 41 * ROW_S, samples[0])
    anomalies.take(times[-1], samples[0])
    anomalies.take(times[0], samples[0])
    found = {(f.service, f.signal, f.kind) for f in anomalies.flaws()}
    assert ("a", "cpu_ratio", "missing") in found
    assert {kind for _, _, kind in found} == {"missing", "gap", "backwards"}
    assert {signal for _, signal, _ in found} == {"cpu_ratio", "latency_s", "memory_bytes"}


async def _lived(anomalies: Anomalies, history: Kept, now_s: float) -> None:
    anomalies.rests = 0.0
    anomalies.after_look(history, now_s)
    for _ in range(5000):
        if not anomalies.is_living_through:
            return
        await asyncio.sleep(0)


@run
async def test_a_restart_costs_no_day() -> None:
    times, samples = past(300)
    whole = Anomalies(STACK, PACE)
    for at_s, one in zip(times, samples, strict=True):
        whole.take(at_s, one)
    again = Anomalies(STACK, PACE)
    await _lived(again, Kept(times, samples), times[-1] + 100.0)
    assert again.now()["a"].rows == 299
    assert again.due() == []
    rng, other = np.random.default_rng(5), np.random.default_rng(5)
    for n in range(4):
        whole.take(times[-1] + 150.0 * (n + 1), sample(rng))
        again.take(times[-1] + 150.0 * (n + 1), sample(other))
    # The stretch of the restart has fewer samples: it alone may differ.
    assert again.now()["a"].level == pytest.approx(whole.now()["a"].level, abs=1.0)


@run
async def test_rows_that_end_meanwhile_are_judged_after_it() -> None:
    times, samples = past(300)
    anomalies = Anomalies(STACK, PACE)
    anomalies.rests = 0.0
    anomalies.after_look(Kept(times, samples), times[-1])
    await asyncio.sleep(0)
    rng = np.random.default_rng(5)
    for n in range(5):
        anomalies.take(times[-1] + 150.0 * (n + 1), sample(rng))
    assert anomalies.now()["a"].rows == 0  # they wait
    while anomalies.is_living_through:
        await asyncio.sleep(0)
    assert anomalies.now()["a"].rows > 300
    await anomalies.close()


def test_rows_of_many_services_are_lived_through_in_a_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times, samples = past(300)

    async def lived() -> Anomalies:
        found = Anomalies(STACK, PACE)
        found.rests = 0.0
        found.after_look(Kept(times, samples), times[-1])
        assert found._life is not None
        await found._life
        return found

    inline = asyncio.run(lived())
    monkeypatch.setattr("everup.loop.anomalies.INLINE_VALUES_MOST", 0)
    beside = asyncio.run(lived())
    for name, kept in inline._detector.arrays().items():
        np.testing.assert_array_equal(kept, beside._detector.arrays()[name])


async def _judged(anomalies: Anomalies, rows: int) -> None:
    """This many living rows, as fast as they come."""
    rng = np.random.default_rng(5)
    for n in range(rows + 1):
        anomalies.take(1e6 + 300.0 * n, sample(rng))
        await asyncio.sleep(0)
    await _rest(anomalies)


async def _rest(anomalies: Anomalies) -> None:
    while anomalies._aside is not None:
        await asyncio.sleep(0.001)


def test_living_rows_of_many_services_are_judged_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inline, beside = Anomalies(STACK, PACE), Anomalies(STACK, PACE)
    asyncio.run(_judged(inline, 40))
    monkeypatch.setattr("everup.loop.anomalies.ASIDE_VALUES_MOST", 0)
    asyncio.run(_judged(beside, 40))
    assert beside.now()["a"].rows == inline.now()["a"].rows > 0
    assert beside.now() == inline.now()
    for name, kept in inline._detector.arrays().items():
        np.testing.assert_array_equal(kept, beside._detector.arrays()[name])


def test_a_model_that_comes_while_a_row_is_judged_judges_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("everup.loop.anomalies.ASIDE_VALUES_MOST", 0)

    async def story() -> None:
        anomalies = Anomalies(STACK, PACE)
        await _judged(anomalies, 5)
        rng = np.random.default_rng(6)
        before = anomalies.now()
        for n in range(2):
            anomalies.take(2e6 + 300.0 * n, sample(rng))
        assert anomalies._aside is not None
        await asyncio.sleep(0)
        assert anomalies.now() == before, "the row before, until the new one is whole"
        assert anomalies.serve(model().pack()) == ""
        await _rest(anomalies)
        assert anomalies.now() != before
        latest = anomalies._latest
        assert latest is not None
        assert latest.at_s > 1.9e6
        assert anomalies.fault == ""
        await anomalies.close()

    asyncio.run(story())


def test_what_is_judged_beside_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("everup.loop.anomalies.ASIDE_VALUES_MOST", 0)

    async def story() -> None:
        anomalies = Anomalies(STACK, PACE)
        rng = np.random.default_rng(6)
        for n in range(4):
            anomalies.take(2e6 + 300.0 * n, sample(rng))
        await asyncio.sleep(0)
        await anomalies.close()
        assert anomalies._aside is None
        assert anomalies.now()["a"].rows == 0

    asyncio.run(story())


def test_a_row_that_cannot_be_judged_is_said_and_the_next_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("everup.loop.anomalies.ASIDE_VALUES_MOST", 0)
    judge, faults = Anomalies._step, [MemoryError("no room")]

    def failing(self: Anomalies, *arguments: Any) -> Any:
        if faults:
            raise faults.pop()
        return judge(self, *arguments)

    monkeypatch.setattr(Anomalies, "_step", failing)
    anomalies = Anomalies(STACK, PACE)
    asyncio.run(_judged(anomalies, 1))
    assert "no room" in anomalies.fault
    asyncio.run(_judged(anomalies, 5))
    assert anomalies.fault == ""
    assert anomalies.now()["a"].rows > 0


def test_a_past_that_cannot_be_read_is_said_and_done_without() -> None:
    for fault in (TryAgain("the disk is busy"), ValueError("of another shape")):
        asyncio.run(_done_without(fault))


async def _done_without(fault: Exception) -> None:
    history = Kept(*past(3))
    history.fault = fault
    anomalies = Anomalies(STACK, PACE)
    await _lived(anomalies, history, 1e6)
    assert str(fault) in anomalies.fault
    rng = np.random.default_rng(5)
    for n in range(4):
        anomalies.take(1e6 + 150.0 * n, sample(rng))
    assert anomalies.now()["a"].rows > 0


def model(names: Sequence[str] = SIGNAL_NAMES, row_s: float | None = ROW_S) -> ServiceModel:
    features = feature_names(tuple(names))
    return fit(RNG.standard_normal((400, len(features))), features, trees=50, row_s=row_s)


@run
async def test_a_model_serves_and_the_past_is_lived_through_with_it() -> None:
    times, samples = past(300)
    history = Kept(times, samples)
    anomalies = Anomalies(STACK, PACE)
    await _lived(anomalies, history, times[-1])
    assert anomalies.serve(model().pack()) == ""
    await _lived(anomalies, history, times[-1])
    rng = np.random.default_rng(5)
    for n in range(4):
        anomalies.take(times[-1] + 150.0 * (n + 1), sample(rng))
    assert anomalies.now()["a"].rows > 290
    assert anomalies.serve(None) == ""


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"nonsense of some length", "cannot be read"),
        (model(("cpu_ratio", "latency_s")).pack(), "other signals"),
        (model(row_s=60.0).pack(), "rows of 60.0 s, and anomaly_row_s is 300"),
    ],
)
def test_what_is_no_model_of_ours_does_not_serve(content: bytes, fault: str) -> None:
    assert fault in Anomalies(STACK, PACE).serve(content)


def test_a_model_that_does_not_say_how_long_its_rows_are_is_believed() -> None:
    assert Anomalies(STACK, PACE).serve(model(row_s=None).pack()) == ""


def test_the_state_keeps_the_latest() -> None:
    state = StackState()
    for number in range(ANOMALIES_MOST + 3):
        at_s = float(number)
        state = fold(state, AnomalyNoticed(at_s, "a", Anomaly("a", at_s, 3.2, 3.0, True)))
    assert len(state.anomalies) == ANOMALIES_MOST
    assert state.anomalies[-1].at_s == ANOMALIES_MOST + 2


def test_fewer_signals_than_samples_have() -> None:
    assert [SIGNALS[at] for at in WATCHED_AT] == list(WATCHED)
