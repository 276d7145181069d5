"""Who stops a service that others need is told of, once it looks as if it were to stay so."""

from __future__ import annotations

import pytest

from everup.automated_recovery import propose
from everup.loop import incidents
from everup.model.decision import Escalate, Hold, HoldReason
from everup.model.entries import IncidentOpened
from everup.model.kinds import Cause, Purpose
from everup.model.stack import Dependency
from everup.model.state import ServiceState, StackState
from tests.unit.builders import (
    NOW_S,
    SETTINGS,
    assess,
    dead,
    failing,
    seen,
    service,
    settled_memory,
    stack,
)


@pytest.mark.parametrize(("stopped_for_s", "is_told"), [(2.0, False), (12.0, True)])
def test_a_stop_that_may_be_a_replacement_is_not_told_at_once(
    stopped_for_s: float, is_told: bool
) -> None:
    what = stack(service("db"), service("web", depends_on=(Dependency("db"),)))
    stopped = ServiceState(
        purpose=Purpose.STOPPED, purpose_by="ann", purpose_at_s=NOW_S - stopped_for_s
    )
    state = StackState({"db": stopped})
    observation = seen(dead("db", 143), failing("web", times=3, for_s=30))
    found = assess(what, observation, state)
    memory = settled_memory(what)
    closure = {"db": (), "web": ("db",)}
    opened = incidents.follow(
        what, found, state, memory, SETTINGS, NOW_S, _Ids(), closure, frozenset()
    )
    causes = [one.cause for one in opened if isinstance(one, IncidentOpened)]
    assert causes == ([Cause.STOPPED_ON_PURPOSE] if is_told else [])
    answers = propose(what, observation, found, state, memory, SETTINGS)
    (about,) = [answer for answer in answers if answer.service == "db"]
    if is_told:
        assert isinstance(about, Escalate)
    else:
        assert isinstance(about, Hold)
        assert about.reason is HoldReason.STOPPED_ON_PURPOSE
        assert about.until_s == NOW_S - stopped_for_s + SETTINGS.change_quiet_s


class _Ids:
    def new(self, kind: str) -> str:
        return f"{kind}-1"
