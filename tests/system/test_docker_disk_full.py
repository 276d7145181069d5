"""A full volume: its owner's hook frees it, else a person is told soon, and nothing is touched.

The control: a container's own tmpfs is memory, and a restart cures it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.model import entries as e
from everup.model.kinds import ActionKind, Cause
from tests.docker_engine import BUSYBOX, Docker, call
from tests.system.docker_stack import Shop, actions, all_healthy, resolved, told, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

TOLD_WITHIN_S = 30.0
RECOVERED_WITHIN_S = 60.0
ROUNDING_S = 5.0
WRITES = "dd if=/dev/zero of=/data/probe bs=8k count=1 2>/dev/null && rm /data/probe"
COMPOSE = f"""
version: "2.4"
x-app: &app
  image: {BUSYBOX}
  command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
  healthcheck:
    {{interval: 5s, timeout: 2s, retries: 3, test: ["CMD-SHELL", "{WRITES} || {{ rm -f /data/probe; exit 1; }}"]}}
services:
  plain:
    <<: *app
    volumes: ["plain:/data"]
  sharer:
    image: {BUSYBOX}
    command: ["sleep", "100000"]
    volumes: ["plain:/mine"]
  hooked:
    <<: *app
    volumes: ["hooked:/data"]
    labels:
      everup.hook.free_space: "rm -f /data/cache"
  own:
    <<: *app
    tmpfs: ["/data:size=8m"]
volumes:
  plain: {{driver_opts: {{type: tmpfs, device: tmpfs, o: "size=8m"}}}}
  hooked: {{driver_opts: {{type: tmpfs, device: tmpfs, o: "size=8m"}}}}
"""  # noqa: E501


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"disk{abs(hash(tmp_path)) % 10**8}", tmp_path, COMPOSE)
    made.compose("up", "-d")
    yield made
    made.compose("down", "-v", "-t", "0")


def fill(shop: Shop, service: str) -> None:
    """What its owner keeps there, and then all the room there is."""
    line = "echo precious >/data/kept; cat /dev/zero >/data/cache 2>/dev/null; true"
    call("exec", shop.container(service), "sh", "-c", line)


def kept(shop: Shop, service: str) -> str:
    return call("exec", shop.container(service), "cat", "/data/kept")


def test_a_hook_frees_it_or_a_person_is_told(shop: Shop, tmp_path: Path) -> None:
    """At the pace of a real installation, with the owner's check of 5 s, three times."""

    async def story() -> None:
        async with watched(shop, tmp_path, time_scale=1.0) as engine:
            await all_healthy(engine)
            lives = {n: shop.state(n)["StartedAt"] for n in ("plain", "sharer", "hooked")}
            began_s = time.time()
            fill(shop, "plain")
            fill(shop, "hooked")
            size = call("exec", shop.container("plain"), "wc", "-c", "/data/cache")

            await until(
                lambda: engine.control.state.service("plain").with_a_person is not None,
                "a person is told",
                TOLD_WITHIN_S + ROUNDING_S,
            )
            (escalated,) = await told(engine, e.IncidentEscalated)
            assert escalated.at_s - began_s < TOLD_WITHIN_S
            assert "plain at /data is full" in escalated.case
            assert "sharer at /mine" in escalated.case

            await resolved(engine, 1, RECOVERED_WITHIN_S)
            (healed,) = await told(engine, e.IncidentResolved)
            assert healed.at_s - began_s < RECOVERED_WITHIN_S
            (done,) = await actions(engine)
            assert (done.step.target, done.step.kind) == ("hooked", ActionKind.CACHE_CLEAR)
            assert done.cause is Cause.DISK_FULL
            (proof,) = await told(engine, e.Verified)
            assert proof.has_passed
            assert "has room" in proof.reason

            assert lives == {n: shop.state(n)["StartedAt"] for n in lives}, "nobody is restarted"
            assert call("exec", shop.container("plain"), "wc", "-c", "/data/cache") == size
            assert kept(shop, "plain") == kept(shop, "hooked") == "precious"

            call("exec", shop.container("plain"), "rm", "/data/cache")
            await until(
                lambda: engine.control.state.service("plain").with_a_person is None,
                "it is in our care again once a person made room",
                60,
            )
            assert len(await told(engine, e.IncidentEscalated)) == 1

    asyncio.run(story())


def test_a_containers_own_tmpfs_is_cured_by_a_restart(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            fill(shop, "own")
            await resolved(engine, 1)
            (done,) = await actions(engine)
            assert (done.step.target, done.step.kind) == ("own", ActionKind.GRACEFUL_RESTART)
            assert done.cause is not Cause.DISK_FULL

    asyncio.run(story())
