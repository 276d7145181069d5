"""How far memory leaps: what counts as a rise, and how much room it asks for."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.bursts import Bursts, Past
from everup.auto_scaler.heights import Heights

HOUR_S, MIB = 3600.0, 1024.0 * 1024
BASE = 100 * MIB


def learned(heights: list[float]) -> Bursts:
    """One rise of each height above the base, an hour apart, and back."""
    made = Bursts(32 * 86_400.0, 4 * HOUR_S)
    for number, height in enumerate(heights):
        at_s = number * HOUR_S
        for minute, value in enumerate((BASE, BASE + height, BASE)):
            past = Past(BASE, BASE)
            made.observe(at_s + 60 * minute, value, past, BASE + max(heights))
        made.close(at_s)
    return made


def test_noise_asks_for_twice_the_highest() -> None:
    made = learned([3 * MIB] * 5)
    assert made.rises.room(BASE + 3 * MIB) == pytest.approx(6 * MIB, rel=0.1)


def test_alike_ones_need_less_the_more_were_seen() -> None:
    peak, rooms = 2 * BASE, []
    for count in (1, 2, 5, 10, 30):
        rooms.append(learned([BASE] * count).rises.room(peak))
    assert rooms == sorted(rooms, reverse=True)
    assert BASE < rooms[-1] < 1.4 * BASE
    assert rooms[0] > 1.9 * BASE


def test_a_heavy_tail_has_no_end() -> None:
    drawn = random.Random(1)
    heights = [10 * MIB * drawn.paretovariate(1.5) for _ in range(60)]
    assert learned(heights).rises.room(BASE + max(heights)) == math.inf


def test_a_light_one_has() -> None:
    drawn = random.Random(1)
    heights = [60 * MIB * math.exp(drawn.gauss(0, 0.1)) for _ in range(60)]
    room = learned(heights).rises.room(BASE + max(heights))
    assert max(heights) < room < 2 * max(heights)


@given(st.lists(st.floats(0.01, 4.0), max_size=20))
def test_the_room_is_never_less_than_the_highest(shares: list[float]) -> None:
    heights = [share * BASE for share in shares]
    most = max(heights, default=0.0)
    made = learned(heights)
    seen = [height for height in heights if height >= 0.02 * (BASE + most)]
    assert made.rises.room(BASE + most) >= max(seen, default=0.0) * (1 - 1e-9)


def test_the_room_stands_on_the_calm_level() -> None:
    made = learned([BASE] * 10)
    room = made.rises.room(2 * BASE)
    made.observe(1e6, 2 * BASE, Past(BASE, BASE), 2 * BASE)
    assert made.is_above
    assert made.wanted(2 * BASE, 2 * BASE) == pytest.approx(BASE + room)
    made.observe(1e6 + 60, 1.05 * BASE, Past(2 * BASE, BASE), 2 * BASE)
    assert not made.is_above


def test_what_stays_is_a_new_level() -> None:
    made = learned([BASE] * 10)
    made.observe(1e6, 2 * BASE, Past(BASE, BASE), 2 * BASE)
    made.observe(1e6 + 5 * HOUR_S, 2 * BASE, Past(2 * BASE, 2 * BASE), 2 * BASE)
    assert not made.is_above
    assert made.wanted(2 * BASE, 2 * BASE) > 3 * BASE


def test_who_rises_beyond_all_before_may_rise_as_far_again() -> None:
    made = learned([0.5 * BASE] * 10)
    made.observe(1e6, 3 * BASE, Past(BASE, BASE), 3 * BASE)
    assert made.wanted(3 * BASE, 3 * BASE) >= 5 * BASE


def test_getting_back_after_a_restart_is_no_rise() -> None:
    made = learned([])
    made.observe(0.0, 0.3 * BASE, Past(BASE, 0.95 * BASE), BASE)
    for minute in range(1, 40):  # longer than the lookahead remembers
        value, before = (BASE * min(1.0, 0.3 + 0.03 * each) for each in (minute, minute - 1))
        made.observe(60.0 * minute, value, Past(before, 0.3 * BASE), BASE)
    assert made.rises.pending == 0.0


def test_a_restart_of_everup_keeps_the_heights() -> None:
    before, after = learned([BASE, 1.2 * BASE]), Bursts(32 * 86_400.0, 4 * HOUR_S)
    after.unpack(json.loads(json.dumps(before.pack())))
    assert after.rises.room(2 * BASE) == pytest.approx(before.rises.room(2 * BASE))
    after = Bursts(32 * 86_400.0, 4 * HOUR_S)
    after.unpack({"rises": {"pending": math.nan, "histogram": 3}, "steps": 1})
    assert after.rises.pending == 0.0


def test_who_uses_nothing_needs_no_room() -> None:
    assert Heights(3600.0).room(0.0) == 0.0
