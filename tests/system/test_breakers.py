"""Breakers on real processes: callers are told when what they need dies, and when it is back; and a
real HAProxy turns away at once what would wait for a process that stands still.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from everup.api import create_api
from everup.api.server import ApiServer, bind
from everup.app import Engine, build_app
from everup.client import Breaker, BreakerOpen
from everup.config import load_stack
from everup.model.breaker import BreakerState, EdgeName
from everup.model.entries import BreakerTurned
from everup.model.request import Request, Verb
from tests.docker_engine import wait_until
from tests.ports import free_port
from tests.system.docker_stack import all_healthy, told
from tests.system.test_router_processes import PROGRAM

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

WITHIN_S = 60.0
BODY = 'os.environ["PORT"].encode()'
"""What the program answers with."""
EDGE = EdgeName("api", "db")
SCALE = 0.3
STACK = """
stack: shop
mode: observe
{router}
services:
  db:
    command: [{python}, app.py]
    directory: .
    port: {db}
    probe: {{http: "http://127.0.0.1:{{port}}/", interval_s: 1s}}
  api:
    command: [{python}, app.py]
    directory: .
    port: {api}
    mode: auto
    depends_on: {{db: {edge}}}
    probe: {{http: "http://127.0.0.1:{{port}}/", interval_s: 1s}}
"""
HAPROXY = """
global
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 30s
  timeout server 30s
listen be_api_db
  bind 127.0.0.1:{bind}
  server db1 127.0.0.1:{db}
"""


class Place:
    """A folder with the file and the program."""

    def __init__(self, folder: Path, *, is_routed: bool) -> None:
        self.folder, self.db, self.bind = folder, free_port(), free_port()
        self.socket = folder / "admin.sock"
        (folder / "app.py").write_text(PROGRAM.replace(BODY, "str(os.getpid()).encode()"))
        edge = "{router: be_api_db}" if is_routed else "{critical: true}"
        router = f"router: unix://{self.socket}" if is_routed else ""
        names = {"python": sys.executable, "db": self.db, "api": free_port()}
        (folder / "everup.yaml").write_text(STACK.format(edge=edge, router=router, **names))

    @asynccontextmanager
    async def engine(self) -> AsyncIterator[Engine]:
        engine = build_app(load_stack(self.folder, {}, {"time_scale": SCALE}))
        await engine.start()
        try:
            await all_healthy(engine)
            yield engine
        finally:
            await engine.stop(stop_services=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="brk"))
    yield made
    shutil.rmtree(made)


def ask(port: int, timeout_s: float = 1.0) -> int:
    """The status of one request; raises what a caller would see."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


async def until(is_so: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + WITHIN_S
    while not is_so():
        assert time.monotonic() < deadline_s, what
        await asyncio.sleep(0.05)


async def turns(engine: Engine) -> list[BreakerState]:
    return [entry.state for entry in await told(engine, BreakerTurned)]


def pid_of(port: int) -> int:
    """As it says itself."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
        return int(answer.read())


class Caller:
    """What api does: calls db, unless its breaker says no."""

    def __init__(self, url: str, port: int) -> None:
        self.breaker = Breaker("api", "db", url=url, every_s=0.1, failures=(OSError,))
        self._port = port
        self.passed = self.failed = self.told_no = 0

    def call(self) -> None:
        try:
            with self.breaker.call():
                ask(self._port)
            self.passed += 1
        except BreakerOpen:
            self.told_no += 1
        except OSError:
            self.failed += 1

    async def go_on(self) -> None:
        while True:
            await asyncio.to_thread(self.call)
            await asyncio.sleep(0.05)


def test_callers_are_told_when_it_dies_and_when_it_is_back(folder: Path) -> None:
    place = Place(folder, is_routed=False)

    async def story() -> Caller:
        async with place.engine() as engine:
            server = ApiServer(create_api(engine), bind("127.0.0.1", 0))
            await server.start()
            caller = Caller(server.address, place.db)
            calling = asyncio.create_task(caller.go_on())
            try:
                await until(lambda: caller.passed > 10, "calls pass")
                os.kill(pid_of(place.db), signal.SIGKILL)
                await until(lambda: caller.told_no > 5, "callers are told no")
                assert engine.control.breakers.of(EDGE).state is not BreakerState.CLOSED
                await engine.control.request(Request(Verb.START, "ann", "db"))
                before = caller.passed
                await until(lambda: caller.passed > before + 20, "calls pass again")
                assert engine.control.breakers.of(EDGE).state is BreakerState.CLOSED
                seen = await turns(engine)
                assert seen[:2] == [BreakerState.OPEN, BreakerState.HALF_OPEN]
                assert seen[-1] is BreakerState.CLOSED
                return caller
            finally:
                calling.cancel()
                await asyncio.gather(calling, return_exceptions=True)
                await server.stop()

    caller = asyncio.run(story())
    print(f"{caller.passed} passed, {caller.failed} failed, {caller.told_no} were told no")
    assert caller.breaker.allows(), "Everup has ended: nothing stands against calling"
    assert caller.failed < 100


def test_haproxy_turns_away_what_would_wait(folder: Path) -> None:
    place = Place(folder, is_routed=True)
    written = HAPROXY.format(socket=place.socket, bind=place.bind, db=place.db)
    (folder / "haproxy.cfg").write_text(written)
    program = shutil.which("haproxy")
    assert program, "no haproxy: scripts/engine start installs one"
    haproxy = subprocess.Popen([program, "-db", "-f", str(folder / "haproxy.cfg")])

    async def story() -> None:
        async with place.engine() as engine:
            breakers = engine.control.breakers
            await until(lambda: breakers.view(EDGE).is_closed, "closed, once all has started")
            await until(lambda: not breakers.view(EDGE).is_enforced, "and its traffic passes")
            assert await asyncio.to_thread(ask, place.bind) == 200
            pid = pid_of(place.db)
            os.kill(pid, signal.SIGSTOP)
            try:
                with pytest.raises(TimeoutError):
                    await asyncio.to_thread(ask, place.bind, 0.5)
                await until(lambda: breakers.view(EDGE).is_enforced, "turned away")
                began_s = time.monotonic()
                assert await asyncio.to_thread(ask, place.bind, 20.0) == 503
                took_s = time.monotonic() - began_s
            finally:
                os.kill(pid, signal.SIGCONT)
            await until(lambda: breakers.of(EDGE).state is BreakerState.CLOSED, "closed again")
            await until(lambda: not breakers.view(EDGE).is_enforced, "its traffic passes")
            assert await asyncio.to_thread(ask, place.bind) == 200
            print(f"turned away after {took_s:.3f} s")
            assert took_s < 5.0, "and not after the 30 s of the router"

    try:
        wait_until(place.socket.exists, 10.0, "HAProxy's socket")
        asyncio.run(story())
    finally:
        haproxy.terminate()
        haproxy.wait(10)
