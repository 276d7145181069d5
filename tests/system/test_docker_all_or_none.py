"""All containers of a service go back, or none: where one cannot, the others are as before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.model.errors import GiveUp
from tests.docker_engine import BUSYBOX, Docker, call
from tests.system.docker_stack import Shop, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

COMPOSE = f"""
version: "2.4"
services:
  web:
    image: {BUSYBOX}
    environment: {{COLOUR: green}}
    stop_grace_period: 1s
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
"""


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"all{abs(hash(tmp_path)) % 10**8}", tmp_path, COMPOSE)
    made.compose("up", "-d", "--scale", "web=2")
    yield made
    made.compose("down", "-v", "-t", "0")


def _alike_with_a_volume_more(shop: Shop, name: str) -> None:
    """Somebody makes the second one anew, with data that going back would lose."""
    labels = shop.docker.inspect(name)["Config"]["Labels"]
    call("rm", "-f", name)
    said = [f"--label={key}={value}" for key, value in labels.items()]
    network = f"{shop.name}_default"
    script = "trap 'exit 0' TERM; sleep 100000 & wait"
    call(
        *("run", "-d", "--name", name, "--network", network, *said, "-v", "/more"),
        *("-e", "COLOUR=blue", BUSYBOX, "sh", "-c", script),
    )


def test_where_the_second_cannot_go_back_the_first_is_as_it_was(shop: Shop, tmp_path: Path) -> None:
    first, second = (f"{shop.name}_web_{number}" for number in (1, 2))

    async def story() -> None:
        async with watched(shop, tmp_path, mode="observe") as engine:
            runtime = engine.control.runtime
            green = await runtime.capture("web")
            text = shop.file.read_text().replace("green", "blue")
            shop.file.write_text(text, encoding="utf-8")
            shop.compose("up", "-d", "--scale", "web=2")
            _alike_with_a_volume_more(shop, second)
            before = [shop.docker.inspect(name) for name in (first, second)]
            with pytest.raises(GiveUp, match="volume"):
                await runtime.restore(green, grace_s=1.0)
            after = [shop.docker.inspect(name) for name in (first, second)]
            assert [one["Id"] for one in after] == [one["Id"] for one in before]
            assert all(one["State"]["Running"] for one in after)
            assert all("COLOUR=blue" in one["Config"]["Env"] for one in after)

            call("rm", "-f", "-v", second)
            shop.compose("up", "-d", "--no-recreate", "--scale", "web=2")
            await runtime.restore(green, grace_s=1.0)
            after = [shop.docker.inspect(name) for name in (first, second)]
            assert all("COLOUR=green" in one["Config"]["Env"] for one in after)

    asyncio.run(story())
