"""What a story of scaling is gathered from: the day, the owner's word, what may be changed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.api.scaled import around, scale_of, story_of
from everup.auto_scaler.cost import Advice
from everup.auto_scaler.demand.past import DAY
from everup.loop.scaler_story import cost_input, fixed, is_learned, spent
from everup.model.kinds import ActionKind, Mode
from everup.model.scaling import Obstacle, Refusal
from everup.model.stack import Dependency, ServiceSpec
from tests.unit.api.fakes import FakeControl
from tests.unit.api.scaled import AT_S, STACK, scaled_engine


@pytest.fixture(scope="module")
def control() -> FakeControl:
    return scaled_engine().control


def test_the_scaler_says_what_it_would_do_and_what_it_waits_for(control: FakeControl) -> None:
    assert control.look is not None
    wish = control.scaler.wish(control.look, "web")
    assert wish is not None
    assert wish.kind is ActionKind.SCALE_OUT
    assert wish.answer == control.scaler.waiting["web"]
    assert wish.text.startswith("3 to 4 instances: ")
    assert control.scaler.wish(control.look, "db") is None
    assert control.scaler.wish(control.look, "quiet") is None


def test_learned_is_where_the_forecast_decides(control: FakeControl) -> None:
    learned = {name: is_learned(control.scaler, name) for name in STACK.services}
    assert learned == {"db": False, "web": True, "worker": False, "quiet": False}


def test_the_day_is_made_of_what_was_seen(control: FakeControl) -> None:
    one = cost_input(around(control), "web", scale_of(control, "web"))
    assert (one.instances, one.declared, one.least, one.most) == (3, 2, 1, 6)
    assert len(one.needs) == 745 // 20
    assert one.needs[-1] == 3
    assert one.limit.cpus == 1.0
    assert one.use.cpus == pytest.approx(0.2)
    assert one.can_copy
    assert one.idle_s == 0.0
    assert not cost_input(around(control), "db", scale_of(control, "db")).can_copy
    assert one.has_count
    assert not cost_input(around(control), "db", scale_of(control, "db")).has_count
    assert cost_input(around(control), "db", scale_of(control, "db")).needed_by == ("web",)


def test_who_gives_the_number_is_seen_from_mode_and_bounds() -> None:
    control = scaled_engine().control
    scale = scale_of(control, "web")
    assert not cost_input(around(control), "web", scale).is_followed
    control.stack = replace(STACK, mode=Mode.AUTO)
    followed = {n: cost_input(around(control), n, scale).is_followed for n in STACK.services}
    assert followed == {"db": False, "web": True, "worker": False, "quiet": False}


def test_what_is_stopped_costs_nothing(control: FakeControl) -> None:
    asleep = replace(scale_of(control, "web"), running=0)
    assert spent(around(control), "web", asleep).per_month == 0.0


def test_cost_alone_is_the_cost_of_the_story(control: FakeControl) -> None:
    for name in STACK.services:
        assert spent(around(control), name, scale_of(control, name)) == story_of(control, name).cost


def test_why_a_number_is_left_alone_is_said_in_words(control: FakeControl) -> None:
    here = around(control)
    web = STACK.services["web"]
    assert fixed(here, web) == ""
    assert "no bounds" in fixed(here, replace(web, has_bounds=False))
    worker = STACK.services["worker"]
    assert fixed(here, worker).endswith("(instances: min and max; usual here are 1 and 8)")
    assert "keeps data" in fixed(here, replace(web, is_stateful=True))
    assert "does not grow in number" in fixed(here, replace(web, is_one_shot=True))
    off = replace(here, settings=replace(here.settings, auto_scaling_enabled=False))
    assert fixed(off, web) == "auto scaling is switched off"
    why = Refusal(Obstacle.CONTAINER_NAME, "there can be one of that name")
    lone = replace(web, name="lone", no_copies=(why,))
    there = replace(here, stack=replace(STACK, services={**STACK.services, "lone": lone}))
    assert fixed(there, lone).startswith("container_name: ")


def test_days_that_are_alike_give_a_plan_and_only_at_true_pace() -> None:
    control = scaled_engine().control
    scaler = control.scaler.scaler("web")
    assert scaler is not None
    past = scaler.planner.past
    past.first_at = int(AT_S // 15) - past.steps
    for _ in range(4 * DAY):
        past.take(90.0 if past.place // 240 in range(8, 16) else 5.0)
    (plan,) = [r for r in story_of(control, "web").recommendations if r.kind is Advice.SCHEDULE]
    assert (plan.to_hour - plan.from_hour) % 24 == 8
    assert plan.instances > plan.instances_else
    control.settings = replace(control.settings, time_scale=0.2)
    found = [r.kind for r in story_of(control, "web").recommendations]
    assert Advice.SCHEDULE not in found


def test_who_cannot_do_without_it_is_named() -> None:
    control = scaled_engine().control
    needs = ServiceSpec("shop", depends_on=(Dependency("worker"),))
    control.stack = replace(STACK, services={**STACK.services, "shop": needs})
    found = story_of(control, "worker").recommendations
    assert Advice.TWO in [one.kind for one in found]
