"""On the real engine: the sick one of two containers is cut off of Everup's own accord, where its
owner lets it and its cure is not at hand, and connected again when it is well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.app import Engine
from everup.model import entries as e
from everup.model.episode import Ending
from everup.model.kinds import ActionKind, Origin
from tests.docker_engine import BUSYBOX, Docker, call
from tests.system.docker_stack import Shop, all_healthy, told, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

SCALE = 0.1
COMPOSE = f"""
version: "2.4"
services:
  web:
    image: {BUSYBOX}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    labels:
      everup.mode.graceful_restart: observe
      everup.mode.container_restart: observe
      everup.mode.isolate: auto
    healthcheck:
      test: ["CMD", "test", "!", "-e", "/tmp/sick"]
      interval: 1s
      timeout: 1s
      retries: 2
  front:
    image: {BUSYBOX}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    depends_on: [web]
    healthcheck: {{test: ["CMD", "true"], interval: 1s, timeout: 1s, retries: 2}}
"""


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"mit{abs(hash(tmp_path)) % 10**8}", tmp_path, COMPOSE)
    made.compose("up", "-d", "--scale", "web=2")
    yield made
    made.compose("down", "-v", "-t", "0")


async def proven(engine: Engine, kind: ActionKind) -> list[e.Intended]:
    passed = {v.action_id for v in await told(engine, e.Verified) if v.has_passed}
    found = await told(engine, e.Intended)
    return [i for i in found if i.step.kind is kind and i.action_id in passed]


async def wait_for(engine: Engine, kind: ActionKind, patience_s: float) -> e.Intended:
    deadline_s = asyncio.get_running_loop().time() + patience_s
    while not (found := await proven(engine, kind)):
        assert asyncio.get_running_loop().time() < deadline_s, engine.control.mitigations.standing
        await asyncio.sleep(0.2)
    return found[0]


def test_the_sick_one_of_two_is_cut_off_and_comes_back(shop: Shop, tmp_path: Path) -> None:
    sick = shop.container("web")

    def networks() -> list[str]:
        return list(shop.docker.inspect(sick)["NetworkSettings"]["Networks"])

    async def story() -> None:
        async with watched(shop, tmp_path, time_scale=SCALE) as engine:
            await all_healthy(engine)
            before = networks()
            assert before
            call("exec", sick, "touch", "/tmp/sick")
            cut = await wait_for(engine, ActionKind.ISOLATE, 60.0)
            assert (cut.origin, cut.step.instance) == (Origin.MITIGATION, sick)
            assert networks() == []
            (held,) = engine.control.state.mitigated.values()
            assert held.because == "web"
            call("exec", sick, "rm", "/tmp/sick")
            back = await wait_for(engine, ActionKind.REJOIN, 60.0)
            assert back.step.undoes == cut.action_id
            assert networks() == before
            assert not engine.control.state.mitigated
            await until(lambda: not engine.control.state.incidents, "its incident ends")
            kinds = {i.step.kind for i in await told(engine, e.Intended)}
            assert kinds == {ActionKind.ISOLATE, ActionKind.REJOIN}, "nobody was restarted"
            assert not await told(engine, e.InstancesCounted), "nobody has changed their number"
            (ended,) = await told(engine, e.EpisodeEnded)
            assert ended.ending is Ending.UNCLEAR, "it was no natural end to learn from"

    asyncio.run(story())
