"""Longer simulated days: more of everything, and the command that repeats them."""

from __future__ import annotations

from random import Random

import pytest

from everup.simulation.mixes import MIXES
from everup.simulation.plans import Plan, draw_plan
from everup.simulation.runner import HOURS, Result, play
from everup.simulation.stacks import draw_stack


def _plan(calm_t: float, times: float) -> Plan:
    mix = MIXES["mixed"]
    drawn = draw_stack(Random("stack"), mix.stack)
    return draw_plan(Random("plan"), mix.plan, drawn.stack, calm_t, times=times)


def test_a_day_of_twelve_times_the_length_has_as_many_more_troubles_and_kills() -> None:
    short, long = _plan(4800.0, 1.0), _plan(57_600.0, 12.0)
    assert len(long.troubles) == 12 * len(short.troubles)
    assert 12 <= len(long.kills) <= 36
    assert all(t.at_t <= long.calm_t for t in long.troubles)


def test_a_day_too_short_for_a_calm_end_is_refused() -> None:
    with pytest.raises(ValueError, match="hours: 1 is under 2"):
        play("mixed", 1, hours=1.0)


def test_the_command_says_how_long_the_day_was() -> None:
    def of(hours: float) -> Result:
        return Result("mixed", 7, (), "", 1, 1, 1, 1, 1, 1, 1, 1, hours=hours)

    assert of(HOURS).command == "python -m everup.simulation --class mixed --seed 7"
    assert of(24.0).command.endswith("--seed 7 --hours 24")
