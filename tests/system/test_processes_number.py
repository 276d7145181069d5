"""Fewer instances than the load needs are gone back from, on real processes; where nobody suffers
for it, fewer are the new safe point."""

from __future__ import annotations

import asyncio
import sys
import threading
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from everup.app import Engine, build_app
from everup.config import load_stack
from everup.model import entries as e
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.probation import ProbationEnding
from everup.model.request import AnswerState, Request, Verb
from everup.model.scaling import BEFORE, INSTANCES, Amount
from everup.model.state import ServiceState
from tests.ports import free_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

PROGRAM = """
import http.server, os, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.04)
        self.send_response(200)
        self.end_headers()
    def log_message(self, *said):
        pass
class Server(http.server.HTTPServer):  # one answer after the other
    request_queue_size = 128
Server(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
FILE = """
stack: s
mode: auto
time_scale: 0.5
services:
  it:
    command: [{python}, {program}]
    port: {it}
    instances: {{count: 3, max: 4}}
    spread: client
    probe: {{http: "http://127.0.0.1:{{port}}/", timeout_s: 2}}
  idle:
    command: [{python}, {program}]
    port: {idle}
    instances: {many}
    probe: {{http: "http://127.0.0.1:{{port}}/", timeout_s: 2}}
"""
CLIENTS = 36
"""Each asks again as soon as it was answered: 0.5 s for an answer of one of three, 1.4 s of
one alone, of which the probe waits for 1 s."""
ENVIRONMENT = {"EVERUP_PROBATION_S": "40", "EVERUP_HOST_PRESSURE_RATIO": "1"}


class Load:
    """Clients that each keep to a copy of their own, or to the first where theirs is not there."""

    def __init__(self, port: int) -> None:
        self._is_over, self._port = threading.Event(), port
        self._threads = [
            threading.Thread(target=self._ask, args=(port + number % 3,), daemon=True)
            for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, own: int) -> None:
        while not self._is_over.wait(0.01):
            for port in (own, self._port):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10.0) as told:
                        told.read()
                    break
                except OSError:
                    continue

    def end(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(11.0)


def _has(engine: Engine, name: str, count: int) -> bool:
    return engine.control.state.service(name).counted == count


async def _until(is_so: Callable[[], Any], what: str, within_s: float = 180.0) -> None:
    deadline_s = asyncio.get_running_loop().time() + within_s
    while not is_so():
        assert asyncio.get_running_loop().time() < deadline_s, f"in vain: {what}"
        await asyncio.sleep(0.1)


async def _told(engine: Engine, kind: type[Any], service: str) -> list[Any]:
    entries = await engine.control.journal.entries(limit=2000)
    found = [entry for _, _, entry in entries if isinstance(entry, kind)]
    return [x for x in found if getattr(x, "service", "") == service]


def test_fewer_than_the_load_needs_and_fewer_that_suffice(tmp_path: Path) -> None:
    program = tmp_path / "serve.py"
    program.write_text(PROGRAM)
    port, idle, file = free_port(), free_port(), tmp_path / "everup.yaml"

    def declare(many: int) -> None:
        text = FILE.format(python=sys.executable, program=program, it=port, idle=idle, many=many)
        file.write_text(text)

    def of(engine: Engine, name: str) -> ServiceState:
        return engine.control.state.service(name)

    async def kept() -> None:
        declare(3)
        engine = build_app(load_stack(file, ENVIRONMENT), state_dir=tmp_path / "state")
        await engine.start()
        try:
            for name in ("it", "idle"):
                await _until(partial(_has, engine, name, 3), f"{name} is kept")
        finally:
            await engine.stop(stop_services=True)

    async def changed() -> None:
        declare(2)
        engine = build_app(load_stack(file, ENVIRONMENT), state_dir=tmp_path / "state")
        await engine.start()
        load: Load | None = None
        try:
            await _until(lambda: of(engine, "idle").probation, "fewer are watched")
            wish = Request(Verb.SCALE, "ann", "it", amount=Amount(instances=1))
            await _until(lambda: engine.control.look is not None, "it was seen")
            answer = await engine.control.request(wish)
            assert answer.state is AnswerState.ACCEPTED, answer.text
            await _until(lambda: of(engine, "it").probation, "a person's number is watched too")
            load = Load(port)
            await _until(lambda: of(engine, "it").past_probation, "its probation ends")
            assert of(engine, "it").counted == 3
            (done,) = [x for x in await _all(engine, e.Intended) if x.by == "everup"]
            assert (done.step.kind, done.origin, done.cause) == (
                *(ActionKind.EMERGENCY_ROLLBACK, Origin.ROLLBACK),
                Cause.BAD_DEPLOY,
            )
            assert (done.step.parameters[INSTANCES], done.step.parameters[BEFORE]) == (3, 1)
            (ended,) = await _told(engine, e.ProbationEnded, "it")
            assert ended.ending is ProbationEnding.ROLLED_BACK
            proof = (await _told(engine, e.Verified, "it"))[-1]
            assert proof.has_passed
            assert "3 instances" in proof.reason

            await _until(lambda: of(engine, "idle").past_probation, "fewer suffice")
            assert [p.instances for p in of(engine, "idle").safe_points] == [2]
            (kind,) = await _told(engine, e.InstancesCounted, "idle")
            assert (kind.before, kind.count) == (3, 2)
            (ended,) = await _told(engine, e.ProbationEnded, "idle")
            assert ended.ending is ProbationEnding.SAFE_POINT
            intents = [x for x in await _all(engine, e.Intended) if x.step.target == "idle"]
            assert {x.step.kind for x in intents} == {ActionKind.START}, "nothing was done"
        finally:
            if load is not None:
                load.end()
            await engine.stop(stop_services=True)

    asyncio.run(kept())
    asyncio.run(changed())


async def _all(engine: Engine, kind: type[Any]) -> list[Any]:
    entries = await engine.control.journal.entries(limit=2000)
    return [entry for _, _, entry in entries if isinstance(entry, kind)]
