"""Learned weights: what an episode teaches, what it does not, and how prior and facts weigh."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.dependency_monitor.learned import PRIOR_EPISODES, Illness, learn, learned_link
from everup.model.propagation import Link, Tally

NAN = float("nan")
LINK = Link("api", "db", 1.0)
KEY = ("api", "db")


def taught(*illnesses: Illness, links: tuple[Link, ...] = (LINK,)) -> Tally:
    return learn({}, links, illnesses).get(KEY, Tally())


def test_who_follows_was_hurt_and_who_stays_well_was_spared() -> None:
    assert taught(Illness("db", 100, 200), Illness("api", 112, 210)) == Tally(1.0, 0.0, 12.0)
    assert taught(Illness("db", 100, 200)) == Tally(0.0, 1.0, 0.0)
    assert taught(Illness("db", 100, NAN), Illness("api", 95, 300)) == Tally(1.0, 0.0, 0.0)


def test_what_teaches_nothing() -> None:
    assert taught(Illness("api", 100, 200)) == Tally()  # the target was well
    assert taught(Illness("db", 100, 104)) == Tally()  # too short for anybody to notice
    assert taught(Illness("api", 10, NAN), Illness("db", 100, 200)) == Tally()  # ill already


def test_an_illness_long_after_is_another_story() -> None:
    assert taught(Illness("db", 100, 900), Illness("api", 400, 500)) == Tally(0.0, 1.0, 0.0)


def test_two_suspects_share_the_blame() -> None:
    links = (LINK, Link("api", "cache", 0.5))
    ill = (Illness("db", 100, 200), Illness("cache", 101, 200), Illness("api", 110, 200))
    found = learn({}, links, ill)
    assert found[KEY].hurt == found["api", "cache"].hurt == 0.5


def test_the_posterior_begins_at_what_was_declared_and_ends_at_what_happened() -> None:
    assert learned_link(LINK, None) is LINK
    some = learned_link(LINK, Tally(1.0, 3.0, 20.0))
    assert some.probability == pytest.approx((PRIOR_EPISODES + 1) / (PRIOR_EPISODES + 4))
    assert some.delay_s == pytest.approx((15.0 * PRIOR_EPISODES + 20.0) / (PRIOR_EPISODES + 1))
    many = learned_link(LINK, Tally(30.0, 170.0, 300.0))
    assert many.probability == pytest.approx(0.15, abs=0.03)


@given(st.floats(0, 1), st.floats(0, 1e4), st.floats(0, 1e4))
def test_a_learned_weight_is_a_probability_between_prior_and_seen(
    declared: float, hurt: float, spared: float
) -> None:
    link = learned_link(Link("a", "b", declared), Tally(hurt, spared))
    seen = hurt / (hurt + spared) if hurt + spared else declared
    assert min(declared, seen) - 1e-9 <= link.probability <= max(declared, seen) + 1e-9


def test_old_facts_fade() -> None:
    known = {KEY: Tally(900.0, 100.0, 0.0)}
    found = learn(known, (LINK,), (Illness("db", 0, 100),))[KEY]
    assert found.hurt + found.spared < 600
