"""What is heard of a container while it is being read is not lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.roster import Roster
from tests.unit.runtimes.docker.discovery.worlds import document
from tests.unit.runtimes.docker.fake_engine import Hour

DOCUMENT = document("web", labels={"com.docker.compose.project": "shop"})
LINE = {
    "Id": DOCUMENT["Id"],
    "State": "running",
    "Status": "Up 5 minutes",
    "Labels": DOCUMENT["Config"]["Labels"],
}


class Door:
    """One container; `meanwhile` happens while its document is under way."""

    def __init__(self) -> None:
        self.read = 0
        self.meanwhile: Callable[[], None] = lambda: None

    async def call(self, *_: Any, **__: Any) -> list[dict[str, Any]]:
        return [LINE]

    async def get(self, _: str) -> dict[str, Any]:
        self.read += 1
        self.meanwhile()
        return DOCUMENT


def reads(meanwhile: Callable[[Roster], None]) -> int:
    """How often its document is read by two looks in a row."""
    door = Door()
    roster = Roster(cast("Engine", door), Hour(), "shop", ["web"])
    door.meanwhile = lambda: meanwhile(roster)

    async def story() -> None:
        assert [c.service for c in await roster.read()] == ["web"]
        door.meanwhile = lambda: None
        await roster.read()

    asyncio.run(story())
    return door.read


def test_what_is_known_is_not_read_again() -> None:
    assert reads(lambda _: None) == 1


def test_an_event_while_it_is_read_has_it_read_again() -> None:
    assert reads(lambda roster: roster.heard({"Actor": {"ID": DOCUMENT["Id"]}})) == 2


def test_a_break_while_it_is_read_has_it_read_again() -> None:
    assert reads(lambda roster: roster.forget_all()) == 2


def test_an_event_of_another_one_does_not() -> None:
    assert reads(lambda roster: roster.heard({"Actor": {"ID": "another"}})) == 1
