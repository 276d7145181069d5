"""A Compose project that nobody described: what broke is healed, what is meant is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.model.kinds import ActionKind, Condition, Purpose
from tests.docker_engine import Docker
from tests.system.docker_stack import (
    Shop,
    actions,
    all_healthy,
    condition,
    resolved,
    until,
    watched,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

QUIET_S = 6.0


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"shop{abs(hash(tmp_path)) % 10**8}", tmp_path)
    made.compose("up", "-d")
    yield made
    made.compose("down", "-v", "-t", "0")


def test_faults_are_healed_root_first(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            stack = engine.control.stack
            assert set(stack.services) == {"db", "web", "again", "hungry"}
            assert [edge.target for edge in stack.services["web"].depends_on] == ["db"]
            await all_healthy(engine)

            shop.crash("db")
            await until(lambda: shop.state("db")["Running"], "db is started", 10)
            await resolved(engine, 1)

            shop.do("kill", "db", "-s", "STOP")
            await resolved(engine, 2)
            await until(lambda: condition(engine, "web") is Condition.HEALTHY, "web is well")
            assert shop.state("db")["Health"]["Status"] == "healthy"

            done = [(a.step.target, a.step.kind) for a in await actions(engine)]
            assert [target for target, _ in done] == ["db", "db"], "a victim was touched"
            assert done[0][1] is ActionKind.CONTAINER_RESTART

    asyncio.run(story())


def test_what_is_meant_is_left_alone(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            shop.do("stop", "web", "-t", "2")
            shop.do("pause", "hungry")
            shop.do("rm", "again", "-f")
            shop.compose("rm", "-f", "again")

            def is_understood() -> bool:
                state = engine.control.state
                stopped = [
                    s for s in ("web", "again") if state.service(s).purpose is Purpose.STOPPED
                ]
                return len(stopped) == 2 and condition(engine, "hungry") is Condition.PAUSED

            await until(is_understood, "the wishes are seen")
            await asyncio.sleep(QUIET_S)
            assert await actions(engine) == []

            shop.do("unpause", "hungry")
            shop.do("start", "web")
            await until(
                lambda: engine.control.state.service("web").purpose is Purpose.RUN,
                "whoever starts it wants it to run",
            )
            shop.crash("web")
            await until(lambda: shop.state("web")["Running"], "web is started", 15)

    asyncio.run(story())


def test_the_engines_restart_policy_goes_first(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            shop.crash("again")
            await until(lambda: shop.state("again")["Running"], "its policy starts it", 10)

            await asyncio.sleep(QUIET_S)
            assert [a for a in await actions(engine) if a.step.target == "again"] == []

    asyncio.run(story())


def test_observing_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        before = shop.docker.inspect(shop.container("db"))
        async with watched(shop, tmp_path, mode="observe") as engine:
            await all_healthy(engine)
            shop.crash("db")
            await until(lambda: condition(engine, "db") is Condition.DOWN, "it is seen to be down")
            await asyncio.sleep(QUIET_S)
            assert await actions(engine) == []
            assert not shop.state("db")["Running"]
        after = shop.docker.inspect(shop.container("db"))
        assert after["Config"] == before["Config"]
        assert after["HostConfig"] == before["HostConfig"]

    asyncio.run(story())
