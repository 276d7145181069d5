"""How long a step may last is known beforehand and grows with what is asked for."""

from __future__ import annotations

from everup.loop.deadlines import COPY_S, lasts_most_s
from everup.model.decision import Step
from everup.model.kinds import ActionKind
from everup.model.scaling import BEFORE, INSTANCES
from tests.unit.builders import SETTINGS, service

SPEC = service("a")
PLAIN_S = SETTINGS.action_deadline_s + SPEC.stop.grace_s


def test_a_restart_has_the_time_of_any_action_and_its_grace() -> None:
    step = Step(ActionKind.GRACEFUL_RESTART, "a", {"grace_s": 40.0})
    assert lasts_most_s(step, SPEC, SETTINGS) == SETTINGS.action_deadline_s + 40.0


def test_each_further_copy_has_its_own() -> None:
    one = Step(ActionKind.SCALE_OUT, "a", {INSTANCES: 2, BEFORE: 1})
    many = Step(ActionKind.SCALE_OUT, "a", {INSTANCES: 8, BEFORE: 1})
    away = Step(ActionKind.SCALE_IN, "a", {INSTANCES: 1, BEFORE: 8})
    assert lasts_most_s(one, SPEC, SETTINGS) == PLAIN_S
    assert lasts_most_s(many, SPEC, SETTINGS) == PLAIN_S + 6 * COPY_S
    assert lasts_most_s(away, SPEC, SETTINGS) == PLAIN_S + 6 * COPY_S


def test_at_another_pace_it_is_as_much_shorter() -> None:
    quick = SETTINGS.scaled(0.1)
    many = Step(ActionKind.SCALE_OUT, "a", {INSTANCES: 8, BEFORE: 1, "grace_s": 0.0})
    assert lasts_most_s(many, SPEC, quick) < 0.2 * lasts_most_s(many, SPEC, SETTINGS)
