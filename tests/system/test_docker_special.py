"""What is special of some containers and engines: who else acts, is deaf, or does not answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from everup.app import Engine as Everup
from everup.app import build_app, discover
from everup.app.live import BootClock
from everup.config import load_without_file
from everup.model import entries as e
from everup.model.errors import NoAnswer
from everup.model.evidence import OutcomeState
from everup.model.kinds import Condition, InstanceState
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.runtimes.docker import create
from everup.runtimes.docker.engine import CALL_DEADLINE_S, Engine
from tests.contract.process_lab import WallClock
from tests.docker_engine import BUSYBOX, SOCKET, Docker, call
from tests.system.docker_stack import (
    TIME_SCALE,
    Shop,
    actions,
    all_healthy,
    condition,
    crash_is_healed,
    told,
    until,
    watched,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

Make = Callable[[str], Shop]
HEAD = 'version: "2.4"\nservices:\n'
STAYS = """["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]"""
CHECKED = 8
GRACE_S = 2.0
QUIET_S = 6.0


@pytest.fixture
def make(docker: Docker, tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def made(services: str) -> Shop:
            shop = Shop(docker, f"special{abs(hash(tmp_path)) % 10**8}", tmp_path, HEAD + services)
            shop.compose("up", "-d")
            stack.callback(shop.compose, "down", "-v", "-t", "0")
            return shop

        yield made


def test_checks_that_time_out_together_are_the_hosts_fault(make: Make, tmp_path: Path) -> None:
    """Eight exec checks have no answer for as long as a file is there, and then all have."""
    slow = tmp_path / "flags" / "slow"
    slow.parent.mkdir()
    one = f"""
    image: {BUSYBOX}
    command: {STAYS}
    volumes: ["{slow.parent}:/flags:ro"]
    labels: {{everup.config_files: none}}
    healthcheck:
      test: ["CMD-SHELL", "test ! -e /flags/slow || sleep 30"]
      interval: 2s
      timeout: 3s
      retries: 2
"""
    shop = make("".join(f"  s{number}:{one}" for number in range(CHECKED)))

    async def story() -> None:
        async with watched(shop, tmp_path, time_scale=TIME_SCALE) as engine:
            await all_healthy(engine)
            slow.touch()
            await until(lambda: engine.control.state.monitor_fault, "something is at fault")
            await asyncio.sleep(Settings().mass_failure_window_s * TIME_SCALE + QUIET_S)
            assert engine.control.state.monitor_fault, "longer than one moment's fault would last"
            assert await actions(engine) == []
            slow.unlink()
            await until(lambda: not engine.control.state.monitor_fault, "it is over", 90)
            await crash_is_healed(shop, "s0", 60)
            assert {action.step.target for action in await actions(engine)} == {"s0"}

    asyncio.run(story())


def test_what_autoheal_handles_is_left_to_it(make: Make, tmp_path: Path) -> None:
    """It runs beside us under a name of its own, and is known by its variables and the socket."""
    sick = """
    healthcheck:
      test: ["CMD-SHELL", "test ! -e /sick"]
      interval: 1s
      timeout: 2s
      retries: 3
"""
    shop = make(
        f"""
  helper:
    image: {BUSYBOX}
    command: {STAYS}
    environment: {{AUTOHEAL_CONTAINER_LABEL: autoheal}}
    volumes: ["{SOCKET}:/var/run/docker.sock:ro"]
  theirs:
    image: {BUSYBOX}
    command: {STAYS}
    labels: {{autoheal: "true"}}{sick}
  ours:
    image: {BUSYBOX}
    command: {STAYS}{sick}
"""
    )

    async def story() -> None:
        found = await discover.look({})
        loaded = load_without_file({}, {"mode": "auto", "time_scale": TIME_SCALE})
        loaded, _ = await asyncio.to_thread(discover.load, found, found.named(shop.name), loaded)
        said = [text for text in loaded.warnings if "autoheal" in text]
        assert len(said) == 1
        assert "restarts theirs; Everup leaves restarts of them to it" in said[0]
        async with watched(shop, tmp_path) as engine:
            await all_healthy(engine)
            for name in ("theirs", "ours"):
                call("exec", shop.container(name), "touch", "/sick")
            await until(lambda: condition(engine, "theirs") is Condition.UNHEALTHY, "it is sick")
            await until(lambda: shop.state("ours")["Health"]["Status"] == "unhealthy", "sick too")
            acted = await _first_action(engine)
            assert acted == "ours"
            await asyncio.sleep(QUIET_S)
            assert {action.step.target for action in await actions(engine)} == {"ours"}

    asyncio.run(story())


async def _first_action(engine: Everup) -> str:
    for _ in range(300):
        if done := await actions(engine):
            return done[0].step.target
        await asyncio.sleep(0.2)
    return ""


def test_what_an_orchestrator_manages_is_only_observed(docker: Docker, tmp_path: Path) -> None:
    marks = {
        "com.docker.stack.namespace": docker.name("swarm"),
        "com.docker.swarm.service.name": docker.name("swarm_web"),
        "com.docker.swarm.task.id": "x1",
    }
    labels = [word for name, value in marks.items() for word in ("--label", f"{name}={value}")]
    web = docker.run(BUSYBOX, "sleep", "100000", options=labels)

    async def story() -> None:
        found = await discover.look({})
        (project,) = [p for p in found.projects if any(c.id == web for c in p.containers)]
        assert project.managed_by
        loaded = load_without_file({}, {"mode": "auto", "time_scale": TIME_SCALE})
        loaded, _ = discover.load(found, project, loaded)
        assert any("it is only observed" in text for text in loaded.warnings)
        assert loaded.stack.mode == "observe"
        assert all(spec.mode == "observe" for spec in loaded.stack.services.values())

    asyncio.run(story())


def _only(docker: Docker, word: str, *command: str) -> tuple[str, Stack]:
    """One container of a Compose project, and the stack that it is."""
    name = docker.name(word)
    marks = ("com.docker.compose.project", name), ("com.docker.compose.service", "web")
    labels = [part for key, value in marks for part in ("--label", f"{key}={value}")]
    container = docker.run(BUSYBOX, *command, options=labels)
    return container, Stack(name, {"web": ServiceSpec("web")}, runtime="docker")


def test_who_ignores_the_signal_is_killed_after_its_grace(docker: Docker, tmp_path: Path) -> None:
    container, stack = _only(docker, "deaf", "sh", "-c", "trap '' TERM; while :; do sleep 1; done")

    async def story() -> None:
        runtime = await create(
            stack, tmp_path / "state", WallClock(), Settings().scaled(TIME_SCALE)
        )
        try:
            began_s = time.monotonic()
            (said,) = await runtime.restart("web", grace_s=GRACE_S)
            took_s = time.monotonic() - began_s
            assert "did not end within 2 s and was killed" in said
            assert GRACE_S <= took_s < GRACE_S + 10.0
            assert docker.inspect(container)["State"]["Running"]
        finally:
            await runtime.close()

    asyncio.run(story())


class StuckEngine(Engine):
    """The real one, but for restarts: it takes them, and answers none while it is stuck."""

    def __init__(self) -> None:
        super().__init__()
        self.restarts = self.under_way = self.at_once = 0
        self.is_free = asyncio.Event()

    async def call(
        self, method: str, path: str, *, deadline_s: float = CALL_DEADLINE_S, **more: Any
    ) -> Any:
        if path.endswith("/restart"):
            self.restarts += 1
            self.under_way += 1
            self.at_once = max(self.at_once, self.under_way)
            try:
                await asyncio.wait_for(self.is_free.wait(), deadline_s)
            except TimeoutError:
                raise NoAnswer(f"the engine gave no answer to {path}") from None
            finally:
                self.under_way -= 1
        return await super().call(method, path, deadline_s=deadline_s, **more)


def test_a_call_without_an_answer_is_unknown_and_gets_no_second_one_on_top(
    make: Make, tmp_path: Path
) -> None:
    """Its outcome is *unknown*, then a look tells; while it lasts there is one call, no other."""
    sick = tmp_path / "flags" / "sick"
    sick.parent.mkdir()
    shop = make(
        f"""
  web:
    image: {BUSYBOX}
    command: {STAYS}
    volumes: ["{sick.parent}:/flags:ro"]
    labels: {{everup.config_files: none}}
    healthcheck:
      test: ["CMD-SHELL", "test ! -e /flags/sick"]
      interval: 1s
      timeout: 2s
      retries: 3
"""
    )

    async def story() -> None:
        found = await discover.look({})
        loaded = load_without_file({}, {"mode": "auto", "time_scale": 0.1})
        loaded, _ = discover.load(found, found.named(shop.name), loaded)
        scaled, clock, stuck = loaded.scaled(), BootClock(), StuckEngine()
        runtime = await create(
            scaled.stack, tmp_path / "state", clock, scaled.settings, engine=stuck
        )
        everup = build_app(loaded, state_dir=tmp_path / "state", runtime=runtime, clock=clock)
        await everup.start()
        try:
            await all_healthy(everup)
            life = shop.state("web")["StartedAt"]
            sick.touch()
            await until(lambda: stuck.restarts, "the restart is called")
            await _unknown(everup)
            assert shop.state("web")["StartedAt"] == life
            sick.unlink()
            stuck.is_free.set()
            await until(lambda: shop.state("web")["StartedAt"] != life, "it is started anew", 60)
            await until(lambda: condition(everup, "web") is Condition.HEALTHY, "it is well", 60)
            assert stuck.at_once == 1
            ends = await told(everup, e.Finished)
            first = next(end for end in ends if end.outcome is OutcomeState.UNKNOWN)
            looked = next(end for end in ends if end.settled and end.at_s >= first.at_s)
            assert looked.action_id == first.action_id
            listing = await runtime.list()
            assert [i.state for i in listing.instances] == [InstanceState.RUNNING]
        finally:
            await everup.stop()

    asyncio.run(story())


async def _unknown(everup: Everup) -> None:
    """Nobody says whether it happened, and that is written down."""
    for _ in range(600):
        if any(end.outcome is OutcomeState.UNKNOWN for end in await told(everup, e.Finished)):
            return
        await asyncio.sleep(0.1)
    raise AssertionError("no outcome is unknown")
