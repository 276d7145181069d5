"""A release that never works is gone back from, on real processes, and the link is left alone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from everup.app import Engine, build_app
from everup.config import load_stack
from everup.model import entries as e
from everup.model.kinds import ActionKind, Cause, Condition
from everup.model.request import AnswerState, Request, Verb
from tests.ports import free_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(200)]

PROGRAM = """
import http.server, os
STATUS = {status}
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(STATUS)
        self.end_headers()
    def log_message(self, *said):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
FILE = """
stack: s
mode: auto
time_scale: 0.2
services:
  it:
    command: [{python}, serve.py]
    port: {port}
    probe: {{http: "http://127.0.0.1:{{port}}/"}}
    releases: {{directory: releases, current: current}}
"""


def _release(folder: Path, version: str, status: int) -> None:
    (folder / "releases" / version).mkdir(parents=True)
    (folder / "releases" / version / "serve.py").write_text(PROGRAM.format(status=status))


def _point(folder: Path, version: str) -> None:
    (folder / "releases/current").unlink(missing_ok=True)
    (folder / "releases/current").symlink_to(version)


async def _until(is_so: Callable[[], Any], what: str, within_s: float = 90.0) -> None:
    deadline_s = asyncio.get_running_loop().time() + within_s
    while not is_so():
        assert asyncio.get_running_loop().time() < deadline_s, f"in vain: {what}"
        await asyncio.sleep(0.1)


async def _told(engine: Engine, kind: type[Any]) -> list[Any]:
    entries = await engine.control.journal.entries(limit=1000)
    return [entry for _, _, entry in entries if isinstance(entry, kind)]


def _is_well(engine: Engine) -> bool:
    look = engine.control.look
    assert look is not None
    return look.assessment.own.services["it"].condition is Condition.HEALTHY


def _is_another(engine: Engine, pid: int) -> Callable[[], bool]:
    return lambda: _pid(engine) not in (0, pid)


def test_a_bad_release_is_gone_back_from(tmp_path: Path) -> None:
    _release(tmp_path, "1", 200)
    _release(tmp_path, "2", 500)
    _point(tmp_path, "1")
    file = tmp_path / "everup.yaml"
    file.write_text(FILE.format(python=sys.executable, port=free_port()))

    async def story() -> None:
        engine = build_app(load_stack(file, {}), state_dir=tmp_path / "state")
        await engine.start()
        try:
            control = engine.control
            await _until(lambda: control.state.service("it").safe_points, "it is kept")
            nothing = Request(Verb.HEAL, "ann", "it", kind=ActionKind.EMERGENCY_ROLLBACK)
            refused = await control.request(nothing)
            assert (refused.state, refused.check) == (AnswerState.REFUSED, "nothing_to_roll_back")

            first = control.state.service("it").version
            _point(tmp_path, "2")
            wish = Request(Verb.HEAL, "ann", "it", kind=ActionKind.RECREATE, reason="release 2")
            assert (await control.request(wish)).state is AnswerState.ACCEPTED
            await _until(lambda: control.state.service("it").version != first, "release 2 runs")
            back_to, lines = await control.compare("it")
            assert back_to == "release 1"
            assert "runs from: release 2 → release 1" in lines

            await _until(lambda: control.state.service("it").version == first, "it went back")
            await _until(lambda: _is_well(engine), "it is well")
            done = [x for x in await _told(engine, e.Intended) if x.by == "everup"]
            assert [(x.step.kind, x.cause) for x in done] == [
                (ActionKind.EMERGENCY_ROLLBACK, Cause.BAD_DEPLOY)
            ]
            assert (tmp_path / "releases/current").readlink() == Path("2"), "it is its owner's"
        finally:
            await engine.stop(stop_services=True)

    asyncio.run(story())


def _pid(engine: Engine) -> int:
    """Of the one that runs; 0: none does."""
    look = engine.control.look
    assert look is not None
    seen = look.observation.services["it"].instances
    return int(seen[0].instance.identity.partition(".")[0]) if seen and _is_well(engine) else 0


def test_no_crash_without_a_change_goes_back(tmp_path: Path) -> None:
    """Another release lies there, and nobody brings it."""
    _release(tmp_path, "1", 200)
    _release(tmp_path, "2", 200)
    _point(tmp_path, "1")
    file = tmp_path / "everup.yaml"
    file.write_text(FILE.format(python=sys.executable, port=free_port()))

    async def story() -> None:
        engine = build_app(load_stack(file, {}), state_dir=tmp_path / "state")
        await engine.start()
        try:
            control = engine.control
            await _until(lambda: control.state.service("it").safe_points, "it is kept")
            first = control.state.service("it").version
            for _ in range(2):
                await _until(lambda: _pid(engine), "it is well")
                pid = _pid(engine)
                os.kill(pid, signal.SIGKILL)
                await _until(_is_another(engine, pid), "it is started")
            kinds = {x.step.kind for x in await _told(engine, e.Intended)}
            assert kinds == {ActionKind.START, ActionKind.CONTAINER_RESTART}, (
                "its first one, and these"
            )
            assert control.state.service("it").version == first
            assert not await _told(engine, e.ProbationBegan)
        finally:
            await engine.stop(stop_services=True)

    asyncio.run(story())
