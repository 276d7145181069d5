"""Processes on fixed addresses behind a real HAProxy, under load: restarted one after the other,
and scaled with servers that HAProxy's configuration does not name.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.app import Engine, build_app
from everup.config import load_stack
from everup.loop.ports import Router
from everup.model.entries import Finished
from everup.model.kinds import ActionKind
from everup.model.request import AnswerState, Request, Verb
from everup.model.routing import RouterListing, RouterSpec
from everup.model.scaling import Amount
from everup.routing import create_router
from tests.contract.router_labs import Hour
from tests.docker_engine import wait_until
from tests.ports import free_port
from tests.system.clients import Load
from tests.system.docker_stack import actions, all_healthy, told

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

WITHIN_S = 90.0
PROGRAM = """
import os, signal, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/work":
            time.sleep(0.1)
        body = os.environ["PORT"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(("127.0.0.1", int(os.environ["PORT"])), Answer).serve_forever()
"""
HAPROXY = """
global
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 2s
  timeout client 20s
  timeout server 20s
  retries 3
  option redispatch 1
listen web
  bind 127.0.0.1:{bind}
  balance roundrobin
  default-server check inter 500ms fall 2 rise 2 weight 100
  server web1 127.0.0.1:{one}
  server web2 127.0.0.1:{two}
  server web3 127.0.0.1:{three}
"""
STACK = """
stack: shop
mode: observe
router: unix://{socket}
services:
  web:
    command: [{python}, app.py]
    directory: .
    port: {port}
    instances: {{count: 3, min: 1, max: 5}}
    probe: {{http: "http://127.0.0.1:{{port}}/", interval_s: 1s}}
    router: web
"""


class Place:
    """A folder with the file, the program and the HAProxy."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bind, self.port = folder, free_port(), free_port()
        port = self.port
        self.socket = folder / "admin.sock"
        (folder / "app.py").write_text(PROGRAM)
        ports = {"one": port, "two": port + 1, "three": port + 2}
        written = HAPROXY.format(socket=self.socket, bind=self.bind, **ports)
        (folder / "haproxy.cfg").write_text(written)
        stack = STACK.format(socket=self.socket, python=sys.executable, port=port)
        (folder / "everup.yaml").write_text(stack)
        program = shutil.which("haproxy")
        assert program, "no haproxy: scripts/engine start installs one"
        self.haproxy = subprocess.Popen([program, "-db", "-f", str(folder / "haproxy.cfg")])
        wait_until(self.socket.exists, 10.0, "HAProxy's socket")

    def router(self) -> Router:
        """To see what is so."""
        return create_router(RouterSpec("haproxy", f"unix://{self.socket}"), self.folder, Hour())


@pytest.fixture
def place() -> Iterator[Place]:
    made = Place(Path(tempfile.mkdtemp(prefix="hap")))
    yield made
    made.haproxy.terminate()
    made.haproxy.wait(10)
    shutil.rmtree(made.folder)


async def do(engine: Engine, kind: ActionKind, instance: str = "", instances: int = 0) -> None:
    """A person's wish, until it is proven."""
    verb = Verb.SCALE if instances else Verb.HEAL
    request = Request(verb, "ann", "web", kind=kind, instance=instance, amount=Amount(instances))
    deadline_s = time.monotonic() + WITHIN_S
    answer = await engine.control.request(request)
    while answer.state is AnswerState.DELAYED and time.monotonic() < deadline_s:
        await asyncio.sleep(0.2)
        answer = await engine.control.request(request)
    assert answer.action_id is not None, answer
    record = await engine.control.journal.action(answer.action_id)
    while record is None or record.state not in ("verified", "failed"):
        assert time.monotonic() < deadline_s, record
        await asyncio.sleep(0.1)
        record = await engine.control.journal.action(answer.action_id)
    assert record.state == "verified", record


async def settled(place: Place, *names: str) -> RouterListing:
    """These take requests with all of their weight, and nobody else is there."""
    router, deadline_s = place.router(), time.monotonic() + WITHIN_S
    while True:
        listing = await router.list()
        whole = {s.name.name for s in listing.servers if s.takes and s.weight == 100}
        if whole == set(names):
            return listing
        assert time.monotonic() < deadline_s, listing
        await asyncio.sleep(0.2)


def test_no_request_is_lost(place: Place) -> None:
    names = ("web1", "web2", "web3")

    async def story() -> Load:
        loaded = load_stack(place.folder, {}, {"time_scale": 0.3, "slow_start_s": 6})
        engine = build_app(loaded)
        await engine.start()
        try:
            await all_healthy(engine)
            await settled(place, *names)
            first = min(i.name for i in engine.control.desk.running("web"))
            with Load(place.bind) as load:
                await do(engine, ActionKind.CONTAINER_RESTART)
                await settled(place, *names)
                await do(engine, ActionKind.GRACEFUL_RESTART, first)
                await settled(place, *names)
                await do(engine, ActionKind.SCALE_OUT, instances=4)
                listing = await settled(place, *names, *await added(place))
                assert any(s.name.name.startswith("everup-") for s in listing.servers)
                await do(engine, ActionKind.SCALE_IN, instances=3)
                await settled(place, *names)
                assert await added(place, least=0) == []
            finished = [e.during for e in await told(engine, Finished)]
            assert any("takes no requests" in line for during in finished for line in during)
            assert len(await actions(engine)) >= 4
            return load
        finally:
            await engine.stop(stop_services=True)

    load = asyncio.run(story())
    print(f"{load.total} requests, {len(load.lost)} lost, {dict(load.answered)}")
    assert load.lost == []
    assert len(load.answered) == 4, "the fourth was asked too"


async def added(place: Place, least: int = 1) -> list[str]:
    """Names of the servers that its configuration does not have."""
    router, deadline_s = place.router(), time.monotonic() + WITHIN_S
    while True:
        listing = await router.list()
        found = [s.name.name for s in listing.servers if s.name.name.startswith("everup-")]
        if len(found) == least:
            return found
        assert time.monotonic() < deadline_s, found
        await asyncio.sleep(0.2)
