"""Services that nobody declared how to ask: what can be known is, and the root is healed."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from everup.app import Engine
from everup.model.kinds import Condition, ProbeVerdict
from everup.model.observation import InstanceObservation
from tests.docker_engine import BUSYBOX, PYTHON, Docker, call
from tests.system.docker_stack import (
    ASK,
    Shop,
    actions,
    all_healthy,
    condition,
    crash_is_healed,
    resolved,
    until,
    watched,
)

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

Make = Callable[[str], Shop]

STAYS = """["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]"""
SERVES = '["sh", "-c", "mkdir -p /www; echo hi >/www/index.html; exec httpd -f -p 8080 -h /www"]'
_ASKS_BACKEND = ASK.format(host="backend").replace(chr(92), chr(92) * 2)
FRONT = f"""
  front:
    image: {BUSYBOX}
    command: {STAYS}
    depends_on: [backend]
    healthcheck:
      test: ["CMD-SHELL", "{_ASKS_BACKEND}"]
      interval: 1s
      timeout: 2s
      retries: 3
"""
HEAD = 'version: "2.4"\nservices:\n'

SERVER = """
    import http.server, socketserver, time
    status = 200
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            global status
            if self.path == "/hang":
                time.sleep(100000)
            if self.path.startswith("/say/"):
                status = int(self.path[5:])
            self.send_response(status)
            self.end_headers()
        def log_message(self, *words):
            pass
    socketserver.TCPServer(("", 8080), Page).serve_forever()
"""


@pytest.fixture
def make(docker: Docker, tmp_path: Path) -> Iterator[Make]:
    with ExitStack() as stack:

        def made(services: str) -> Shop:
            word = f"strange{abs(hash(tmp_path)) % 10**8}"
            shop = Shop(docker, word, tmp_path, HEAD + services)
            shop.compose("up", "-d")
            docker.talk(word)
            stack.callback(shop.compose, "down", "-v", "-t", "0")
            return shop

        yield made


def _one(engine: Engine, service: str) -> InstanceObservation:
    look = engine.control.look
    assert look is not None
    (one,) = look.observation.services[service].instances
    return one


def _passes(engine: Engine, service: str) -> bool:
    probe = _one(engine, service).probe
    return probe is not None and probe.verdict is ProbeVerdict.PASS


def _targets(done: list[object]) -> list[str]:
    return [action.step.target for action in done]  # type: ignore[attr-defined]


def test_a_backend_without_a_check_hangs_and_its_front_is_left_alone(
    make: Make, tmp_path: Path
) -> None:
    """Nothing says what it speaks: the failing check of who needs it is the first proof, and the
    kernel's word the second."""
    shop = make(f"  backend:\n    image: {BUSYBOX}\n    command: {SERVES}\n{FRONT}")

    async def story() -> None:
        async with watched(shop, tmp_path) as engine:
            spec = engine.control.stack.services["backend"]
            assert spec.probe is None
            assert spec.unasked_because
            await all_healthy(engine)
            shop.do("kill", "backend", "-s", "STOP")
            await resolved(engine, 1)
            await all_healthy(engine)
            assert set(_targets([*await actions(engine)])) == {"backend"}

    asyncio.run(story())


def test_a_backend_that_ends_well_after_long_is_started_where_somebody_suffers(
    make: Make, tmp_path: Path
) -> None:
    """At a fifth of the time: an exit with 0 counts as a fault after 12 s, and it ran for 14. Its
    policy does not call that a failure. `job` ends well too, and nobody needs it."""
    ends = "trap 'exit 0' TERM; mkdir -p /www; echo hi >/www/index.html; httpd -p 8080 -h /www; "
    ends += "for i in $$(seq 140); do test -e /stay || sleep 0.1; done; test -e /stay || exit 0; "
    shop = make(
        f"""
  backend:
    image: {BUSYBOX}
    restart: on-failure
    command: ["sh", "-c", "{ends} sleep 100000 & wait"]
  job:
    image: {BUSYBOX}
    restart: on-failure
    command: ["sh", "-c", "sleep 14"]
{FRONT}"""
    )

    async def story() -> None:
        async with watched(shop, tmp_path, time_scale=0.2) as engine:
            await until(lambda: condition(engine, "front") is Condition.HEALTHY, "front is well")
            await until(lambda: not shop.state("backend")["Running"], "backend ends", 30)
            assert shop.state("backend")["ExitCode"] == 0
            await until(lambda: shop.state("backend")["Running"], "backend is started", 30)
            call("exec", shop.container("backend"), "touch", "/stay")
            await until(lambda: condition(engine, "front") is Condition.HEALTHY, "front is well")
            await resolved(engine, 1)
            assert set(_targets([*await actions(engine)])) == {"backend"}
            assert not shop.state("job")["Running"]

    asyncio.run(story())


def test_who_is_called_by_a_url_is_asked_by_it(make: Make, tmp_path: Path) -> None:
    """Its process sleeps in state S, as a deadlock does: only asking it shows that it hangs."""
    script = textwrap.indent(textwrap.dedent(SERVER), "        ").strip()
    shop = make(
        f"""
  backend:
    image: {PYTHON}
    command:
      - python
      - -c
      - |
        {script}
  front:
    image: {BUSYBOX}
    command: {STAYS}
    environment:
      BACKEND_URL: http://backend:8080/v1
      OTHER_URL: http://quiet:9000
  quiet:
    image: {BUSYBOX}
    command: {STAYS}
"""
    )

    def ask(path: str) -> None:
        say = f"printf 'GET {path} HTTP/1.0\\r\\n\\r\\n' | nc -w 1 backend 8080 || true"
        call("exec", shop.container("front"), "sh", "-c", say)

    async def story() -> None:
        async with watched(shop, tmp_path, time_scale=0.2) as engine:
            await all_healthy(engine)
            await until(lambda: _passes(engine, "backend"), "backend answers")
            assert _one(engine, "quiet").goes_unasked, "it never answered, which proves nothing"

            ask("/say/404")
            await until(lambda: "404" in _detail(engine, "backend"), "it says 404")
            await asyncio.sleep(4)
            assert condition(engine, "backend") is Condition.HEALTHY, "who says 404 answers"
            assert await actions(engine) == []

            await asyncio.to_thread(ask, "/hang")
            await resolved(engine, 1)
            await until(lambda: _passes(engine, "backend"), "backend answers")
            assert set(_targets([*await actions(engine)])) == {"backend"}
            assert condition(engine, "quiet") is Condition.HEALTHY

            await crash_is_healed(shop, "quiet")

    asyncio.run(story())


def _detail(engine: Engine, service: str) -> str:
    probe = _one(engine, service).probe
    return "" if probe is None else probe.detail
