"""A rollback that was cut short is told by what runs, and names of ours are fit for engines."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.loop.pins import reference_of, stack_in, word_of
from everup.loop.settle import settle
from everup.model.decision import Expectation, Step
from everup.model.entries import Intended
from everup.model.evidence import OutcomeState, Sighting
from everup.model.kinds import ActionKind, Cause, InstanceState, Origin
from everup.model.observation import InstanceObservation, ServiceObservation
from everup.model.safe_point import FROM, TO
from everup.model.state import InFlight
from tests.unit.builders import NOW_S, dead, up

OLD, NEW = "1:old.a", "1:new.a"


def test_a_name_of_ours_is_one_that_engines_take() -> None:
    name = reference_of("Shop", "Web_1", OLD)
    assert name == reference_of("Shop", "Web_1", OLD)
    assert name != reference_of("Shop", "Web_2", OLD)
    assert re.fullmatch(r"everup-kept:shop\.web_1\.[0-9a-f]{16}", name)
    assert stack_in(name) == "shop"
    assert stack_in("everup-kept:0123456789abcdef") == stack_in("shop:1.2.3") == ""


@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_its_stack_and_service_are_called(stack: str, service: str) -> None:
    name = reference_of(stack, service, OLD)
    assert re.fullmatch(r"everup-kept:[a-z0-9_][a-z0-9_.-]{0,127}", name)
    assert stack_in(name) == word_of(stack)


def flight() -> InFlight:
    step = Step(ActionKind.EMERGENCY_ROLLBACK, "a", {FROM: NEW, TO: OLD})
    intent = Intended(
        *(NOW_S - 60, "act-1", None, "key", Origin.ROLLBACK, Cause.BAD_DEPLOY, step, "why"),
        *(Sighting(NOW_S - 60, instances={"a-0": "x|running"}), Expectation("a", 60.0)),
    )
    return InFlight(
        *("act-1", None, "key", intent.origin, intent.cause, step, intent.at_s),
        *(intent.before, intent.expectation),
    )


def of(version: str, one: InstanceObservation) -> InstanceObservation:
    return replace(one, instance=replace(one.instance, version=version))


@pytest.mark.parametrize(
    ("seen", "outcome", "has_happened"),
    [
        ((of(OLD, up("a")),), OutcomeState.DONE, True),
        ((of(NEW, up("a")),), OutcomeState.FAILED, False),
        ((of(NEW, dead("a")),), OutcomeState.FAILED, True),
        ((of(OLD, dead("a")),), OutcomeState.FAILED, True),
        ((of(OLD, up("a")), of(NEW, up("a", 1))), OutcomeState.FAILED, True),
        ((), OutcomeState.FAILED, True),
    ],
)
def test_what_runs_tells_whether_it_went_back(
    seen: tuple[InstanceObservation, ...], outcome: OutcomeState, has_happened: bool
) -> None:
    found = settle(flight(), ServiceObservation("a", seen), NOW_S, 12.0)
    assert found is not None
    assert (found.outcome, found.has_happened) == (outcome, has_happened)


def test_it_is_waited_for_while_it_may_be_at_work() -> None:
    seen = ServiceObservation("a", (of(NEW, up("a")),))
    assert settle(flight(), seen, NOW_S, 600.0) is None
    assert up("a").instance.state is InstanceState.RUNNING
