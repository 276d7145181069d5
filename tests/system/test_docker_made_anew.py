"""A container that somebody made anew as something else: held at once, and read anew."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.app.newcomers import changed, newcomers
from everup.model import entries as e
from everup.safety import freezes_in_force
from tests.docker_engine import BUSYBOX, Docker
from tests.system.docker_stack import Shop, actions, told, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

COMPOSE = f"""
version: "2.4"
services:
  web:
    image: {BUSYBOX}
    command: ["sleep", "100000"]
"""
HELD = '    labels: {everup.freeze: "moving"}\n    volumes: ["/data"]\n'


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, "anew", tmp_path, COMPOSE)
    made.compose("up", "-d")
    yield made
    made.compose("down", "-v", "-t", "0")


def test_a_freeze_and_a_volume_that_came_later_count(shop: Shop, tmp_path: Path) -> None:
    asyncio.run(_made_anew(shop, tmp_path))


async def _made_anew(shop: Shop, tmp_path: Path) -> None:
    async with watched(shop, tmp_path) as engine:
        control = engine.control
        assert not control.stack.services["web"].is_stateful
        text = COMPOSE.replace('"100000"]', '"1"]') + HELD
        shop.file.write_text(text.replace('["sleep", "1"]', '["sh", "-c", "sleep 1; exit 1"]'))
        coming = asyncio.create_task(newcomers(engine.loaded, os.environ))
        await asyncio.to_thread(shop.compose, "up", "-d", "-t", "0")

        def frozen() -> list[str]:
            look = control.look
            if look is None:
                return []
            found = freezes_in_force(control.stack, control.state, look.observation, look.at_s)
            return [freeze.reason for freeze in found]

        await until(lambda: frozen() == ["label everup.freeze: moving"], "the freeze", 90.0)
        now = await asyncio.wait_for(coming, 90.0)
        assert changed(now, engine.loaded) == ("web",)
        web = now.stack.services["web"]
        assert (web.is_stateful, web.frozen_by_label) == (True, "label everup.freeze: moving")
        assert shop.state("web")["Status"] == "exited"
        assert await told(engine, e.ExitSeen)
        assert await actions(engine) == []
