"""The sense of queues on a real Redis, a real HTTP server and real commands."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from everup.demo.stack.servers.redis import installed
from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.kinds import InstanceState
from everup.model.observation import Instance
from everup.model.settings import Settings
from everup.model.sizing import QueueSpec
from everup.model.stack import ServiceSpec
from everup.signals.probes import create_commands
from everup.signals.queues import create_queue_sense
from tests.ports import free_port
from tests.system.database_servers import RedisClient
from tests.system.probe_lab import SystemClock

pytestmark = [pytest.mark.system]

HOST, TIMEOUT_S = "127.0.0.1", 2.0
SERVICE = ServiceSpec("worker")


class Redis(RedisClient):
    """A real one, empty."""

    def queue(self, key: str = "jobs", database: int = 0) -> QueueSpec:
        return QueueSpec(f"{HOST}:{self.port}/{database}", key)

    @property
    def is_new(self) -> bool:
        """Does it say how far groups are behind?"""
        info = dict(line.partition(":")[::2] for line in self.do("info", "server").splitlines())
        return int(info["redis_version"].split(".")[0]) >= 7


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Redis]:
    binary, port = installed(), free_port()
    options = ["--port", str(port), "--bind", HOST, "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen([str(binary), *options], stdout=subprocess.DEVNULL)
    made, ends_s = Redis(port, binary.with_name("redis-cli")), time.monotonic() + 20
    try:
        while True:
            try:
                made.do("ping")
                break
            except subprocess.CalledProcessError:
                assert time.monotonic() < ends_s
                time.sleep(0.05)
        yield made
    finally:
        process.terminate()
        process.wait(timeout=10)


@dataclass
class Page:
    """What is answered, by path."""

    port: int
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def put(self, path: str, body: object, status: int = 200) -> QueueSpec:
        text = body if isinstance(body, str) else json.dumps(body)
        self.answers[path] = (status, text.encode())
        return QueueSpec(http=f"http://{HOST}:{self.port}{path}")


@pytest.fixture
def page() -> Iterator[Page]:
    made = Page(0)

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = made.answers.get(self.path, (404, b"nothing here"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer((HOST, 0), Answer)
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join(10)


def running(port: int | None, number: int = 0) -> Instance:
    name = f"worker-{number}"
    return Instance("worker", name, "1", InstanceState.RUNNING, port=port, address=HOST)


def length(
    spec: QueueSpec,
    *instances: Instance,
    timeout_s: float = TIMEOUT_S,
    environ: dict[str, str] | None = None,
) -> float:
    async def ask() -> float:
        clock = SystemClock()
        commands = create_commands(clock, Settings())
        sense = create_queue_sense(commands, environ)
        try:
            return await sense.length(spec, SERVICE, instances, timeout_s)
        finally:
            await sense.close()
            await commands.close()

    return asyncio.run(ask())


def refused(
    error: type[EverupError],
    spec: QueueSpec,
    *instances: Instance,
    environ: dict[str, str] | None = None,
) -> str:
    with pytest.raises(error) as caught:
        length(spec, *instances, timeout_s=0.5, environ=environ)
    return str(caught.value)


@pytest.mark.parametrize(
    "words",
    [
        ("rpush", "jobs", "a", "b", "c"),
        ("sadd", "jobs", "a", "b", "c"),
        ("zadd", "jobs", "1", "a", "2", "b", "3", "c"),
    ],
)
def test_redis_says_how_long_it_is(store: Redis, words: tuple[str, ...]) -> None:
    assert length(store.queue()) == 0.0, "nothing is there yet"
    store.do(*words)
    assert length(store.queue()) == 3.0
    assert length(store.queue(database=1)) == 0.0, "that is another database"


def test_a_stream_counts_what_is_not_done(store: Redis) -> None:
    for number in range(5):
        store.do("xadd", "jobs", "*", "n", str(number))
    assert length(store.queue()) == 5.0, "nobody reads it in a group"
    store.do("xgroup", "create", "jobs", "workers", "0")
    read = ("xreadgroup", "group", "workers", "one", "count", "2", "streams", "jobs", ">")
    store.do(*read)
    if not store.is_new:
        assert "Redis 7" in refused(GiveUp, store.queue())
        return
    assert length(store.queue()) == 5.0, "three are waiting and two under way"
    store.do("xgroup", "create", "jobs", "others", "$")
    for row in store.do(*read).splitlines():
        if "-" in row:
            store.do("xack", "jobs", "workers", row.split()[-1])
    assert length(store.queue()) <= 5.0


def test_redis_that_cannot_or_will_not_say(store: Redis) -> None:
    store.do("set", "jobs", "7")
    assert "holds a string" in refused(GiveUp, store.queue())
    store.do("config", "set", "requirepass", "secret")
    assert "wants an account" in refused(GiveUp, store.queue())
    known = replace(store.queue(), password_env="JOBS")
    assert "holds a string" in refused(GiveUp, known, environ={"JOBS": "secret"})
    assert "another password" in refused(GiveUp, known, environ={"JOBS": "guess"})
    assert "JOBS, which is not set" in refused(GiveUp, known, environ={})
    silent = QueueSpec(f"{HOST}:{free_port()}/0", "jobs")
    assert "nothing listens there" in refused(TryAgain, silent)


def test_a_page_says_a_number(page: Page) -> None:
    assert length(page.put("/plain", "17\n")) == 17.0
    nested = page.put("/stats", {"queues": [{"waiting": 4}, {"waiting": 9}]})
    assert length(QueueSpec(http=f"{nested.http}#queues.1.waiting")) == 9.0


@pytest.mark.parametrize(
    ("body", "status", "path", "error", "said"),
    [
        ("17", 503, "", TryAgain, "answered 503"),
        ("17", 429, "", TryAgain, "answered 429"),
        ("17", 302, "", GiveUp, "answered 302"),
        ("many", 200, "", GiveUp, "no number"),
        ({"a": 1}, 200, "#b", GiveUp, "without b"),
        ("1" * 5000, 200, "", GiveUp, "more than 4096 bytes"),
    ],
)
def test_a_page_that_says_none(
    page: Page, body: object, status: int, path: str, error: type[EverupError], said: str
) -> None:
    spec = page.put("/q", body, status)
    text = refused(error, QueueSpec(http=f"{spec.http}{path}"))
    assert said in text
    assert str(page.port) in text, "where is said"


def test_each_instances_own_queue_is_added_up(page: Page) -> None:
    page.put("/q", "5")
    spec = QueueSpec(http="http://{host}:{port}/q")
    assert length(spec, running(page.port), running(page.port, 1)) == 10.0
    assert "nothing of it runs" in refused(TryAgain, spec)
    gone = running(free_port(), 1)
    assert "nothing listens" in refused(TryAgain, spec, running(page.port), gone)


def test_a_command_prints_a_number() -> None:
    python = (sys.executable, "-c")
    assert length(QueueSpec(command=("echo", "23"))) == 23.0
    assert length(QueueSpec(command=("echo", "{port}")), running(80), running(90, 1)) == 170.0
    assert "no number" in refused(GiveUp, QueueSpec(command=("echo", "no idea")))
    assert "ended with 3" in refused(TryAgain, QueueSpec(command=(*python, "raise SystemExit(3)")))
    assert "no answer within" in refused(TryAgain, QueueSpec(command=("sleep", "20")))
    assert "no-such" in refused(GiveUp, QueueSpec(command=("/no-such-program",)))
