"""Who stops a service that others need is told of, once it looks as if it were to stay so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.automated_recovery import propose
from everup.loop import incidents
from everup.model.decision import Escalate, Hold, HoldReason, Proposal
from everup.model.entries import IncidentOpened
from everup.model.kinds import Cause, DependencyKind, Purpose
from everup.model.observation import Exit
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
    up,
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


def test_who_hears_of_it_hears_of_those_too_that_do_not_show_it_yet() -> None:
    soft = Dependency("db", DependencyKind.SOFT)
    what = stack(
        service("db"),
        service("web", depends_on=(Dependency("db"),)),
        service("api", depends_on=(Dependency("web"),)),
        service("chart", depends_on=(soft,)),
    )
    assert what.who_needs("db") == ("api", "web")
    stopped = ServiceState(purpose=Purpose.STOPPED, purpose_by="ann", purpose_at_s=NOW_S - 12.0)
    state = StackState({"db": stopped})
    observation = seen(dead("db", 143), failing("web", times=3, for_s=30), up("api"), up("chart"))
    found, memory = assess(what, observation, state), settled_memory(what)
    (about,) = propose(what, observation, found, state, memory, SETTINGS)[:1]
    assert isinstance(about, Escalate)
    assert "Suffering: web; also needed by api. To bring it back" in about.text
    (opened,) = incidents.follow(
        what, found, state, memory, SETTINGS, NOW_S, _Ids(), {}, frozenset()
    )
    assert isinstance(opened, IncidentOpened)
    assert opened.reason.endswith("also needed by api")


@pytest.mark.parametrize(
    ("asked", "for_s"), [("docker stop", 1.0), ("docker stop", 12.0), ("", 1.0)]
)
def test_nobody_is_asked_at_once_about_what_somebody_asked_to_end(asked: str, for_s: float) -> None:
    what = stack(service("db"), service("web", depends_on=(Dependency("db"),)))
    gone = dead("db", 0)
    end = Exit(NOW_S - for_s, 0, was_witnessed=bool(asked), asked=asked)
    gone = replace(gone, instance=replace(gone.instance, exit=end))
    observation = seen(gone, failing("web", times=3, for_s=30))
    found, state = assess(what, observation), StackState()
    assert found.relations.findings["db"].is_presumed_meant
    answers = propose(what, observation, found, state, settled_memory(what), SETTINGS)
    (about,) = [answer for answer in answers if answer.service == "db"]
    if asked and for_s < SETTINGS.change_quiet_s:
        assert isinstance(about, Hold)
        assert about.reason is HoldReason.STOPPED_ON_PURPOSE
        assert about.until_s == NOW_S - for_s + SETTINGS.change_quiet_s
    else:
        assert isinstance(about, Proposal)
        assert about.must_ask


class _Ids:
    def new(self, kind: str) -> str:
        return f"{kind}-1"
