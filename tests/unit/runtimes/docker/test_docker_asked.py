"""Who asked a container to end: told from the engine's events, and never from calls of our own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from everup.model.kinds import InstanceState
from everup.model.runtime import EventKind
from everup.runtimes.docker.asked import LASTS_S, LATE_S, Asked, signal_name
from everup.runtimes.docker.calls import ENDS_LATE_S, Calls
from everup.runtimes.docker.containers import NANOSECONDS, Container, parse
from everup.runtimes.docker.store import Store
from tests.unit.clocks import StepClock

STARTED_S = 1767323045.0
GRACE_S = 10.0
RUNNING = parse(
    {
        "Id": "a" * 64,
        "Name": "/shop_web_1",
        "State": {"Running": True, "StartedAt": "2026-01-02T03:04:05Z", "Pid": 7},
    }
)
ANEW = replace(RUNNING, started="2026-01-02T03:09:05Z", started_at_s=STARTED_S + 300)


class Place:
    """One container, its engine's events, and the calls of ours."""

    def __init__(self, folder: Path) -> None:
        self.container, self.clock, self.folder = RUNNING, StepClock(STARTED_S), folder
        self.calls = Calls(self.clock)
        self.asked = self.another()

    def another(self) -> Asked:
        """As the next Everup has it."""
        asked = Asked(Store(self.folder), known=lambda _: self.container, ours=self.calls)
        asked.open()
        return asked

    def hear(self, action: str, after_s: float, signal: str = "15") -> None:
        self.clock.at_s = STARTED_S + after_s
        said = {"signal": signal} if action == "kill" else {}
        actor = {"ID": RUNNING.id, "Attributes": said}
        stamp = int(self.clock.at_s * NANOSECONDS)
        self.asked.heard({"Action": action, "Actor": actor, "timeNano": stamp})

    def how(self, container: Container, at_s: float) -> str:
        return self.asked.how(container, STARTED_S + at_s)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def ended(after_s: float, code: int = 143) -> Container:
    return replace(
        RUNNING,
        state=InstanceState.EXITED,
        finished_at_s=STARTED_S + after_s,
        exit_code=code,
    )


def test_a_stop_under_way_is_a_wish_while_it_lasts(place: Place) -> None:
    place.hear("kill", 5)
    assert place.how(RUNNING, 5 + LATE_S) == "docker stop"
    assert place.how(RUNNING, 5 + LASTS_S + 1) == "", "who lives on was not asked to end"
    assert place.how(ended(9, 1), 9) == "docker stop"
    assert place.how(ANEW, 301) == "", "another life"
    assert place.another().how(RUNNING, STARTED_S + 6) == "docker stop"


@pytest.mark.parametrize("signal", ["1", "10", "19", "HUP", "37"])
def test_a_signal_that_asks_for_something_else_is_none(place: Place, signal: str) -> None:
    place.hear("kill", 5, signal)
    assert place.how(RUNNING, 6) == ""
    assert place.how(ended(6, 1), 6) == ""


def test_a_signal_of_its_own_asks_to_end(place: Place) -> None:
    place.container = replace(RUNNING, document={"Config": {"StopSignal": "RTMIN+3"}})
    assert (signal_name("RTMIN+3"), signal_name("37")) == ("SIGRTMIN+3", "SIGRTMIN+3")
    place.hear("kill", 5, "37")
    assert place.how(place.container, 6) == "docker stop"


def test_a_stop_without_a_signal_is_a_wish_for_what_loops(place: Place) -> None:
    place.container = replace(ended(5, 1), state=InstanceState.RESTARTING)
    place.hear("stop", 8)
    assert place.how(ended(5, 1), 9) == "docker stop"
    assert place.another().how(ended(5, 1), STARTED_S + 9) == "docker stop"
    assert place.how(ANEW, 301) == ""


def test_a_stop_that_is_heard_before_the_new_life_is_read_is_of_the_new_life(place: Place) -> None:
    place.hear("kill", 310)
    assert place.how(ANEW, 311) == "docker stop"


def test_a_stop_of_the_life_before_says_nothing_of_the_new_one(place: Place) -> None:
    place.container = ANEW
    place.hear("stop", 299)
    assert place.how(ANEW, 301) == ""


@pytest.mark.parametrize(("code", "how"), [(143, "docker stop"), (1, "")])
def test_a_late_death_is_of_the_signal_only_when_it_looks_so(
    place: Place, code: int, how: str
) -> None:
    place.hear("kill", 5)
    assert place.how(ended(5 + GRACE_S + LATE_S + 1, code), 90) == how
    assert place.how(ended(5 + LASTS_S + 1), 400) == ""
    place.hear("stop", 5 + LASTS_S + 1)
    assert place.how(ended(5 + LASTS_S + 1, code), 400) == "docker stop", "the engine says it"


def test_the_kill_that_ends_the_grace_is_part_of_the_stop(place: Place) -> None:
    place.hear("kill", 5)
    place.hear("kill", 15, "9")
    assert place.how(ended(15, 137), 16) == "docker stop"


def test_a_restart_of_ours_is_nobodys_wish(place: Place) -> None:
    claim = place.calls.claims(
        RUNNING.id, EventKind.DIED, EventKind.STARTED, signal="SIGTERM", is_stop=True
    )
    with claim:
        place.hear("kill", 5)
        place.hear("kill", 15, "9")
        assert place.how(RUNNING, 15) == ""
    place.clock.at_s += ENDS_LATE_S - 1
    place.hear("stop", 16)
    assert place.how(ended(16, 137), 17) == ""
    place.hear("kill", 17)
    assert place.how(RUNNING, 18) == "docker stop", "the next one is not ours"


def test_what_somebody_sends_while_ours_is_under_way_is_theirs(place: Place) -> None:
    mark = place.asked.mark()
    with place.calls.claims(RUNNING.id, EventKind.DIED, signal="SIGTERM"):
        place.hear("kill", 5)
        assert not place.asked.since(RUNNING.id, mark)
        place.hear("kill", 7)
        assert place.asked.since(RUNNING.id, mark)
        place.hear("stop", 9)
    assert place.how(ended(9), 10) == "docker stop"


def test_a_kill_of_ours_is_nobodys_wish(place: Place) -> None:
    with place.calls.claims(RUNNING.id, EventKind.DIED, signal="SIGKILL"):
        place.hear("kill", 5, "9")
    assert place.how(ended(5, 137), 6) == ""
    place.hear("kill", 7, "9")
    assert place.how(ended(7, 137), 8) == "docker kill"
