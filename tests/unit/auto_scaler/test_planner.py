"""The planner: within bounds, never below what demand now seen needs, nothing removed unseen."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.auto_scaler.cheapest import needed
from everup.auto_scaler.planner import WARM_STEPS, By, Cap, CountPlan, CountPlanner, CountView
from everup.auto_scaler.shadow import STILL_STEPS
from everup.model.kinds import is_known

CARRIES = 25.0
WIDE = CountView(4, 4, 1, 50, CARRIES)


def warm(seed: int = 1, steps: int = WARM_STEPS + 60) -> CountPlanner:
    planner = CountPlanner(4, unit=1.0)
    rng = np.random.default_rng(seed)
    for demand in rng.lognormal(math.log(70.0), 0.25, steps):
        planner.follow(float(demand), WIDE)
    return planner


WARM = warm()


def known_well() -> CountPlanner:
    """Asking it changes nothing, so that it is made once; what follows a step needs its own."""
    return WARM


BOUNDS = st.tuples(st.integers(1, 30), st.integers(0, 40)).map(lambda b: (b[0], b[0] + b[1]))
VIEWS = st.builds(
    lambda now, starting, bounds, carries, certain, rules, alarm, planned, chance: CountView(
        now,
        max(0, now - starting),
        bounds[0],
        bounds[1],
        carries,
        is_certain=certain,
        rules=rules,
        alarm=alarm,
        planned=planned,
        chance_most=chance,
    ),
    st.integers(1, 60),
    st.integers(0, 3),
    BOUNDS,
    st.sampled_from([math.nan, 0.5, 5.0, 25.0, 400.0]),
    st.booleans(),
    st.integers(0, 80),
    st.integers(0, 80),
    st.integers(0, 80),
    st.sampled_from([1.0, 0.2, 0.01]),
)


def check(plan: CountPlan, view: CountView) -> None:
    low, high = min(view.least, view.instances), max(view.most, view.instances)
    assert low <= plan.wanted <= high, "no further from its bounds than it is"
    if view.least <= view.instances <= view.most:
        assert view.least <= plan.wanted <= view.most
    if plan.wanted > view.instances:
        step = max(int(view.up_ratio * view.instances), view.instances + view.up_count)
        assert plan.wanted <= max(step, view.least)
    if plan.wanted != plan.wished:
        assert plan.capped
    if Cap.STEP not in plan.capped and Cap.MOST not in plan.capped:
        assert plan.wanted >= plan.floor
    if plan.wanted < view.instances:
        assert plan.wanted >= min(plan.floor, view.most), "never below what is asked now"
    assert not is_known(plan.chance) or 0.0 <= plan.chance <= 1.0
    assert plan.text or plan.by in (By.RULES, By.ALARM)


@given(VIEWS)
@settings(deadline=None)
def test_what_a_warm_one_plans_is_within_everything(view: CountView) -> None:
    check(known_well().plan(view), view)


@given(VIEWS, st.lists(st.floats(0, 1e15) | st.just(math.nan), min_size=1, max_size=20))
@settings(deadline=None)
def test_what_a_cold_one_plans_is_too(view: CountView, demands: list[float]) -> None:
    planner, was_seen = CountPlanner(4), False
    for demand in demands:
        planner.follow(demand, view)
        plan = planner.plan(view)
        check(plan, view)
        was_seen = was_seen or not math.isnan(demand)
        if math.isnan(demand) and was_seen and view.instances >= view.least:
            assert plan.wanted >= view.instances, "what is not seen removes nothing"


@given(VIEWS, st.floats(0.0, 3000.0))
@settings(deadline=None, max_examples=60)
def test_what_is_asked_now_is_always_carried_where_it_may_be(view: CountView, asked: float) -> None:
    planner = CountPlanner(4)
    for _ in range(3):
        planner.follow(asked, view)
    plan = planner.plan(view)
    if is_known(view.carries):
        assert plan.floor == needed(asked, view.carries)
        step = max(int(view.up_ratio * view.instances), view.instances + view.up_count)
        assert plan.wanted >= min(plan.floor, step, max(view.most, min(view.instances, plan.floor)))


def test_who_says_the_number() -> None:
    assert CountPlanner(4).plan(replace(WIDE, carries=math.nan)).by is By.HELD
    assert CountPlanner(4).plan(replace(WIDE, carries=math.nan, rules=6)).by is By.RULES
    assert CountPlanner(4).plan(WIDE).by is By.HELD
    cold = CountPlanner(4)
    cold.follow(50.0, WIDE)
    assert cold.plan(WIDE).by is By.PLAIN
    plan = known_well().plan(WIDE)
    assert plan.by in (By.FORECAST, By.DEMAND)
    assert "/s now" in plan.text
    for changed, by in (
        (replace(WIDE, is_certain=False, rules=8), By.RULES),
        (replace(WIDE, alarm=8), By.ALARM),
        (replace(WIDE, planned=8), By.PLAN),
    ):
        found = known_well().plan(changed)
        assert found.by is by
        assert found.wanted == 8
        assert found.chance <= plan.chance
    assert known_well().plan(replace(WIDE, rules=8)).by is plan.by, "its capacity is certain"


def test_rules_remove_nothing_either_once_demand_was_seen_and_is_not_any_more() -> None:
    unknown = replace(WIDE, carries=math.nan, rules=1)
    planner = CountPlanner(4)
    planner.follow(math.nan, unknown)
    assert planner.plan(unknown).wanted == 1, "a queue alone is no demand: they decide"
    planner.follow(50.0, unknown)
    assert planner.plan(unknown).wanted == 1
    planner.follow(math.nan, unknown)
    assert planner.plan(unknown).wanted == 4


def test_rules_alarms_and_plans_add_and_never_remove() -> None:
    plan = known_well().plan(WIDE)
    low = replace(WIDE, is_certain=False, rules=1, alarm=1, planned=1)
    assert known_well().plan(low).wanted == plan.wanted


def test_demand_that_is_not_seen_any_more_holds_and_then_goes_on() -> None:
    planner = warm(2)
    many = replace(WIDE, instances=30, ready=30)
    assert planner.plan(many).wanted < 30
    planner.follow(math.nan, many)
    held = planner.plan(many)
    assert (held.wanted, held.by) == (30, By.HELD)
    assert "nothing is removed" in held.text
    assert planner.plan(replace(many, rules=33)).wanted == 33, "an alarm still adds"
    planner.skip(500)
    assert planner.plan(many).by is By.HELD
    planner.follow(70.0, many)
    assert planner.plan(many).wanted < 30


@pytest.mark.parametrize("steps", [0, 1, 3, 4, 7, 250])
def test_steps_that_nobody_saw_come_to_the_same_at_once(steps: int) -> None:
    one, other = warm(3), warm(3)
    one.skip(steps)
    for _ in range(steps):
        other.skip(1)
    for planner in (one, other):
        for demand in (60.0, 80.0, 75.0, 70.0, 90.0, 60.0, 50.0, 70.0):
            planner.follow(demand, WIDE)
    assert one.past.steps == other.past.steps
    assert one.plan(WIDE) == other.plan(WIDE)
    for kept, again in ((one.soon, other.soon), (one.ahead, other.ahead)):
        assert kept.now is not None
        assert again.now is not None
        assert np.array_equal(kept.now.values, again.now.values)


def test_a_number_beyond_its_bounds_is_gone_back_from_and_never_further() -> None:
    above = CountView(12, 12, 1, 8, CARRIES)
    planner = CountPlanner(4)
    for _ in range(STILL_STEPS):
        planner.follow(260.0, above)
    plan = planner.plan(above)
    assert plan.wanted == 11, "so many are needed, though nobody would add them"
    planner = CountPlanner(4)
    for _ in range(STILL_STEPS):
        planner.follow(30.0, above)
    assert planner.plan(above).wanted == 2
    below = CountView(1, 1, 3, 8, CARRIES)
    assert CountPlanner(4).plan(below).wanted == 3


def test_a_declared_chance_is_kept() -> None:
    plan = known_well().plan(replace(WIDE, chance_most=0.001))
    assert plan.chance <= 0.001
    assert plan.wanted >= known_well().plan(WIDE).wanted


def test_a_slower_start_looks_further() -> None:
    planner = warm(4)
    planner.starts_in(20)
    assert planner.soon.after == 21
    assert planner.rule.starts_in == 20
    before = planner.soon
    planner.starts_in(20)
    assert planner.soon is before
    for demand in np.random.default_rng(9).lognormal(math.log(70.0), 0.25, 100):
        planner.follow(float(demand), WIDE)
    check(planner.plan(WIDE), WIDE)


def test_a_bad_hour_makes_shortage_dearer() -> None:
    planner = warm(5)
    cheap = planner.balance.shortage_price
    few = replace(WIDE, instances=1, ready=1)
    for _ in range(200):
        planner.follow(80.0, few)
    assert planner.balance.shortage_price > cheap
