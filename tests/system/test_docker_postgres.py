"""Six services depend on a real PostgreSQL: whatever befalls it, it alone is acted upon, once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from everup.app import Engine, build_app, discover
from everup.config import load_without_file
from everup.loop.rooms import Rooms
from everup.model import entries as e
from everup.model.kinds import ActionKind, Cause, Condition
from everup.model.notice import Message, Occasion
from everup.model.request import Request, Verb
from tests.docker_engine import BUSYBOX, Docker, call
from tests.system.docker_stack import (
    Shop,
    actions,
    all_healthy,
    condition,
    print_story,
    resolved,
    told,
    until,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

PATIENCE_S = 400.0
"""A machine that is busy with other tests proves a hang late, and everything after it."""

TIME_SCALE = 0.3
STARVED_SCALE = 0.6
"""Where a hang has to be proven: values older than two intervals prove nothing, and at 0.3 a busy
machine reads seven containers more slowly than that."""
DEPENDENTS = tuple(f"app{number}" for number in range(1, 7))
STUCK = "/tmp/stuck"
# A question that the server itself has to answer, whether it speaks TLS: a connection alone proves
# nothing.
ASK = r"printf '\000\000\000\010\004\322\026\057' | nc -w 1 {host} 5432 | grep -q N"
APP = """
  {name}:
    image: {image}
    command: ["sh", "-c", "rm -f {stuck}; trap 'exit 0' TERM; sleep 100000 & wait"]
    depends_on: [postgres]
    healthcheck:
      <<: *check
      test: ["CMD-SHELL", "test ! -e {stuck} && {ask}"]
"""


def compose() -> str:
    """Written for Compose 1, as the others."""
    ask = {host: _quoted(ASK.format(host=host)) for host in ("127.0.0.1", "postgres")}
    apps = [
        APP.format(name=name, image=BUSYBOX, stuck=STUCK, ask=ask["postgres"])
        for name in DEPENDENTS
    ]
    return f"""
version: "2.4"
x-check: &check {{interval: 1s, timeout: 2s, retries: 3}}
services:
  postgres:
    image: everup-test/postgres
    command: ["postgres", "-c", "shared_buffers=16MB"]
    environment: {{POSTGRES_PASSWORD: for-tests-only}}
    stop_signal: SIGINT
    volumes: ["data:/var/lib/postgresql/data"]
    healthcheck:
      <<: *check
      test: ["CMD-SHELL", "{ask["127.0.0.1"]}"]
{"".join(apps)}
volumes:
  data: {{}}
"""


def _quoted(command: str) -> str:
    return command.replace("\\", "\\\\").replace('"', '\\"')


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"pg{abs(hash(tmp_path)) % 10**8}", tmp_path, compose())
    made.compose("up", "-d")
    yield made
    made.compose("down", "-v", "-t", "0")


@dataclass
class Pager:
    """What a person would get."""

    name: str = "pager"
    on: frozenset[Occasion] = frozenset({Occasion.OPENED, Occasion.ESCALATED, Occasion.RESOLVED})
    timeout_s: float = 1.0
    attempts: int = 1
    got: list[Message] = field(default_factory=list)

    async def send(self, message: Message) -> None:
        self.got.append(message)

    async def close(self) -> None:
        return None


@asynccontextmanager
async def watched(
    shop: Shop, state: Path, pager: Pager, time_scale: float = TIME_SCALE
) -> AsyncIterator[Engine]:
    """An Everup in mode auto that found the project by itself, when all are well."""
    found = await discover.look({})
    loaded = load_without_file({}, {"mode": "auto", "time_scale": time_scale})
    loaded, _ = discover.load(found, found.named(shop.name), loaded)
    engine = build_app(loaded, state_dir=state, rooms=Rooms(notifiers=(pager,)))
    await engine.start()
    try:
        assert engine.control.stack.services["postgres"].is_stateful
        await all_healthy(engine)
        yield engine
    except BaseException:
        await print_story(engine)
        raise
    finally:
        await engine.control.request(Request(Verb.RELEASE, by="the test"))  # names on images
        await engine.stop()


async def one_story(engine: Engine, pager: Pager, kind: ActionKind) -> None:
    """One incident, one action, one message and its end; the dependents came back by themselves."""
    await resolved(engine, 1, PATIENCE_S)
    await all_healthy(engine)
    await asyncio.sleep(2 * engine.control.settings.two_windows_s)
    opened = await told(engine, e.IncidentOpened)
    assert [i.service for i in opened] == ["postgres"]
    assert [(a.step.target, a.step.kind) for a in await actions(engine)] == [("postgres", kind)]
    assert [m.occasion for m in pager.got] == [Occasion.OPENED, Occasion.RESOLVED]
    incident = await engine.control.journal.incident(opened[0].incident_id)
    assert incident is not None
    assert opened[0].candidates, "the causes are ranked"
    assert opened[0].candidates[0].service == "postgres"


def test_its_main_process_is_killed_from_the_host(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        pager = Pager()
        async with watched(shop, tmp_path / "one", pager) as engine:
            lives = {name: shop.state(name)["StartedAt"] for name in DEPENDENTS}
            shop.crash("postgres")
            await one_story(engine, pager, ActionKind.CONTAINER_RESTART)
            assert lives == {name: shop.state(name)["StartedAt"] for name in DEPENDENTS}

        async with watched(shop, tmp_path / "two", Pager()) as engine:
            shop.crash("postgres")
            call("exec", shop.container("app1"), "touch", STUCK)
            await resolved(engine, 2, PATIENCE_S)
            done = await actions(engine)
            assert [a.step.target for a in done] == ["postgres", "app1"]
            (healed,) = [
                v for v in await told(engine, e.Verified) if v.action_id == done[0].action_id
            ]
            assert done[1].at_s - healed.at_s >= engine.control.settings.two_windows_s

    asyncio.run(story())


def test_its_main_process_stands_still(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        pager = Pager()
        async with watched(shop, tmp_path / "state", pager, STARVED_SCALE) as engine:
            os.kill(int(shop.state("postgres")["Pid"]), signal.SIGSTOP)
            began_s = engine.control.clock.now()
            await one_story(engine, pager, ActionKind.GRACEFUL_RESTART)
            (intent,) = await actions(engine)
            assert intent.at_s - began_s >= engine.control.settings.stateful_wait_s
            grace_s = float(intent.step.parameters["grace_s"])
            assert grace_s >= engine.control.settings.stateful_grace_s

    asyncio.run(story())


def test_it_is_stopped_on_purpose(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        pager = Pager()
        async with watched(shop, tmp_path / "state", pager) as engine:
            shop.do("stop", "postgres")
            await until(lambda: pager.got, "somebody is told", 60.0)
            await until(
                lambda: all(condition(engine, n) is Condition.UNHEALTHY for n in DEPENDENTS),
                "all dependents suffer",
            )
            await asyncio.sleep(2 * engine.control.settings.two_windows_s)
            assert await actions(engine) == []
            (message,) = pager.got
            assert message.service == "postgres"
            assert all(name in message.text for name in DEPENDENTS), message.text
            (opened,) = await told(engine, e.IncidentOpened)
            assert opened.cause is Cause.STOPPED_ON_PURPOSE
            (incident,) = await engine.control.journal.incidents()
            assert incident.victims == DEPENDENTS

    asyncio.run(story())
