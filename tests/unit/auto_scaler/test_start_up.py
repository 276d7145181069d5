"""Start-up time and the cost of an idle instance."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.capacity import BaseCost, StartUp
from everup.auto_scaler.start_up import STARTS_KEPT


def test_before_it_knows_the_fallback_holds() -> None:
    starts = StartUp(60.0)
    assert starts.quantile(0.95) == 60
    starts.take(2.0)
    starts.take(90.0)
    assert starts.quantile() == 90
    starts.take(math.nan)
    starts.take(-1.0)
    assert starts.count == 2


@given(st.lists(st.floats(0, 1e4), min_size=3, max_size=60), st.floats(0, 1), st.floats(0, 1))
def test_quantiles_rise_and_the_slowest_is_not_far(
    seconds: Sequence[float], low: float, high: float
) -> None:
    starts = StartUp(60.0)
    for one in seconds:
        starts.take(one)
    kept = seconds[-STARTS_KEPT:]
    low, high = sorted((low, high))
    assert min(kept) <= starts.quantile(low) <= starts.quantile(high) <= max(kept) * 4 / 3
    again = StartUp.unpack(json.loads(json.dumps(starts.pack())), 60.0)
    assert again.quantile(high) == starts.quantile(high)


@given(st.floats(0, 2), st.floats(1e-4, 1), st.floats(0, 1e9))
def test_an_idle_instance_is_where_the_line_begins(base: float, slope: float, held: float) -> None:
    found = BaseCost()
    for number in range(20):
        rate = 1.0 + number
        found.take(number * 15.0, rate, base + slope * rate, held)
    assert found.cores == pytest.approx(base, abs=1e-6)
    assert found.memory_bytes == pytest.approx(held, rel=1e-6, abs=1.0)
    again = BaseCost.unpack(json.loads(json.dumps(found.pack())))
    assert again.cores == found.cores


def test_one_rate_alone_draws_no_line() -> None:
    found = BaseCost()
    for number in range(50):
        found.take(number * 15.0, 10.0, 0.5, math.nan)
    assert math.isnan(found.cores)
    assert math.isnan(found.memory_bytes)
