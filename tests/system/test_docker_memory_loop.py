"""A service that is killed again and again for lack of memory gets more, and keeps what it needs."""
# ruff: noqa: E501

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.model.kinds import ActionKind, Condition
from tests.docker_engine import BUSYBOX, Docker
from tests.system.docker_stack import Shop, actions, condition, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

MIB = 1024 * 1024
COMPOSE = f"""
version: "2.4"
services:
  eater:
    image: {BUSYBOX}
    mem_limit: 24m
    memswap_limit: 24m
    tmpfs: [/ram]
    command: ["sh", "-c", "sleep 3; dd if=/dev/zero of=/ram/x bs=1M count=60 2>/dev/null || exit 1; sleep 100000"]
"""


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"eater{abs(hash(tmp_path)) % 10**8}", tmp_path)
    made.file.write_text(COMPOSE, encoding="utf-8")
    yield made
    made.compose("down", "-v", "-t", "0")


def test_a_limit_that_is_too_small_is_raised_and_stays_while_it_is_needed(
    shop: Shop, tmp_path: Path
) -> None:
    async def story() -> None:
        shop.compose("up", "-d")
        async with watched(shop, tmp_path) as engine:
            await until(
                lambda: any(
                    p.kind is ActionKind.SCALE_UP and p.has_passed
                    for p in engine.control.state.service("eater").past
                ),
                "its limit was raised, and that was proven to help",
                150,
            )
            kinds = [a.step.kind for a in await actions(engine)]
            assert kinds[-1] is ActionKind.SCALE_UP
            assert set(kinds[:-1]) == {ActionKind.CONTAINER_RESTART}, "first it is just started"
            assert condition(engine, "eater") is Condition.HEALTHY
        host = shop.docker.inspect(shop.container("eater"))["HostConfig"]
        assert host["Memory"] == host["MemorySwap"] == 124 * MIB, "it is needed, so it stays"

    asyncio.run(story())
