"""What a service costs, what is not needed of it, and what its owner might change."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from everup.auto_scaler.cost import (
    Advice,
    CostInput,
    Recommendation,
    Size,
    chance_of_shortage,
    cost,
    recommend,
    recommended_override,
)
from everup.auto_scaler.spend import GIB, quantile
from everup.model.sizing import Prices

PRICES = Prices(cpu_hour=0.04, gb_hour=0.005, currency="EUR")
NAN = math.nan
MIB = 1024.0**2
SHOP = CostInput(
    "shop",
    instances=6,
    declared=6,
    needs=(1.2,) * 90 + (2.6,) * 6,
    limit=Size(1.0, 1 * GIB),
    use=Size(0.2, 0.3 * GIB),
)


def kinds(one: CostInput) -> dict[Advice, Recommendation]:
    return {it.kind: it for it in recommend(one, PRICES)}


def test_what_it_costs_now() -> None:
    found = cost(SHOP, PRICES)
    assert found.per_hour == pytest.approx(6 * 0.045)
    assert found.per_month == pytest.approx(6 * 0.045 * 730)
    assert found.waste_instances == 3
    assert found.waste_per_month == pytest.approx(found.per_month / 2)
    assert found.text == "shop: 197.10 EUR a month, 98.55 EUR of it not needed"


def test_the_request_counts_then_the_limit_then_the_use() -> None:
    asked = replace(SHOP, request=Size(0.5, NAN))
    assert cost(asked, PRICES).per_hour == pytest.approx(6 * (0.5 * 0.04 + 0.005))
    used = replace(SHOP, limit=Size(math.inf, NAN))
    assert cost(used, PRICES).per_hour == pytest.approx(6 * (0.2 * 0.04 + 0.3 * 0.005))
    nothing = cost(replace(SHOP, limit=Size(), use=Size()), PRICES)
    assert nothing.per_month == 0
    assert nothing.unknown == ("cpu", "memory")
    assert "cpu and memory unknown" in nothing.text


def test_size_beyond_advice_is_waste_too() -> None:
    one = replace(SHOP, instances=3, advised=Size(0.5, 0.5 * GIB))
    assert cost(one, PRICES).waste_per_month == pytest.approx(cost(one, PRICES).per_month / 2)


@given(
    st.integers(0, 50),
    st.lists(st.floats(0, 60), max_size=40),
    st.floats(0.01, 8),
    st.floats(0, 16),
    st.floats(0.01, 16),
)
def test_waste_is_no_more_than_what_is_paid(
    instances: int, needs: list[float], cpus: float, gib: float, advised: float
) -> None:
    one = CostInput(
        "a",
        instances,
        instances,
        needs=tuple(needs),
        limit=Size(cpus, gib * GIB),
        advised=Size(advised, advised * GIB),
    )
    found = cost(one, PRICES)
    assert -1e-9 <= found.waste_per_month <= found.per_month + 1e-9
    assert 0 <= found.waste_instances <= instances


def test_fewer_instances_with_the_chance_of_a_shortage() -> None:
    found = kinds(SHOP)[Advice.FEWER]
    assert found.instances == 3
    assert found.saving_per_month == pytest.approx(3 * 0.045 * 730)
    assert found.chance == pytest.approx(1 / 98)
    assert found.text.startswith("3 instead of 6 instances of shop")
    assert found.risk == "by the last day, a moment in 98 would need more"


def test_more_instances_cost() -> None:
    found = kinds(replace(SHOP, instances=2))[Advice.MORE]
    assert (found.instances, found.saving_per_month < 0) == (3, True)
    assert Advice.MORE not in kinds(replace(SHOP, instances=2, can_copy=False))


def test_a_short_day_says_nothing_of_a_number() -> None:
    assert kinds(replace(SHOP, needs=(1.0,) * 10)) == {}


def test_bounds_that_do_not_fit() -> None:
    found = kinds(replace(SHOP, least=6, most=8))
    assert found[Advice.LEAST].instances == 3
    assert Advice.FEWER not in found
    found = kinds(replace(SHOP, instances=2, most=2))
    assert found[Advice.MOST].instances == 3
    assert Advice.MORE not in found


def test_two_of_what_others_cannot_do_without() -> None:
    one = replace(SHOP, instances=1, needs=(0.5,) * 96, needed_by=("web", "api"))
    found = kinds(one)
    assert found[Advice.TWO].instances == 2
    assert "web, api cannot do without it" in found[Advice.TWO].text
    assert Advice.MORE not in found
    assert kinds(replace(one, instances=5))[Advice.FEWER].instances == 2


def test_where_everup_gives_the_number_two_are_a_least_and_none_for_a_file() -> None:
    one = replace(SHOP, instances=5, least=1, most=8, needed_by=("web",), is_followed=True)
    found = kinds(one)
    assert Advice.TWO not in found
    assert found[Advice.HIGHER_LEAST].text.startswith("a least of 2 instances of shop: web cannot")
    assert found[Advice.HIGHER_LEAST].saving_per_month == 0.0
    assert recommended_override(recommend(one, PRICES)) == ""


def test_sizes_in_both_directions() -> None:
    one = replace(SHOP, advised=Size(1.5, 512 * MIB), peak=Size(0.9, 400 * MIB), needs=(5.5,) * 96)
    found = kinds(one)
    smaller, larger = found[Advice.SMALLER], found[Advice.LARGER]
    assert smaller.text == "shop: memory 512 MiB instead of 1024 MiB"
    assert smaller.risk == "memory 28% over the most seen"
    assert smaller.saving_per_month > 0 > larger.saving_per_month
    assert larger.limits.cpus == 1.5
    assert math.isnan(larger.limits.memory_bytes)
    assert kinds(replace(one, advised=Size(0.95, 0.95 * GIB))) == {}
    slow = kinds(replace(one, advised=Size(0.3, GIB)))[Advice.SMALLER]
    assert slow.risk == "cpus 67% under the most seen"


def test_a_plan_for_the_day() -> None:
    day = tuple(10.0 if 8 <= hour < 18 else 1.0 for hour in range(24))
    one = CostInput("shop", 4, 4, limit=Size(1.0, GIB), hourly=day, per_instance=4.0, days_seen=5.0)
    found = kinds(one)[Advice.SCHEDULE]
    assert (found.from_hour, found.to_hour) == (8, 18)
    assert (found.instances, found.instances_else) == (4, 1)
    assert found.saving_per_month == pytest.approx(3 * 14 / 24 * 0.045 * 730)
    assert found.text.startswith("shop: 4 instances from 08:00 to 18:00, 1 else; ")
    assert kinds(replace(one, days_seen=1.0)) == {}
    assert kinds(replace(one, hourly=(10.0,) * 24)) == {}
    assert kinds(replace(one, per_instance=NAN)) == {}


def test_a_plan_saves_what_is_paid_and_asks_for_no_more_than_is_allowed() -> None:
    day = tuple(10.0 if 8 <= hour < 18 else 1.0 for hour in range(24))
    one = CostInput("shop", 6, 6, limit=Size(1.0, GIB), hourly=day, per_instance=4.0, days_seen=5.0)
    found = kinds(one)[Advice.SCHEDULE]
    assert found.saving_per_month == pytest.approx((6 - (4 * 10 + 14) / 24) * 0.045 * 730)
    assert found.text.endswith(" a month less than 6 all day")
    assert kinds(replace(one, instances=2)) == {}  # it would cost more than there is now
    assert kinds(replace(one, most=3))[Advice.SCHEDULE].instances == 3
    assert kinds(replace(one, has_plan=True)) == {}
    assert kinds(replace(one, is_followed=True)) == {}


def test_the_number_of_what_keeps_data_is_its_owners() -> None:
    one = replace(SHOP, least=6, can_copy=False, has_count=False)
    assert kinds(one) == {}
    assert cost(one, PRICES).waste_instances == 0


def test_where_everup_gives_the_number_none_is_recommended_for_good() -> None:
    for there in (1, 6):
        one = replace(SHOP, instances=there, least=1, most=8, is_followed=True)
        assert not {Advice.FEWER, Advice.MORE} & set(kinds(one))
    assert kinds(replace(SHOP, instances=0)) == {}


@given(st.lists(st.floats(0, 100), min_size=24, max_size=24), st.floats(0.5, 20))
def test_a_plan_covers_every_hour_and_costs_less(day: list[float], each: float) -> None:
    one = CostInput(
        "a", 4, 4, limit=Size(1.0, GIB), hourly=tuple(day), per_instance=each, days_seen=7.0
    )
    plan = kinds(one).get(Advice.SCHEDULE)
    if plan is None:
        return
    length = (plan.to_hour - plan.from_hour) % 24
    for hour, demand in enumerate(day):
        is_inside = (hour - plan.from_hour) % 24 < length
        assert (plan.instances if is_inside else plan.instances_else) * each >= demand - 1e-6
    assert plan.saving_per_month > 0


def test_what_is_idle_could_be_stopped() -> None:
    idle = replace(SHOP, instances=1, needs=(), idle_s=7200.0)
    assert "by hand" in kinds(idle)[Advice.STOP].risk
    assert "waits for its start" in kinds(replace(idle, can_stop=True))[Advice.STOP].risk
    assert kinds(replace(idle, needed_by=("web",), instances=2)) == {}
    assert kinds(replace(idle, idle_s=60.0)) == {}
    assert kinds(replace(idle, may_sleep=True)) == {}


def test_the_file_is_compose_and_says_what_was_recommended() -> None:
    one = replace(SHOP, advised=Size(0.5, 512 * MIB))
    text = recommended_override(recommend(one, PRICES))
    assert text.startswith("# What is recommended.")
    assert yaml.safe_load(text) == {
        "version": "2.4",
        "services": {"shop": {"scale": 3, "mem_limit": "536870912b", "cpus": 0.5}},
    }
    assert recommended_override(()) == ""


def test_what_saves_most_comes_first() -> None:
    found = recommend(replace(SHOP, advised=Size(2.0, 256 * MIB)), PRICES)
    savings = [it.saving_per_month for it in found]
    assert savings == sorted(savings, reverse=True)
    assert len(savings) == 3


@given(st.lists(st.floats(0, 20), min_size=1, max_size=50), st.integers(0, 20))
def test_the_chance_falls_with_instances_and_is_never_nothing(needs: list[float], n: int) -> None:
    assert 0 < chance_of_shortage(needs, n + 1) <= chance_of_shortage(needs, n) < 1
    assert quantile(needs, 1.0) == max(needs)
    assert quantile(needs, 0.5) in needs
