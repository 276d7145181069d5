"""An engine that hangs or starts anew is the engine's fault: nobody is touched, and it is said."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from everup.app import Engine as Everup
from everup.app import build_app, discover
from everup.app.live import BootClock
from everup.config import load_without_file
from everup.model.kinds import Condition
from everup.runtimes.docker import create
from everup.runtimes.docker.engine import Engine
from tests.docker_engine import Docker
from tests.system.docker_stack import actions, all_healthy, condition, until
from tests.system.own_engine import OwnEngine

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

TIME_SCALE = 0.3
QUIET_S = 8.0
PATIENCE_STEPS = 150
STAYS = "trap 'exit 0' TERM; sleep 100000 & wait"


@pytest.fixture
def own(docker: Docker) -> Iterator[OwnEngine]:
    with TemporaryDirectory(prefix="everup-", ignore_cleanup_errors=True) as folder:
        engine = OwnEngine(Path(folder))  # the path of a socket must be short
        try:
            engine.start()
            engine.take_image()
            yield engine
        finally:
            engine.close()


async def _watching(own: OwnEngine, folder: Path) -> Everup:
    found = await discover.look({}, Engine(own.address))
    loaded = load_without_file({}, {"mode": "auto", "time_scale": TIME_SCALE})
    loaded, _ = discover.load(found, found.named("shop"), loaded)
    scaled = loaded.scaled()
    clock = BootClock()
    runtime = await create(
        scaled.stack, folder / "state", clock, scaled.settings, engine=Engine(own.address)
    )
    everup = build_app(loaded, state_dir=folder / "state", runtime=runtime, clock=clock)
    await everup.start()
    return everup


def _fault(everup: Everup) -> str:
    look = everup.control.look
    return "" if look is None else look.observation.monitor.engine_fault


def test_a_hung_and_a_restarted_engine_touch_nobody(own: OwnEngine, tmp_path: Path) -> None:
    own.run("shop", "web", STAYS)
    own.run("shop", "again", STAYS, "--restart", "always")

    async def story() -> None:
        everup = await _watching(own, tmp_path)
        try:
            await all_healthy(everup)

            own.signal(signal.SIGSTOP)
            await until(lambda: _fault(everup), "the engine's fault is seen", 40)
            await asyncio.sleep(QUIET_S)
            own.signal(signal.SIGCONT)
            await until(lambda: not _fault(everup), "the engine is back", 40)
            await all_healthy(everup)
            assert await actions(everup) == []

            await asyncio.to_thread(own.stop)
            await until(lambda: _fault(everup), "the engine's fault is seen", 40)
            await asyncio.sleep(QUIET_S)
            await asyncio.to_thread(own.start)
            await until(
                lambda: condition(everup, "again") is Condition.HEALTHY, "its policy starts it", 60
            )
            await asyncio.sleep(QUIET_S)
            assert await actions(everup) == [], "what the engine ended was nobody's fault"

            own.docker("start", "shop_web_1")
            await all_healthy(everup)
            pid = own.docker("inspect", "-f", "{{.State.Pid}}", "shop_web_1")
            os.kill(int(pid), signal.SIGKILL)
            for _ in range(PATIENCE_STEPS):
                if done := await actions(everup):
                    break
                await asyncio.sleep(0.2)
            assert [action.step.target for action in done] == ["web"], "it still heals"
            running = ("inspect", "-f", "{{.State.Running}}", "shop_web_1")
            await until(lambda: own.docker(*running) == "true", "it runs again", 40)
        finally:
            await everup.stop()

    asyncio.run(story())
