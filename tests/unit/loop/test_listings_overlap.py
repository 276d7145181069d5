"""Listings that overtake each other, as on a machine that is short of processors: what lasts goes
on, and what was seen earlier is not taken for news."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.loop.desk import Desk
from everup.model.kinds import InstanceState, is_known
from everup.model.observation import Exit, Instance, InstanceObservation
from everup.model.runtime import Listing
from tests.unit.builders import NOW_S, SETTINGS, service, stack

STOPPED = Instance(
    *("a", "a-0", "a!1", InstanceState.RUNNING, NOW_S - 900.0),
    cpu_seconds=3.0, io_bytes=0.0, waited_s=0.0, process_state="T",
)  # fmt: skip


def after(at_s: Sequence[float], *, now_s: float = NOW_S) -> InstanceObservation:
    """What is seen of it after listings that were begun at these times."""
    desk = Desk(stack(service("a")), SETTINGS)
    for begun_s in at_s:
        desk.take_listing(Listing(begun_s, (STOPPED,)))
    return desk.observation(now_s).services["a"].instances[0]


@settings(max_examples=60, deadline=None)
@given(st.permutations([float(n) for n in range(8)]))
def test_in_whatever_order_they_end_what_stands_still_stands_still_since_the_first_that_counts(
    order: list[float],
) -> None:
    seen = after([NOW_S - 8.0 + n for n in order])
    assert seen.stuck_since_s == NOW_S - 8.0 + order[0]
    assert seen.read_at_s == NOW_S - 1.0
    later = [n for n in order if n > order[0]]
    assert (seen.idle_since_s == NOW_S - 8.0 + order[0]) is bool(later)


@pytest.mark.parametrize("more", [1, 5])
def test_two_sights_of_the_same_moment_end_nothing(more: int) -> None:
    seen = after([NOW_S - 6.0, NOW_S - 3.0, *([NOW_S - 3.0] * more)])
    assert seen.stuck_since_s == seen.idle_since_s == NOW_S - 6.0


def test_a_late_sight_of_starving_is_not_forgotten() -> None:
    desk = Desk(stack(service("a")), SETTINGS)
    wants = replace(STOPPED, process_state="R")
    for begun_s, waited_s in ((-6.0, 0.0), (-3.0, 2.9), (-3.0, 2.9), (-4.0, 2.0)):
        desk.take_listing(Listing(NOW_S + begun_s, (replace(wants, waited_s=waited_s),)))
    seen = desk.observation(NOW_S).services["a"].instances[0]
    assert seen.starved_at_s == NOW_S - 3.0
    assert not is_known(seen.idle_since_s)


def test_a_clock_that_went_back_is_no_late_sight() -> None:
    desk = Desk(stack(service("a")), SETTINGS)
    desk.take_listing(Listing(NOW_S, (STOPPED,)))
    desk.take_listing(Listing(NOW_S - 3600.0, (STOPPED,)))
    assert desk.listed_at_s == NOW_S - 3600.0
    seen = desk.observation(NOW_S - 3599.0).services["a"].instances[0]
    assert seen.stuck_since_s == NOW_S - 3600.0, "that began anew with the clock"


def test_a_late_sight_of_a_death_is_news() -> None:
    """The engine started it again before the listing that saw it dead had ended."""
    desk = Desk(stack(service("a")), SETTINGS)
    dead = replace(STOPPED, state=InstanceState.EXITED, exit=Exit(NOW_S - 3.0, 137))
    desk.take_listing(Listing(NOW_S - 2.0, (replace(STOPPED, identity="a!2"),)))
    assert desk.take_listing(Listing(NOW_S - 2.5, (dead,)))
    assert [(name, found.code) for _, name, found in desk.take_deaths()] == [("a-0", 137)]
    assert desk.running("a")[0].identity == "a!2"
    assert not desk.take_listing(Listing(NOW_S - 2.4, (dead,))), "it is told once"
    assert desk.take_deaths() == []
