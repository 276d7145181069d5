"""What a real HAProxy counts is what was sent: rates, by instance, and unknown once it is gone."""

from __future__ import annotations

import asyncio
import http.client
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from everup.app import Engine, build_app
from everup.config import load_stack
from everup.model.load import Load
from tests.docker_engine import wait_until
from tests.ports import free_port
from tests.system.docker_stack import all_healthy
from tests.system.test_router_processes import PROGRAM

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

WITHIN_S = 60.0
SENDERS, EVERY_S = 4, 0.1
SENT_PER_S = SENDERS / EVERY_S
HAPROXY = """
global
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 20s
  timeout server 20s
  timeout queue 500ms
listen web
  bind 127.0.0.1:{bind}
  balance roundrobin
  default-server check inter 500ms fall 2 rise 2 weight 100
  server web1 127.0.0.1:{one}
  server web2 127.0.0.1:{two}
"""
STACK = """
stack: shop
mode: observe
router: unix://{socket}
time_scale: 0.2
services:
  web:
    command: [{python}, app.py]
    directory: .
    port: {port}
    instances: {{count: 2, min: 1, max: 2}}
    probe: {{http: "http://127.0.0.1:{{port}}/", interval_s: 1s}}
    router: web
    scaling: {{queue: {{command: [cat, waiting], per_instance: 10}}}}
"""


class Place:
    """A folder with the file, the program and the HAProxy."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bind, port = folder, free_port(), free_port()
        self.socket = folder / "admin.sock"
        (folder / "app.py").write_text(PROGRAM)
        (folder / "waiting").write_text("12")
        written = HAPROXY.format(socket=self.socket, bind=self.bind, one=port, two=port + 1)
        (folder / "haproxy.cfg").write_text(written)
        stack = STACK.format(socket=self.socket, python=sys.executable, port=port)
        (folder / "everup.yaml").write_text(stack)
        self.begin()

    def begin(self) -> None:
        program = shutil.which("haproxy")
        assert program, "no haproxy: scripts/engine start installs one"
        self.haproxy = subprocess.Popen([program, "-db", "-f", str(self.folder / "haproxy.cfg")])
        wait_until(self.socket.exists, 10.0, "HAProxy's socket")

    def end(self) -> None:
        self.haproxy.terminate()
        self.haproxy.wait(10)
        self.socket.unlink(missing_ok=True)


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place(Path(tempfile.mkdtemp(prefix="hap")))
    yield made
    made.end()
    shutil.rmtree(made.folder)


class Steady:
    """So many requests a second, by the clock and not by the answers."""

    def __init__(self, port: int) -> None:
        self._port, self._stop = port, threading.Event()
        self.sent = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._send, args=(n,)) for n in range(SENDERS)]

    def _send(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        due_s = time.monotonic() + EVERY_S * number / SENDERS
        while not self._stop.is_set():
            time.sleep(max(0.0, due_s - time.monotonic()))
            due_s += EVERY_S
            answer: http.client.HTTPResponse | None = None
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):
                if answer is not None:  # cut off within its body, it keeps the socket to itself
                    answer.close()
                connection.close()
                continue
            with self._lock:
                self.sent += 1
        connection.close()

    def __enter__(self) -> Steady:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)


async def seen(engine: Engine, is_so: Callable[[Load | None], bool]) -> Load | None:
    """The load of the latest look, once it is so."""
    deadline_s = time.monotonic() + WITHIN_S
    while True:
        engine.control.wake("a look")
        await asyncio.sleep(0.1)
        look = engine.control.look
        load = None if look is None else look.observation.services["web"].load
        if is_so(load):
            return load
        assert time.monotonic() < deadline_s, load


def test_requests_per_second_are_those_that_were_sent(place: Place) -> None:
    async def story() -> None:
        engine = build_app(load_stack(place.folder, {}), state_dir=place.folder / "state")
        await engine.start()
        try:
            await all_healthy(engine)
            with Steady(place.bind) as steady:
                await seen(engine, lambda load: load is not None and load.requests_per_s > 0.0)
                window_s = 3 * engine.control.settings.sample_interval_s
                await asyncio.sleep(2 * window_s)
                before, began_s = steady.sent, time.monotonic()
                await asyncio.sleep(2 * window_s)
                sent_per_s = (steady.sent - before) / (time.monotonic() - began_s)
                load = await seen(engine, lambda load: load is not None)
                assert load is not None
                assert load.requests_per_s == pytest.approx(sent_per_s, rel=0.1)
                assert sent_per_s == pytest.approx(SENT_PER_S, rel=0.1)
                assert len(load.by_instance) == 2
                total = sum(load.by_instance.values())
                assert total == pytest.approx(load.requests_per_s, rel=0.1)
                assert load.failures_per_s == 0.0
                assert 0.0 <= load.latency_s < 0.5
                assert (load.waiting, load.queue) == (0.0, 12.0)
                assert load.source == "router+queue"
                place.end()
                await seen(engine, lambda load: load is not None and load.source == "queue")
                place.begin()
                again = await seen(engine, lambda load: load is not None and bool(load.by_instance))
                assert again is not None
                assert again.requests_per_s <= 2 * SENT_PER_S, "a new life is no burst"
            none = await seen(engine, lambda load: load is not None and load.requests_per_s == 0.0)
            assert none is not None
        finally:
            await engine.stop(stop_services=True)

    asyncio.run(story())


def test_what_finds_no_place_is_asked_all_the_same(place: Place) -> None:
    """Both instances are gone from the router: the requests fail, and they are seen to come."""

    async def story() -> None:
        engine = build_app(load_stack(place.folder, {}), state_dir=place.folder / "state")
        await engine.start()
        try:
            await all_healthy(engine)
            await seen(engine, lambda load: load is not None and load.sessions >= 0.0)
            for name in ("web1", "web2"):
                await asyncio.to_thread(place_order, place, f"set server web/{name} state maint")
            with Steady(place.bind):
                load = await seen(engine, lambda load: load is not None and load.failures_per_s > 5)
            assert load is not None
            assert load.requests_per_s >= load.failures_per_s
            assert sum(load.by_instance.values()) == 0.0
        finally:
            await engine.stop(stop_services=True)

    asyncio.run(story())


def place_order(place: Place, text: str) -> None:
    """One command to HAProxy."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(place.socket))
        connection.sendall(f"{text}\n".encode())
        connection.recv(4096)
