"""A real HAProxy before three containers under load: no request is lost, whoever is acted upon.

HAProxy runs from the configuration that `everup suggest --router` writes. Containers are restarted,
made anew, cut off and scaled, each one in turn in full counts, while sixteen clients go on asking.
Every answer takes a tenth of a second, and who is told to end does so at once: without the drain
requests are lost, which is shown at the end.
"""

from __future__ import annotations

import asyncio
import http.client
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.app import Engine
from everup.app.suggest import look_closely, router_files
from everup.model.kinds import ActionKind
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.model.routing import Order
from everup.model.scaling import Amount
from tests.counts import count
from tests.docker_engine import HAPROXY, PYTHON, Docker, call, wait_until
from tests.ports import free_port
from tests.system.clients import Load
from tests.system.docker_stack import Shop, all_healthy, until, watched

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

REQUESTS = count("routed_requests")
IS_FULL = REQUESTS > 5000
PROVEN_WITHIN_S = 120.0
PROGRAM = """
import os, signal, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/work":
            time.sleep(0.1)
        body = os.uname().nodename.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
Server(("0.0.0.0", 8000), Answer).serve_forever()
"""
COMPOSE = f"""
version: "2.4"
services:
  web:
    image: {PYTHON}
    command: ["python3", "/app/app.py"]
    volumes: ["FOLDER/app:/app:ro"]
    expose: ["8000"]
    healthcheck:
      test: ["CMD", "curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:8000/"]
      interval: 1s
      timeout: 2s
      retries: 3
"""


class Routed(Shop):
    """The project, and the HAProxy before it."""

    def __init__(self, docker: Docker, word: str, folder: Path) -> None:
        super().__init__(docker, word, folder, COMPOSE.replace("FOLDER", str(folder)))
        (folder / "app").mkdir()
        (folder / "app" / "app.py").write_text(PROGRAM, encoding="utf-8")
        self.folder, self.port = folder, free_port()
        self.run = Path(tempfile.mkdtemp(prefix="hap"))
        self.router = ""

    @property
    def socket(self) -> Path:
        return self.run / "admin.sock"

    def put_router(self) -> None:
        """From the configuration that is suggested."""
        found = asyncio.run(look_closely({}, lambda seen: seen.named(self.name)))
        files = router_files(found)
        assert files.services == ("web",), files.left_out
        file = self.folder / "haproxy.cfg"
        file.write_text(files.configuration, encoding="utf-8")
        mounts = [
            *("-v", f"{file}:/usr/local/etc/haproxy/haproxy.cfg:ro"),
            *("-v", f"{self.run}:/var/lib/haproxy"),
        ]
        where = ["--network", f"{self.name}_default", "-p", f"127.0.0.1:{self.port}:8080"]
        self.router = self.docker.run(HAPROXY, options=[*mounts, *where])

    def said_by_router(self) -> str:
        return call("logs", "--tail", "80", self.router)


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Routed]:
    made = Routed(docker, f"routed{abs(hash(tmp_path)) % 10**8}", tmp_path)
    made.compose("up", "-d", "--scale", "web=3")
    try:
        made.put_router()
        yield made
    finally:
        call("rm", "-f", made.router)
        made.compose("down", "-v", "-t", "0")
        shutil.rmtree(made.run)


async def ask(engine: Engine, kind: ActionKind, instance: str = "", instances: int = 0) -> Answer:
    """Until it is its turn."""
    verb = Verb.SCALE if instances else Verb.HEAL
    request = Request(verb, "ann", "web", kind=kind, instance=instance, amount=Amount(instances))
    deadline_s = time.monotonic() + PROVEN_WITHIN_S
    while True:
        answer = await engine.control.request(request)
        if answer.state is not AnswerState.DELAYED:
            return answer
        assert time.monotonic() < deadline_s, answer
        await asyncio.sleep(0.2)


async def proven(engine: Engine, answer: Answer) -> None:
    assert answer.action_id is not None, answer
    deadline_s = time.monotonic() + PROVEN_WITHIN_S
    while True:
        record = await engine.control.journal.action(answer.action_id)
        if record is not None and record.state in ("verified", "failed"):
            assert record.state == "verified", record
            return
        assert time.monotonic() < deadline_s, record
        await asyncio.sleep(0.1)


async def all_take(engine: Engine, number: int) -> None:
    """So many servers take requests, and nothing is held out any more."""
    from everup.routing import create_router
    from tests.contract.router_labs import Hour

    spec = engine.loaded.options.router
    assert spec is not None
    router = create_router(spec, engine.state_dir, Hour())
    deadline_s = time.monotonic() + PROVEN_WITHIN_S
    while True:
        listing = await router.list()
        taking = [s for s in listing.servers if s.takes]
        out = [s for s in listing.servers if s.order is not Order.READY and s.address]
        if len(taking) == number and not out:
            return
        assert time.monotonic() < deadline_s, listing
        await asyncio.sleep(0.2)


async def act_on_each(engine: Engine, shop: Routed) -> None:
    """Restart, recreate, isolate, scale."""
    names = [f"{shop.name}_web_{number}" for number in (1, 2, 3)]
    for kind, only in ((ActionKind.CONTAINER_RESTART, 0), (ActionKind.RECREATE, 1)):
        for name in names if IS_FULL else [names[only]]:
            await proven(engine, await ask(engine, kind, name))
            await all_take(engine, 3)
    for name in names if IS_FULL else [names[2]]:
        await proven(engine, await ask(engine, ActionKind.ISOLATE, name))
        await all_take(engine, 2)
        await proven(engine, await ask(engine, ActionKind.REJOIN, name))
        await all_take(engine, 3)
    await proven(engine, await ask(engine, ActionKind.SCALE_OUT, instances=4))
    await all_take(engine, 4)
    await proven(engine, await ask(engine, ActionKind.SCALE_IN, instances=3))
    await all_take(engine, 3)


def test_no_request_is_lost(shop: Routed, tmp_path: Path) -> None:
    environ = {"EVERUP_ROUTER": f"unix://{shop.socket}"}

    async def story(load: Load) -> None:
        async with watched(shop, tmp_path, mode="observe", environ=environ) as engine:
            await all_healthy(engine)
            await all_take(engine, 3)
            await act_on_each(engine, shop)
            if IS_FULL:  # all of them, one after the other
                await proven(engine, await ask(engine, ActionKind.CONTAINER_RESTART))
                await all_take(engine, 3)
            await until(lambda: load.total >= REQUESTS, f"{REQUESTS} requests", 400.0)
            kinds = [a.kind for a in await engine.control.journal.actions()]
            assert len(kinds) == (15 if IS_FULL else 6), kinds

    wait_until(shop.socket.exists, 10.0, "the socket")
    wait_until(lambda: _answers(shop.port), 30.0, "an answer through HAProxy")
    began_s = time.monotonic()
    with Load(shop.port) as load:
        asyncio.run(story(load))
    with Load(shop.port) as control:
        for number in (1, 2, 3):  # by nobody who tells HAProxy
            call("restart", f"{shop.name}_web_{number}")
    took_s = time.monotonic() - began_s
    without = f"without: {len(control.lost)} of {control.total}"
    print(f"{load.total} requests in {took_s:.0f} s, {len(load.lost)} lost; {without}")
    assert load.lost == [], f"{load.lost[:5]}\n{shop.said_by_router()}"
    assert load.total >= REQUESTS
    assert control.lost, "or else this test could not fail"
    assert len(load.answered) >= 4, "all of them, and the fourth, were asked"


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
