"""A file that a container reads is broken, and none of its files is kept: one restart of each kind
at most, then a person."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.model import entries as e
from everup.model.kinds import ActionKind
from tests.docker_engine import BUSYBOX, Docker
from tests.system.docker_stack import Shop, actions, all_healthy, told, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

TOLD_WITHIN_S = 120.0  # at 0.3 of the usual pace
COMPOSE = """
version: "2.4"
services:
  app:
    image: {image}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    volumes: ["{folder}:/config:ro"]
    labels: {{everup.config_files: none}}
    healthcheck:
      interval: 1s
      timeout: 1s
      retries: 3
      test: ["CMD-SHELL", "grep -q good /config/app || {{ echo HTTP/1.1 503 no; exit 1; }}"]
"""


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "app").write_text("good", encoding="utf-8")
    compose = COMPOSE.format(image=BUSYBOX, folder=folder)
    made = Shop(docker, f"file{abs(hash(tmp_path)) % 10**8}", tmp_path, compose)
    made.compose("up", "-d")
    yield made
    made.compose("down", "-v", "-t", "0")


def test_a_person_gets_the_case_of_a_broken_file(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            (tmp_path / "config" / "app").write_text("broken", encoding="utf-8")
            began_s = time.time()
            await until(
                lambda: engine.control.state.service("app").with_a_person is not None,
                "a person is told",
                200,
            )
            (escalated,) = await told(engine, e.IncidentEscalated)
            assert "HTTP/1.1 503 no" in escalated.case
            assert escalated.at_s - began_s < TOLD_WITHIN_S
            for verified in await told(engine, e.Verified):
                assert verified.reason.startswith("it is unhealthy again")
            kinds = [a.step.kind for a in await actions(engine)]
            assert kinds == [ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART]

    asyncio.run(story())
