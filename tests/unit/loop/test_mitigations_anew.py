"""Options are worked out anew when what they are made of has changed, or after a sample's time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from everup.loop.mitigations import Containment
from everup.model.assessment import OwnHealth, Predictions, Relations, ServiceHealth
from everup.model.kinds import Condition
from everup.model.mitigation import Mitigations
from everup.model.settings import Settings

SETTINGS = Settings(sample_interval_s=5.0)
STATE = object()


def control(state: object = STATE, *, is_open: frozenset[str] = frozenset()) -> Any:
    breakers = SimpleNamespace(not_closed=lambda: is_open)
    traffic = SimpleNamespace(no_router="")
    return SimpleNamespace(state=state, settings=SETTINGS, breakers=breakers, traffic=traffic)


def look(at_s: float, condition: Condition = Condition.UNHEALTHY) -> Any:
    own = OwnHealth({"db": ServiceHealth("db", 0.1, condition)})
    assessment = SimpleNamespace(own=own, relations=Relations({}, {}), predictions=Predictions())
    return SimpleNamespace(at_s=at_s, assessment=assessment)


def made_at_10_s() -> Containment:
    found = Containment()
    assert not found._is_as_before(control(), look(10.0)), "there was none before"
    found.latest = Mitigations(10.0)
    return found


def test_the_same_a_moment_later_is_not_worked_out_again() -> None:
    found = made_at_10_s()
    assert found._is_as_before(control(), look(11.0))
    assert found._is_as_before(control(), look(14.9))
    assert not found._is_as_before(control(), look(15.0)), "a sample's time is over"
    assert not found._is_as_before(control(), look(9.0)), "the clock went back"


def test_whatever_it_is_made_of_makes_it_anew() -> None:
    assert not made_at_10_s()._is_as_before(control(object()), look(11.0)), "the journal grew"
    assert not made_at_10_s()._is_as_before(control(), look(11.0, Condition.DOWN))
    turned = control(is_open=frozenset({"api > db"}))
    assert not made_at_10_s()._is_as_before(turned, look(11.0))
