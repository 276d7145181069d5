"""A small Compose project on the real engine, and an Everup in this process that found it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from everup.app import Engine, build_app, discover
from everup.config import load_without_file
from everup.model import entries as e
from everup.model.kinds import Condition
from everup.model.request import Request, Verb
from tests.docker_engine import BUSYBOX, Docker, call

Entry = TypeVar("Entry", bound=e.Entry)
TIME_SCALE = 0.3
PATIENCE_S = 40.0

ASK = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 {host} 8080 | grep -q 200"
SERVE = "mkdir -p /www; echo hi >/www/index.html; exec httpd -f -p 8080 -h /www"
COMPOSE = f"""
version: "2.4"
x-check: &check {{interval: 1s, timeout: 1s, retries: 3}}
services:
  db:
    image: {BUSYBOX}
    command: ["sh", "-c", "{SERVE}"]
    healthcheck:
      <<: *check
      test: ["CMD-SHELL", "{ASK.format(host="127.0.0.1").replace(chr(92), chr(92) * 2)}"]
  web:
    image: {BUSYBOX}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    depends_on: [db]
    healthcheck:
      <<: *check
      test: ["CMD-SHELL", "{ASK.format(host="db").replace(chr(92), chr(92) * 2)}"]
  again:
    image: {BUSYBOX}
    command: ["sh", "-c", "sleep 100000"]
    restart: always
  hungry:
    image: {BUSYBOX}
    mem_limit: 32m
    memswap_limit: 32m
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
"""


class Shop:
    """The project, with the few things that are done to it."""

    def __init__(self, docker: Docker, word: str, folder: Path, compose: str = COMPOSE) -> None:
        self.docker, self.word = docker, word
        self.file = folder / "docker-compose.yml"
        self.file.write_text(compose, encoding="utf-8")
        self.name = docker.name(word)

    def compose(self, *arguments: str) -> str:
        """docker-compose, for this project."""
        return self.docker.compose(self.word, "-f", str(self.file), *arguments)

    def container(self, service: str) -> str:
        """Its name, as Compose 1 makes it."""
        return f"{self.name}_{service}_1"

    def state(self, service: str) -> dict[str, Any]:
        """What the engine says of it."""
        found: dict[str, Any] = self.docker.inspect(self.container(service))["State"]
        return found

    def lives_anew(self, service: str, life: str) -> bool:
        """Does it run, started after that life (`StartedAt`)?"""
        state = self.state(service)
        return bool(state["Running"]) and state["StartedAt"] != life

    def crash(self, service: str) -> None:
        """Its main process dies by SIGKILL, without the engine being asked."""
        os.kill(int(self.state(service)["Pid"]), signal.SIGKILL)

    def do(self, verb: str, service: str, *options: str) -> None:
        """`docker VERB` with the container."""
        call(verb, *options, self.container(service))


async def crash_is_healed(shop: Shop, service: str, patience_s: float = 30.0) -> None:
    """Its main process dies, and it is started by whoever sees to it."""
    life = shop.state(service)["StartedAt"]
    shop.crash(service)
    await until(lambda: shop.lives_anew(service, life), f"{service} is started anew", patience_s)


@asynccontextmanager
async def watched(
    shop: Shop,
    folder: Path,
    *,
    mode: str = "auto",
    time_scale: float = TIME_SCALE,
    environ: Mapping[str, str] = MappingProxyType({}),
) -> AsyncIterator[Engine]:
    """An Everup that found the project by itself. `environ`: settings of it."""
    found = await discover.look({})
    loaded = load_without_file(environ, {"mode": mode, "time_scale": time_scale})
    loaded, _ = discover.load(found, found.named(shop.name), loaded)
    engine = build_app(loaded, state_dir=folder / "state")
    await engine.start()
    try:
        yield engine
    except BaseException:
        await print_story(engine)
        raise
    finally:
        await engine.control.request(Request(Verb.RELEASE, by="the test"))  # names on images
        await engine.stop()


async def print_story(engine: Engine) -> None:
    """What was done and said, for whoever reads of a failure."""
    for _, _, entry in await engine.control.journal.entries(limit=400):
        print(repr(entry)[:400])


async def until(is_so: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for it in real time."""
    deadline_s = asyncio.get_running_loop().time() + patience_s
    while not is_so():
        assert asyncio.get_running_loop().time() < deadline_s, f"in vain: {what}"
        await asyncio.sleep(0.1)


def condition(engine: Engine, service: str) -> Condition | None:
    """What the latest look says of it."""
    look = engine.control.look
    return None if look is None else look.assessment.own.services[service].condition


async def all_healthy(engine: Engine) -> None:
    """Everybody is well."""
    names = engine.control.stack.services
    await until(
        lambda: all(condition(engine, name) is Condition.HEALTHY for name in names),
        "all healthy",
    )


async def told(engine: Engine, kind: type[Entry]) -> list[Entry]:
    """What the journal has of this kind, oldest first."""
    entries = await engine.control.journal.entries(limit=1000)
    return [entry for _, _, entry in entries if isinstance(entry, kind)]


async def resolved(engine: Engine, count: int, patience_s: float = 60.0) -> None:
    """So many incidents ended well."""
    deadline_s = asyncio.get_running_loop().time() + patience_s
    while len(await told(engine, e.IncidentResolved)) < count:
        assert asyncio.get_running_loop().time() < deadline_s, f"not {count} resolved"
        await asyncio.sleep(0.2)


async def actions(engine: Engine) -> list[e.Intended]:
    """What was done, oldest first."""
    return await told(engine, e.Intended)
