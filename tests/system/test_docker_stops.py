"""A stop that somebody has under way is theirs; what our own signal ends late is started again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.app import Engine
from everup.model import entries as e
from everup.model.kinds import ActionKind, Condition, Purpose
from everup.model.request import Request, Verb
from tests.docker_engine import BUSYBOX, Docker, call
from tests.system.docker_stack import Shop, actions, condition, told, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

SLOW_S = 90.0
LOOKS_ON_S = 6.0
UNWELL_LASTS_S = 12.0
"""At the pace of these tests several times as long as it takes to believe a check."""
WAITS_LONG_FROM = 4  # each wait is twice as long as the one before: 1.6 s and more by then
TRAP = "trap 'touch /sick; while [ ! -e /go ]; do sleep 0.2; done; exit 0' TERM"
WAITS = f"{TRAP}; while true; do sleep 0.2; done"
CHECK = 'healthcheck: {test: ["CMD-SHELL", "test ! -e /sick"], interval: 1s, retries: 2}'
COMPOSE = f"""
version: "2.4"
services:
  drains:
    image: {BUSYBOX}
    command: ["sh", "-c", "{WAITS}"]
    restart: unless-stopped
    {CHECK}
  loops:
    image: {BUSYBOX}
    command: ["sh", "-c", "sleep 1; exit 3"]
    restart: always
  db:
    image: {BUSYBOX}
    command: ["sh", "-c", "{WAITS}"]
    restart: unless-stopped
    labels: {{everup.stateful: "true"}}
    {CHECK}
  kept:
    image: {BUSYBOX}
    command: ["sleep", "100000"]
    stop_signal: SIGKILL
    labels: {{everup.when_stopped: heal}}
"""


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"stops{abs(hash(tmp_path)) % 10**8}", tmp_path, COMPOSE)
    yield made
    made.compose("down", "-v", "-t", "0")


def _say(shop: Shop, service: str, word: str) -> None:
    call("exec", shop.container(service), "touch", f"/{word}")


async def _stay_down(shop: Shop, engine: Engine, service: str) -> None:
    state = engine.control.state
    await until(
        lambda: engine.control.state.service(service).purpose is Purpose.STOPPED,
        f"the wish is known: {state.service(service)}",
        SLOW_S,
    )
    known = len(await actions(engine))
    await asyncio.sleep(LOOKS_ON_S)
    assert shop.state(service)["Status"] == "exited"
    assert len(await actions(engine)) == known


def test_a_stop_under_way_is_left_alone(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        shop.compose("up", "-d", "drains")
        async with watched(shop, tmp_path) as engine:
            await until(
                lambda: condition(engine, "drains") is Condition.HEALTHY, "it is well", SLOW_S
            )
            stop = asyncio.create_task(asyncio.to_thread(shop.do, "stop", "drains", "-t", "120"))
            await until(
                lambda: condition(engine, "drains") is Condition.UNHEALTHY, "it drains", SLOW_S
            )
            await asyncio.sleep(UNWELL_LASTS_S)
            assert await actions(engine) == []
            assert await told(engine, e.IncidentEscalated) == []
            _say(shop, "drains", "go")
            await stop
            await _stay_down(shop, engine, "drains")
            assert await actions(engine) == []

    asyncio.run(story())


def test_what_crashes_over_and_over_can_be_stopped(shop: Shop, tmp_path: Path) -> None:
    def crashes() -> int:
        return int(shop.docker.inspect(shop.container("loops"))["RestartCount"])

    async def story() -> None:
        shop.compose("up", "-d", "loops")
        await until(lambda: crashes() >= WAITS_LONG_FROM, "its policy waits for long", SLOW_S)
        async with watched(shop, tmp_path) as engine:
            await until(lambda: shop.state("loops")["Restarting"], "its policy waits", SLOW_S)
            before, life = await actions(engine), shop.state("loops")["StartedAt"]
            await asyncio.to_thread(shop.do, "stop", "loops")
            await _stay_down(shop, engine, "loops")
            assert shop.state("loops")["StartedAt"] == life
            assert await actions(engine) == before

    asyncio.run(story())


def test_what_ends_after_the_grace_of_our_restart_is_started(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        shop.compose("up", "-d", "db")
        life = shop.state("db")["StartedAt"]
        async with watched(shop, tmp_path) as engine:
            await until(lambda: condition(engine, "db") is Condition.HEALTHY, "it is well", SLOW_S)
            _say(shop, "db", "sick")
            await until(
                lambda: bool(engine.control.state.service("db").still_ends), "given up", SLOW_S
            )
            assert shop.state("db")["StartedAt"] == life
            _say(shop, "db", "go")
            await until(lambda: shop.lives_anew("db", life), "it is started", SLOW_S)
            assert [action.by for action in await actions(engine)] == ["everup", "everup"]
            assert await told(engine, e.ExitSeen) == []

    asyncio.run(story())


def test_where_its_owner_says_so_a_stop_is_healed_but_for_everups_own(
    shop: Shop, tmp_path: Path
) -> None:
    async def story() -> None:
        shop.compose("up", "-d", "kept")
        async with watched(shop, tmp_path) as engine:
            await until(lambda: engine.control.look is not None, "it was looked at", SLOW_S)
            life = shop.state("kept")["StartedAt"]
            await asyncio.to_thread(shop.do, "stop", "kept")
            await until(lambda: shop.lives_anew("kept", life), "it is started", SLOW_S)
            (intent,) = await actions(engine)
            assert (intent.step.kind, intent.by) == (ActionKind.CONTAINER_RESTART, "everup")
            await until(lambda: not engine.control.state.in_flight, "that is proven", SLOW_S)
            await engine.control.request(Request(Verb.STOP, by="Ann", service="kept"))
            await until(lambda: not shop.state("kept")["Running"], "it is stopped", SLOW_S)
            await _stay_down(shop, engine, "kept")

    asyncio.run(story())
