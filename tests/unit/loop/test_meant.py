"""Who stops, removes or starts a service beside Everup has a wish; other ends are faults."""

from __future__ import annotations

import math
from dataclasses import replace

from everup.loop.meant import AGAIN, REMOVED, believed_at_s, meant
from everup.model.kinds import Purpose
from everup.model.observation import InstanceObservation, Observation
from everup.model.state import ServiceState, StackState
from tests.unit.builders import NOW_S, SETTINGS, dead, seen, service, stack, up

STACK = stack(service("a"), service("b"))
HEALED = stack(replace(service("a"), heal_when_stopped=True))


def _asked(one: InstanceObservation, ago_s: float) -> InstanceObservation:
    assert one.instance.exit is not None
    death = replace(one.instance.exit, asked="docker stop", at_s=NOW_S - ago_s)
    return replace(one, instance=replace(one.instance, exit=death))


def _said(
    observation: Observation, state: StackState | None = None, absent: tuple[str, ...] = ()
) -> list[tuple[str, Purpose, str]]:
    entries = meant(STACK, state or StackState(), observation, absent, SETTINGS)
    return [(entry.service, entry.purpose, entry.by) for entry in entries]


def test_a_death_that_nobody_asked_for_is_no_wish() -> None:
    assert _said(seen(dead("a"))) == []


def test_who_asked_is_believed_after_a_moment() -> None:
    assert _said(seen(_asked(dead("a"), 1.0))) == [], "it may be a restart"
    assert _said(seen(_asked(dead("a"), 3.0))) == [("a", Purpose.STOPPED, "somebody's docker stop")]


def test_there_is_a_look_at_the_moment_at_which_a_stop_is_believed() -> None:
    def when(observation: Observation, state: StackState | None = None) -> float:
        return believed_at_s(STACK, state or StackState(), observation, SETTINGS)

    assert when(seen(_asked(dead("a"), 0.5))) == NOW_S + 1.5
    assert math.isnan(when(seen(_asked(dead("a"), 3.0)))), "it is believed already"
    assert math.isnan(when(seen(dead("a"))))
    assert math.isnan(when(seen(_asked(dead("a"), 0.5), up("a", 1))))
    stopped = StackState({"a": ServiceState(purpose=Purpose.STOPPED)})
    assert math.isnan(when(seen(_asked(dead("a"), 0.5)), stopped))


def test_one_of_several_is_no_word_about_the_service() -> None:
    assert _said(seen(_asked(dead("a"), 3.0), up("a", 1))) == []
    assert _said(seen(_asked(dead("a"), 3.0), dead("a", number=1))) == []


def test_what_is_removed_is_not_wanted() -> None:
    assert _said(seen(up("b")), absent=("b",)) == [("b", Purpose.STOPPED, REMOVED)]
    stopped = StackState({"b": ServiceState(purpose=Purpose.STOPPED, purpose_by=REMOVED)})
    assert _said(seen(dead("b")), stopped, absent=("b",)) == [], "once is enough"


def test_who_starts_it_again_wants_it_but_a_stop_by_everup_stays() -> None:
    def stopped(by: str) -> StackState:
        state = ServiceState(purpose=Purpose.STOPPED, purpose_by=by, purpose_at_s=NOW_S - 2000)
        return StackState({"a": state})

    assert _said(seen(up("a")), stopped("somebody's docker stop")) == [("a", Purpose.RUN, AGAIN)]
    assert _said(seen(up("a")), stopped(REMOVED)) == [("a", Purpose.RUN, AGAIN)]
    assert _said(seen(up("a")), stopped("Ann")) == []


def test_where_stops_are_healed_only_what_is_gone_is_not_wanted() -> None:
    stopped = seen(_asked(dead("a"), 3.0))
    assert meant(HEALED, StackState(), stopped, (), SETTINGS) == []
    (gone,) = meant(HEALED, StackState(), stopped, ("a",), SETTINGS)
    assert gone.by == REMOVED
    looks_s = believed_at_s(HEALED, StackState(), stopped, SETTINGS)
    assert looks_s == NOW_S + 7.0, "whoever replaces it stops it first"
