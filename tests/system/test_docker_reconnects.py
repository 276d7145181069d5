"""Who stays sick after what it needs was healed: its hook, or a restart, on real containers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.app import Engine
from everup.model.kinds import ActionKind, Condition
from tests.docker_engine import BUSYBOX, Docker, call
from tests.system.docker_stack import Shop, actions, all_healthy, condition, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

PATIENCE_S = 120.0  # of a machine that does much else
# Loses its connection for good when the database is gone for a moment.
_LOSES = (
    "rm -f /tmp/lost; while true; do wget -q -O /dev/null http://db:8080/ || touch /tmp/lost;"
    " sleep 1; done"
)
COMPOSE = f"""
version: "2.4"
x-user: &user
  image: {BUSYBOX}
  command: ["sh", "-c", "{_LOSES}"]
  stop_grace_period: 1s
  depends_on: [db]
  healthcheck: {{interval: 1s, timeout: 1s, retries: 3, test: ["CMD-SHELL", "test ! -e /tmp/lost"]}}
services:
  db:
    image: {BUSYBOX}
    command: ["sh", "-c", "mkdir -p /www; echo hi >/www/index.html; exec httpd -f -p 8080 -h /www"]
    healthcheck: {{interval: 1s, timeout: 1s, retries: 3, test: ["CMD", "true"]}}
  asks:
    <<: *user
    labels: {{everup.hook.reconnect: "rm -f /tmp/lost"}}
  restarts:
    <<: *user
"""


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"lost{abs(hash(tmp_path)) % 10**8}", tmp_path)
    made.file.write_text(COMPOSE, encoding="utf-8")
    made.compose("up", "-d")
    yield made
    made.compose("down", "-v", "-t", "0")


def _asks(shop: Shop, service: str) -> bool:
    return "wget" in call("top", shop.container(service))


async def _acted_upon(engine: Engine, service: str) -> None:
    deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
    while service not in {a.step.target for a in await actions(engine)}:
        assert asyncio.get_running_loop().time() < deadline_s, f"nothing is done for {service}"
        await asyncio.sleep(0.2)


def test_the_hook_or_a_restart_after_the_root_is_healed(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            lives = {name: shop.state(name)["StartedAt"] for name in ("asks", "restarts")}
            await asyncio.to_thread(shop.do, "kill", "db", "-s", "STOP")
            await asyncio.sleep(1)  # what it had answered is read
            await until(lambda: all(_asks(shop, name) for name in lives), "both wait for an answer")
            shop.crash("db")  # which cuts them off
            await _acted_upon(engine, "restarts")
            await until(
                lambda: all(condition(engine, n) is Condition.HEALTHY for n in lives),
                "both are well again",
                PATIENCE_S,
            )
            done = [(a.step.target, a.step.kind) for a in await actions(engine)]
            recovered = ActionKind.DEPENDENCY_RECOVERY
            assert done[0][0] == "db", "the root first"
            if ("asks", recovered) in done:
                assert shop.state("asks")["StartedAt"] == lives["asks"], "the hook restarts nothing"
            assert {kind for target, kind in done if target != "db"} == {recovered}
            assert ("restarts", recovered) in done
            assert shop.state("restarts")["StartedAt"] != lives["restarts"]

    asyncio.run(story())
