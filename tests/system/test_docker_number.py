"""Fewer containers than the load needs are gone back from; fewer that suffice are safe."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from everup.app import Engine
from everup.loop.counts import SOMEBODY
from everup.loop.restores import RestoreWish
from everup.model import entries as e
from everup.model.comparison import Aspect
from everup.model.kinds import ActionKind, Origin
from everup.model.probation import ProbationEnding
from everup.model.request import AnswerState
from everup.model.restore import RestoreEnding, RestoreTarget
from everup.model.scaling import BEFORE, INSTANCES
from everup.model.state import ServiceState
from everup.rollback_manager import target_of
from tests.docker_engine import BUSYBOX, PYTHON, Docker
from tests.system.docker_stack import Shop, actions, all_healthy, told, until, watched

# ruff: noqa: E501
pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SLOW_S = 240.0  # of a machine that does much else
BUSY = {"EVERUP_HOST_PRESSURE_RATIO": "1"}  # which is no matter here: the load is no CPU
CLIENTS = 24
"""Each asks again as soon as it was answered. A copy answers one after the other, 0.3 s each: with
three of them in 2.4 s, with one alone in 7.2 s, of which the check waits for 5 s."""
SERVE = """
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.3)
        self.send_response(200)
        self.end_headers()
class Server(http.server.HTTPServer):
    request_queue_size = 128
Server(("", 8080), Handler).serve_forever()
"""
ASK = """
import socket
with socket.create_connection(("127.0.0.1", 8080), 5) as one:
    one.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
    assert b"200" in one.recv(99)
"""
USE = f"""
import random, socket, threading, time
def use():
    while True:
        try:
            there = random.choice(socket.gethostbyname_ex("web")[2])
            with socket.create_connection((there, 8080), 20) as one:
                one.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
                one.recv(99)
        except OSError:
            time.sleep(0.5)
for _ in range({CLIENTS}):
    threading.Thread(target=use).start()
"""


def _runs(program: str) -> str:
    return json.dumps(["python", "-S", "-E", "-c", program])


COMPOSE = f"""
version: "2.4"
services:
  web:
    image: {PYTHON}
    stop_grace_period: 1s
    command: {_runs(SERVE)}
    healthcheck: {{interval: 1s, timeout: 6s, retries: 2, test: {_runs(ASK).replace("[", '["CMD", ', 1)}}}
  idle:
    image: {BUSYBOX}
    stop_grace_period: 1s
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    healthcheck: {{interval: 1s, timeout: 5s, retries: 2, test: ["CMD-SHELL", "true"]}}
  users:
    image: {PYTHON}
    stop_grace_period: 1s
    command: {_runs(USE)}
"""


@pytest.fixture
def shop(docker: Docker, tmp_path: Path) -> Iterator[Shop]:
    made = Shop(docker, f"number{abs(hash(tmp_path)) % 10**8}", tmp_path, COMPOSE)
    made.compose("up", "-d", "--scale", "web=3", "--scale", "idle=2")
    yield made
    made.compose("down", "-v", "-t", "0")


def _of(engine: Engine, name: str) -> ServiceState:
    return engine.control.state.service(name)


async def _about(engine: Engine, kind: type[e.Entry], service: str) -> list[Any]:
    return [x for x in await told(engine, kind) if getattr(x, "service", "") == service]


async def _restored(shop: Shop, engine: Engine, snapshot_id: str) -> None:
    """A person wants it as it was in the snapshot: as many, though it runs from the same."""
    held = await engine.control.snapshot(snapshot_id)
    assert held is not None
    target = target_of(held, ("idle",))
    assert isinstance(target, RestoreTarget)
    began = await engine.control.restore(RestoreWish(target, "ann"))
    assert began.answer.state is AnswerState.ACCEPTED, began.answer.text

    def ending() -> RestoreEnding | None:
        return engine.control.state.restores[began.restore_id].ending

    await until(ending, "it is restored", SLOW_S)
    assert ending() is RestoreEnding.RESTORED
    assert len(shop.compose("ps", "-q", "idle").split()) == 2


def test_fewer_than_the_load_needs_and_fewer_that_suffice(shop: Shop, tmp_path: Path) -> None:
    async def story() -> None:
        async with watched(shop, tmp_path, time_scale=0.4, environ=BUSY) as engine:
            await all_healthy(engine)
            await until(lambda: _of(engine, "web").counted == 3, "as many are kept", SLOW_S)
            await until(lambda: _of(engine, "idle").counted == 2, "as many are kept", SLOW_S)
            await until(lambda: engine.control.state.snapshots, "a snapshot", SLOW_S)
            shop.compose("up", "-d", "--no-recreate", "--scale", "web=1", "--scale", "idle=1")
            assert len(shop.compose("ps", "-q", "web").split()) == 1
            await until(lambda: _of(engine, "web").probation, "fewer are watched", SLOW_S)
            await until(lambda: _of(engine, "web").past_probation, "it went back", SLOW_S)

            (ended,) = await _about(engine, e.ProbationEnded, "web")
            assert ended.ending is ProbationEnding.ROLLED_BACK, ended.reason
            (change,) = await _about(engine, e.InstancesCounted, "web")
            assert (change.before, change.count, change.by) == (3, 1, SOMEBODY)
            (done,) = await actions(engine)
            assert (done.step.kind, done.origin) == (
                ActionKind.EMERGENCY_ROLLBACK,
                Origin.ROLLBACK,
            )
            assert (done.step.parameters[INSTANCES], done.step.parameters[BEFORE]) == (3, 1)
            proof = (await _about(engine, e.Verified, "web"))[-1]
            assert proof.has_passed
            assert "3 instances" in proof.reason
            assert len(shop.compose("ps", "-q", "web").split()) == 3

            first = engine.control.state.snapshots[0]
            changes = await engine.control.compare_snapshots(first.id, "now")
            lines = {c.service: (c.lines, c.by) for c in changes if c.aspect is Aspect.REPLICAS}
            assert lines == {"idle": (("2 → 1",), "somebody else")}
            await until(lambda: _of(engine, "idle").past_probation, "fewer suffice", SLOW_S)
            (ended,) = await _about(engine, e.ProbationEnded, "idle")
            assert ended.ending is ProbationEnding.SAFE_POINT, ended.reason
            assert [p.instances for p in _of(engine, "idle").safe_points] == [1]
            assert not await _about(engine, e.Verified, "idle"), "nothing was done"
            await _restored(shop, engine, first.id)

    asyncio.run(story())
