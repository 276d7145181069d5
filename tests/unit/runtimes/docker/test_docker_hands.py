"""What somebody stops while we act on it is not started by us."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from everup.model.errors import NotWanted, StillEnds
from everup.model.runtime import EventKind
from everup.runtimes.docker.calls import Calls
from everup.runtimes.docker.containers import parse
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.hands import Hands
from tests.unit.clocks import StepClock

ID = "a" * 64


class World:
    """One container: it runs, and hears its signal or does not."""

    def __init__(
        self, *, is_running: bool = True, hears: bool = True, is_paused: bool = False
    ) -> None:
        self.is_running, self.hears, self.is_paused = is_running, hears, is_paused
        self.did: list[str] = []
        clock = StepClock()
        self.calls = Calls(clock)
        self.hands = Hands(cast(Engine, self), clock, self.calls)

    def document(self) -> dict[str, Any]:
        state: dict[str, Any] = {"Running": self.is_running, "StartedAt": "2026-01-02T03:04:05Z"}
        state |= {"Paused": self.is_paused and self.is_running}
        return {"Id": ID, "Name": "/web", "State": state}

    async def get(self, path: str) -> dict[str, Any]:
        return self.document()

    async def call(self, method: str, path: str, **_: Any) -> None:
        verb = path.rpartition("/")[2]
        self.did.append(verb)
        self.is_running = verb in ("start", "restart") or not self.hears

    def restart(self, *, may_kill: bool, asked_after: int) -> str:
        """Somebody asks it to end after so many calls of ours."""
        return asyncio.run(
            self.hands.restart(
                parse(self.document()),
                5.0,
                may_kill=may_kill,
                meanwhile=lambda _: len(self.did) >= asked_after,
            )
        )


@pytest.mark.parametrize("may_kill", [True, False])
@pytest.mark.parametrize("is_running", [True, False])
def test_what_is_being_stopped_is_not_touched(may_kill: bool, is_running: bool) -> None:
    world = World(is_running=is_running)
    with pytest.raises(NotWanted):
        world.restart(may_kill=may_kill, asked_after=0)
    assert world.did == []


def test_what_somebody_stops_in_the_grace_is_not_started() -> None:
    world = World()
    with pytest.raises(NotWanted):
        world.restart(may_kill=False, asked_after=1)
    assert world.did == ["kill"]


def test_what_nobody_stops_is_started() -> None:
    world = World()
    world.restart(may_kill=False, asked_after=9)
    assert world.did == ["kill", "start"]
    world.restart(may_kill=True, asked_after=9)
    assert world.did[-1] == "restart"


def test_what_outlives_its_grace_is_named() -> None:
    world = World(hears=False)
    with pytest.raises(StillEnds) as caught:
        world.restart(may_kill=False, asked_after=9)
    assert caught.value.instance == "web"
    assert world.did == ["kill"]


@pytest.mark.parametrize("is_paused", [True, False])
def test_that_the_engine_lets_a_paused_one_go_on_to_end_it_is_ours(is_paused: bool) -> None:
    world = World(hears=True, is_paused=is_paused)
    asyncio.run(world.hands.stop(parse(world.document()), 5.0, may_kill=True))
    assert world.did == ["stop"]
    assert world.calls.is_ours(ID, EventKind.CHANGED) == is_paused
    assert world.calls.is_ours(ID, EventKind.DIED)
