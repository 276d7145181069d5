"""Shares: bounded steps, nobody at nothing, everybody at all where most are unwell."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.loop.weights import LEVELS, level_of, next_share, score_of, shares, slow_start
from everup.model.kinds import ProbeVerdict
from tests.unit.builders import dead, failing, up

SCORES = st.one_of(st.floats(0, 1), st.just(math.nan))
NAMES = st.sampled_from([f"web-{n}" for n in range(8)])


@given(st.dictionaries(NAMES, SCORES, min_size=1), st.dictionaries(NAMES, st.sampled_from(LEVELS)))
def test_steps_are_bounded_and_nobody_gets_nothing(
    scores: dict[str, float], now: dict[str, float]
) -> None:
    found = shares(scores, now)
    assert set(found) == set(scores)
    known = [s for s in scores.values() if not math.isnan(s)]
    is_panic = sum(s <= 0.5 for s in known) > len(known) / 2
    for name, share in found.items():
        assert LEVELS[0] <= share <= 1
        if not is_panic:
            assert abs(level_of(share) - level_of(now.get(name, 1.0))) <= 1
        if math.isnan(scores[name]) and not is_panic:
            assert share == now.get(name, 1.0), "who is not known keeps what it has"
    if is_panic:
        assert set(found.values()) == {1.0}


@given(SCORES, st.sampled_from(LEVELS), st.integers(1, 12))
def test_the_same_score_settles_and_does_not_swing(score: float, share: float, looks: int) -> None:
    seen = [share]
    for _ in range(looks):
        seen.append(next_share(score, seen[-1]))
    steps = [level_of(b) - level_of(a) for a, b in pairwise(seen)]
    assert len({step for step in steps if step}) <= 1, "one direction alone"
    for _ in range(len(LEVELS)):
        seen.append(next_share(score, seen[-1]))
    assert seen[-1] == seen[-2]


@given(st.floats(0.9, 0.949), st.integers(0, 3))
def test_between_the_bounds_nothing_moves(score: float, level: int) -> None:
    assert next_share(score, LEVELS[3]) == LEVELS[3]
    assert next_share(score, LEVELS[2]) == LEVELS[2]


@given(st.floats(0, 100), st.floats(0, 100), st.floats(0, 60))
def test_a_slow_start_only_grows_and_ends(since_s: float, more_s: float, lasts_s: float) -> None:
    first, second = slow_start(since_s, lasts_s), slow_start(since_s + more_s, lasts_s)
    assert LEVELS[0] <= first <= second <= 1
    assert slow_start(lasts_s, lasts_s) == 1


@pytest.mark.parametrize(
    ("seen", "score"),
    [
        (up("web"), 1.0),
        (dead("web"), 0.0),
        (failing("web"), 0.5),
        (replace(up("web"), probe=None), math.nan),
    ],
)
def test_what_an_instance_is_worth(seen, score: float) -> None:  # type: ignore[no-untyped-def]
    assert score_of(seen) == pytest.approx(score, nan_ok=True)


def test_errors_count_while_it_passes() -> None:
    one = up("web")
    assert one.probe is not None
    flaky = replace(one, probe=replace(one.probe, error_ratio=0.4))
    assert score_of(flaky) == pytest.approx(0.6)
    unknown = replace(one, probe=replace(one.probe, verdict=ProbeVerdict.UNKNOWN))
    assert math.isnan(score_of(unknown))
