"""The control suite on containers: what looks sick and is not. Any action is wrong.

In real time, since what lasts shorter than a proof of a hang lasts real seconds. At its end a real
fault is healed, so that nobody passes by being asleep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from everup.app import Engine
from everup.model.kinds import Condition
from tests.docker_engine import BUSYBOX, Docker
from tests.system.docker_stack import (
    ASK,
    SERVE,
    Shop,
    actions,
    condition,
    crash_is_healed,
    until,
    watched,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PAUSE_S = 6.0
LOOKS_ON_S = 9.0
WELL_WITHIN_S = 90.0
CHECK = "interval: 1s, timeout: 5s, retries: 3"
COMPOSE = f"""
version: "2.4"
services:
  db:
    image: {BUSYBOX}
    command: ["sh", "-c", "trap 'exit 0' TERM; {SERVE.replace("exec ", "")} & wait"]
    healthcheck:
      test: ["CMD-SHELL", "{ASK.format(host="127.0.0.1").replace(chr(92), chr(92) * 2)}"]
      {CHECK.replace(", ", chr(10) + "      ")}
  web:
    image: {BUSYBOX}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    depends_on: [db]
    healthcheck:
      test: ["CMD-SHELL", "{ASK.format(host="db").replace(chr(92), chr(92) * 2)}"]
      {CHECK.replace(", ", chr(10) + "      ")}
  migration:
    image: {BUSYBOX}
    command: ["sh", "-c", "sleep 3"]
"""


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"controls{abs(hash(tmp_path)) % 10**8}", tmp_path, COMPOSE)
    made.compose("up", "-d")
    yield made
    made.compose("down", "-v", "-t", "0")


async def _well(engine: Engine) -> None:
    await until(
        lambda: all(condition(engine, name) is Condition.HEALTHY for name in ("db", "web")),
        "both are well",
        WELL_WITHIN_S,
    )


async def _paused(shop: Shop, service: str) -> None:
    """The kernel of a busy machine may fail to freeze who is just starting a check."""
    for _ in range(20):
        with suppress(AssertionError):
            shop.do("pause", service)
        if shop.state(service)["Paused"]:
            return
        await asyncio.sleep(0.3)
    raise AssertionError(f"{service} cannot be paused")


def test_what_looks_sick_and_is_not(shop: Shop, tmp_path: Path) -> None:
    def compose(*arguments: str) -> asyncio.Future[str]:
        return asyncio.ensure_future(asyncio.to_thread(shop.compose, *arguments))

    async def untouched(what: str) -> None:
        await asyncio.sleep(LOOKS_ON_S)
        assert await actions(engine) == [], what

    engine: Engine

    async def story() -> None:
        nonlocal engine
        async with watched(shop, tmp_path, time_scale=1.0) as engine:
            await _well(engine)

            shop.do("kill", "db", "-s", "STOP")
            await asyncio.sleep(PAUSE_S)
            shop.do("kill", "db", "-s", "CONT")
            await untouched("a pause of 6 s")
            await _well(engine)

            assert shop.state("migration")["ExitCode"] == 0
            await untouched("a one-shot that ended with 0")

            await compose("up", "-d", "--force-recreate", "--no-deps", "-t", "1", "db")
            await untouched("a rolling up")
            await _well(engine)

            await _paused(shop, "db")
            await until(lambda: condition(engine, "db") is Condition.PAUSED, "it is paused")
            await untouched("docker pause, with somebody who suffers")
            shop.do("unpause", "db")
            await _well(engine)

            shop.do("stop", "db", "-t", "1")
            await untouched("docker stop, with somebody who suffers")
            shop.do("start", "db")
            await _well(engine)

            await crash_is_healed(shop, "db")
            assert {action.step.target for action in await actions(engine)} == {"db"}

    asyncio.run(story())
