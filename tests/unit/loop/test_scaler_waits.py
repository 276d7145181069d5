"""Why another size is not proposed now: whose turn comes first."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from everup.loop.fold import fold_all
from everup.loop.scaler_waits import ASLEEP, why_size_waits, why_wait
from everup.model import entries as e
from everup.model.decision import Step
from everup.model.kinds import UNKNOWN, ActionKind, Cause, Origin, Purpose
from everup.model.scaling import ScalingChoice
from everup.model.settings import Settings
from everup.model.state import PastAction, ServiceState, StackState
from tests.unit.builders import NOW_S, assess, failing, seen, service, stack, up

SHOP = stack(service("a"))
MORE, LESS = ScalingChoice(2, 4, "forecast", ""), ScalingChoice(2, 1, "forecast", "")
SMALLER = ScalingChoice(2, 2, "size", "", memory_bytes=1.0)


def why(
    choice: ScalingChoice,
    state: StackState | None = None,
    *,
    complete_since_s: float = NOW_S - 100,
    is_sick: bool = False,
    **remembered: Any,
) -> str:
    state = state or StackState()
    if remembered:
        state = replace(state, services={"a": ServiceState(**remembered)})
    observation = seen(failing("a") if is_sick else up("a"))
    control = SimpleNamespace(
        stack=SHOP,
        state=state,
        settings=Settings(),
        memory=SimpleNamespace(complete_since_s=complete_since_s),
    )
    look = SimpleNamespace(at_s=NOW_S, assessment=assess(SHOP, observation))
    return why_wait(cast(Any, control), cast(Any, look), "a", choice)


def test_limits_that_a_person_gave_stay_for_an_hour() -> None:
    def given(origin: Origin, kind: ActionKind = ActionKind.SCALE_DOWN) -> str:
        past = replace(by_hand(600.0), kind=kind, origin=origin)
        return why_size_waits(ServiceState(past=(past,)), NOW_S, 3600.0)

    assert given(Origin.PERSON) == "a person gave it this size; another waits for 50 min more"
    assert given(Origin.SCALING) == given(Origin.PERSON, ActionKind.SCALE_OUT) == ""
    assert why_size_waits(ServiceState(), NOW_S, 3600.0) == ""


def test_nothing_stands_against_it() -> None:
    assert why(MORE) == why(LESS) == why(SMALLER) == ""


@pytest.mark.parametrize("choice", [MORE, LESS, SMALLER])
@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("not everything has been seen", {"complete_since_s": UNKNOWN}),
        ("we may be blind", {"state": StackState(monitor_fault="no names")}),
        ("somebody stopped it", {"purpose": Purpose.STOPPED}),
        ("it is asleep", {"purpose": Purpose.STOPPED, "purpose_by": ASLEEP}),
        ("being taken back", {"owed_undo": Step(ActionKind.SCALE_IN, "a")}),
        ("cut off", {"isolated": ("",)}),
        ("another one has its place", {"stands_in": "b"}),
    ],
)
def test_all_waits(choice: ScalingChoice, text: str, given: dict[str, Any]) -> None:
    assert text in why(choice, **given)


def test_whoever_acts_on_it_is_waited_for() -> None:
    begun = e.Intended(
        NOW_S,
        "act-1",
        "key",
        cast(Any, None),
        Origin.RECOVERY,
        Cause.HANG,
        Step(ActionKind.GRACEFUL_RESTART, "a"),
        *cast(Any, ("", None, None)),
    )
    state = fold_all(StackState(), [begun])
    for choice in (MORE, LESS, SMALLER):
        assert "graceful_restart of it is under way" in why(choice, state)


def test_less_waits_for_an_incident_and_more_does_not() -> None:
    opened = e.IncidentOpened(NOW_S, "inc-1", "a", Cause.HANG, "silent")
    state = fold_all(StackState(), [opened])
    assert why(MORE, state) == ""
    assert "inc-1 is open" in why(LESS, state)
    assert "inc-1 is open" in why(SMALLER, state)
    assert why(MORE, is_sick=True) == ""
    assert "not well" in why(LESS, is_sick=True)


def by_hand(ago_s: float) -> PastAction:
    return PastAction(
        action_id="act-1",
        service="a",
        has_passed=True,
        on_running=True,
        kind=ActionKind.SCALE_OUT,
        cause=Cause.REQUESTED,
        origin=Origin.PERSON,
        started_at_s=NOW_S - ago_s,
        ended_at_s=NOW_S - ago_s,
    )


@pytest.mark.parametrize(("ago_s", "waits"), [(60.0, True), (3599.0, True), (3601.0, False)])
def test_a_persons_number_is_not_lowered_for_an_hour(ago_s: float, *, waits: bool) -> None:
    assert ("a person gave it" in why(LESS, past=(by_hand(ago_s),))) is waits
    assert why(MORE, past=(by_hand(ago_s),)) == ""
    assert why(SMALLER, past=(by_hand(ago_s),)) == "", "its number is not its size"
    found = why(LESS, recounted_at_s=NOW_S - ago_s, recounted_by="compose")
    assert ("compose gave it" in found) is waits


def test_our_own_number_is_nobodys() -> None:
    ours = replace(by_hand(60.0), origin=Origin.SCALING)
    undo = replace(by_hand(60.0), is_undo=True)
    assert why(LESS, past=(ours, undo)) == ""


@pytest.mark.parametrize(
    ("sick", "is_held"), [("front", True), ("api", True), ("other", False), ("store", False)]
)
def test_fewer_waits_while_whoever_asks_it_for_work_is_down(sick: str, *, is_held: bool) -> None:
    """Its work has gone with that, and comes back with it at once."""
    shop = stack(
        service("front", "api"),
        service("api", "a"),
        service("a", "store"),
        service("store"),
        service("other", "store"),
    )
    everybody = {name: up(name) for name in shop.services} | {sick: failing(sick)}
    observation = seen(*everybody.values())
    control = SimpleNamespace(
        stack=shop,
        state=StackState(),
        settings=Settings(),
        memory=SimpleNamespace(complete_since_s=NOW_S - 100),
    )
    look = SimpleNamespace(at_s=NOW_S, assessment=assess(shop, observation))
    told = [why_wait(cast(Any, control), cast(Any, look), "a", one) for one in (MORE, LESS)]
    assert told[0] == ""
    assert ("may ask for less than it will" in told[1]) is is_held
    assert bool(told[1]) is is_held
