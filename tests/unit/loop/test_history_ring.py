"""The ring in memory: the latest samples, oldest first, broken by gaps; and what a sample holds."""

from __future__ import annotations

import math
from collections import deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.loop.history_ring import HistoryRing
from everup.loop.sample import sample
from everup.model.history import SIGNALS, Signal
from tests.unit.builders import NOW_S, assess, dead, failing, seen, service, stack, up

SERVICES = ("a", "b")
GAP_S = 90.0
STEPS = st.lists(
    st.tuples(
        st.sampled_from([5.0, 30.0, 89.0, 90.0, 91.0, 1000.0, 0.0, -5.0]),
        st.floats(width=32),
    ),
    max_size=60,
)


def ring(slots: int = 240) -> HistoryRing:
    return HistoryRing(SERVICES, slots=slots, interval_s=5.0, gap_s=GAP_S)


def filled(value: float) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    found = np.full((len(SIGNALS), len(SERVICES)), value, dtype=np.float32)
    found[:, 1] = -found[:, 1]
    return found


@given(STEPS, st.integers(2, 7))
def test_it_is_a_bounded_queue_that_gaps_empty(
    steps: list[tuple[float, float]], slots: int
) -> None:
    tested = ring(slots)
    kept: deque[tuple[float, float]] = deque(maxlen=slots)
    now_s = NOW_S
    for step_s, value in steps:
        now_s += step_s
        tested.append(now_s, filled(value))
        if kept and not 0 < now_s - kept[-1][0] <= GAP_S:
            kept.clear()
        kept.append((now_s, value))
        times, values = tested.series("b", Signal.LATENCY_S)
        assert times.tolist() == [at_s for at_s, _ in kept]
        np.testing.assert_array_equal(values, np.array([-v for _, v in kept], dtype=np.float32))
        assert len(tested) == len(kept)
        assert tested.last_s == now_s


@given(st.lists(st.floats(0.1, 60.0), max_size=80))
def test_it_takes_one_sample_per_interval(steps: list[float]) -> None:
    tested = ring()
    now_s, last_s = NOW_S, -math.inf
    for step_s in steps:
        now_s += step_s
        if tested.is_due(now_s):
            assert now_s - last_s >= 4.49
            tested.append(now_s, filled(1.0))
            last_s = now_s
        else:
            assert now_s - last_s < 4.51


def test_a_clock_that_goes_back_breaks_history() -> None:
    tested = ring()
    tested.append(NOW_S, filled(1.0))
    assert tested.is_due(NOW_S - 1)
    tested.append(NOW_S - 1, filled(2.0))
    assert tested.series("a", Signal.SCORE)[1].tolist() == [2.0]
    assert tested.breaks == 1


def test_a_series_may_begin_later_and_is_a_copy() -> None:
    tested = ring()
    for number in range(4):
        tested.append(NOW_S + 5 * number, filled(float(number)))
    times, values = tested.series("a", Signal.SCORE, since_s=NOW_S + 10)
    assert (times.tolist(), values.tolist()) == ([NOW_S + 10, NOW_S + 15], [2.0, 3.0])
    values[:] = 9
    assert tested.series("a", Signal.SCORE)[1].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert tested.matrix(Signal.SCORE)[1].tolist()[-1] == [3.0, -3.0]


def test_a_stranger_has_no_series() -> None:
    tested = ring()
    assert tested.is_due(NOW_S)
    tested.append(NOW_S, filled(1.0))
    times, values = tested.series("nobody", Signal.SCORE)
    assert (len(times), len(values)) == (0, 0)


def test_an_empty_stack_has_a_ring_too() -> None:
    empty = HistoryRing((), slots=2, interval_s=5.0, gap_s=90.0)
    empty.append(NOW_S, np.empty((len(SIGNALS), 0), dtype=np.float32))
    assert len(empty.series("a", Signal.SCORE)[0]) == 0


def test_a_sample_of_another_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="a sample is"):
        ring().append(NOW_S, np.zeros((len(SIGNALS), 5), dtype=np.float32))


def test_a_sample_holds_what_was_seen_and_nan_for_the_rest() -> None:
    declared = stack(service("a"), service("b"), service("c"))
    observed = seen(up("a"), failing("a", number=1, latency_s=2.0), dead("b"))
    own = assess(declared, observed).own
    found = dict(zip(SIGNALS, sample(("a", "b", "c"), observed, own), strict=True))
    assert found[Signal.INSTANCES_UP].tolist()[:2] == [2.0, 0.0]
    assert found[Signal.PROBE_OK][0] == 0.5
    assert found[Signal.LATENCY_S][0] == np.float32(0.01)  # silence is no latency
    assert math.isnan(found[Signal.PROBE_OK][1])
    assert math.isnan(found[Signal.MEMORY_BYTES][0])
    assert 0.0 <= found[Signal.SCORE][0] <= 1.0
    assert math.isnan(found[Signal.INSTANCES_UP][2])
