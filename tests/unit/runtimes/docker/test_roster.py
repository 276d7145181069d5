"""What is heard of a container while it is being read is not lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from everup.runtimes.docker.containers import Container
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.roster import Roster
from tests.unit.runtimes.docker.discovery.worlds import document
from tests.unit.runtimes.docker.fake_engine import Hour

HEALTH = {
    "Status": "healthy",
    "FailingStreak": 0,
    "Log": [
        {
            "Start": "2026-01-02T03:04:06Z",
            "End": "2026-01-02T03:04:07Z",
            "ExitCode": 0,
            "Output": "fine",
        }
    ],
}
MADE = document(
    "web",
    labels={"com.docker.compose.project": "shop"},
    config={"Healthcheck": {"Test": ["CMD-SHELL", "true"]}},
)
DOCUMENT = {**MADE, "State": {**MADE["State"], "Health": HEALTH}}
ID = DOCUMENT["Id"]
LINE = {
    "Id": ID,
    "State": "running",
    "Status": "Up 5 minutes",
    "Labels": DOCUMENT["Config"]["Labels"],
}
AT_S = 1_767_323_050.0


class Door:
    """One container; `meanwhile` happens while its document is under way."""

    def __init__(self) -> None:
        self.lists = self.read = self.changes = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def call(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        self.lists += 1
        return [LINE]

    async def get(self, _: str) -> dict[str, Any]:
        self.read += 1
        self.meanwhile()
        return DOCUMENT


class Stand:
    """A roster over one container, and what it asked for."""

    def __init__(self) -> None:
        self.door, self.clock = Door(), Hour()
        self.roster = Roster(cast("Engine", self.door), self.clock, "shop", ["web"])

    def look(self, after_s: float = 5.0) -> Container:
        self.clock.now_s += after_s
        (found,) = asyncio.run(self.roster.read())
        return found

    def hear(self, action: str, of: str = ID, **attributes: str) -> None:
        stamp = int(AT_S * 1e9)
        actor = {"ID": of, "Attributes": attributes}
        self.roster.heard({"Action": action, "Actor": actor, "timeNano": stamp})

    def check(self, command: str = "/bin/sh -c true", code: str = "0") -> None:
        self.hear(f"exec_create: {command}", execID="e1")
        self.hear(f"exec_start: {command}", execID="e1")
        self.hear("exec_die", execID="e1", exitCode=code)


def reads(meanwhile: Callable[[Roster], None]) -> int:
    """How often its document is read by two looks in a row."""
    stand = Stand()
    stand.door.meanwhile = lambda: meanwhile(stand.roster)
    assert stand.look().service == "web"
    stand.door.meanwhile = lambda: None
    stand.look()
    return stand.door.read


def test_what_is_known_is_not_read_again() -> None:
    assert reads(lambda _: None) == 1


def test_an_event_while_it_is_read_has_it_read_again() -> None:
    assert reads(lambda roster: roster.heard({"Actor": {"ID": ID}})) == 2


def test_a_break_while_it_is_read_has_it_read_again() -> None:
    assert reads(lambda roster: roster.forget_all()) == 2


def test_an_event_of_another_one_does_not() -> None:
    assert reads(lambda roster: roster.heard({"Actor": {"ID": "another"}})) == 1


def test_a_check_that_passes_again_is_believed_without_asking() -> None:
    stand = Stand()
    stand.look()
    stand.check()
    check = stand.look().check
    assert check is not None
    assert (check.answers[-1].ended_s, check.answers[-1].code) == (AT_S, 0)
    assert stand.door.read == 1


@pytest.mark.parametrize(
    ("command", "code"), [("/bin/sh -c true", "1"), ("sh", "0"), ("/bin/sh -c true", "137")]
)
def test_whatever_else_is_run_in_it_has_it_read_anew(command: str, code: str) -> None:
    stand = Stand()
    stand.look()
    stand.check(command, code)
    stand.look()
    assert stand.door.read == 2


def test_one_that_left_its_network_is_read_anew() -> None:
    stand = Stand()
    stand.look()
    actor = {"ID": "net", "Attributes": {"container": ID}}
    stand.roster.heard({"Type": "network", "Action": "disconnect", "Actor": actor})
    stand.look()
    assert stand.door.read == 2


def test_the_list_is_asked_for_every_second_time_while_nothing_is_heard() -> None:
    stand = Stand()
    stand.check()
    for _ in range(8):
        stand.look()
    assert stand.door.lists == 4


def test_a_list_is_asked_for_until_an_event_has_settled() -> None:
    stand = Stand()
    stand.check()
    stand.look()
    stand.hear("die", of="another")
    for after_s, lists in ((0.1, 2), (1.0, 3), (1.0, 4), (1.0, 5), (1.0, 5)):
        stand.look(after_s)
        assert stand.door.lists == lists


def test_after_a_call_of_ours_the_list_is_asked_for() -> None:
    stand = Stand()
    stand.check()
    stand.look()
    stand.door.changes += 1
    stand.look(0.1)
    assert stand.door.lists == 2
    stand.look(0.1)
    assert stand.door.lists == 2


def test_while_nothing_can_be_heard_every_look_asks() -> None:
    stand = Stand()
    stand.check()
    stand.look()
    stand.roster.forget_all()
    for _ in range(3):
        stand.look(0.1)
    assert stand.door.lists == 4
