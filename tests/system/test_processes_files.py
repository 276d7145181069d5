"""A corrupt configuration file on real processes: put back where allowed, asked about where not."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from everup.app import Engine, build_app
from everup.config import load_stack
from everup.model import entries as e
from everup.model.kinds import ActionKind, Cause, Condition
from everup.model.request import AnswerState, Request, Verb
from tests.ports import free_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

PROGRAM = """
import http.server, os, sys
if "status = 200" not in open("app.conf").read():
    sys.exit(3)
ballast = bytearray(int(os.environ["BALLAST_MIB"]) << 20)
for n in range(0, len(ballast), 4096):
    ballast[n] = 1
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
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
    directory: .
    port: {port}
    env: {{BALLAST_MIB: "{ballast}"}}
    limits: {{memory: {memory}}}
    probe: {{http: "http://127.0.0.1:{{port}}/"}}
    config_files: [app.conf]
    restore_files: {allowed}
"""
GOOD, BROKEN = "status = 200\n", "status = (((\n"


class Home:
    """A folder with the file, the program and what declares it."""

    def __init__(self, folder: Path, *, allowed: bool) -> None:
        self.folder, self.conf, self.file = folder, folder / "app.conf", folder / "everup.yaml"
        self.port, self.allowed = free_port(), allowed
        (folder / "serve.py").write_text(PROGRAM)
        self.conf.write_text(GOOD)
        self.conf.chmod(0o640)
        self.declare()

    def declare(self, memory: str = "256MiB", ballast: str = "48") -> None:
        text = FILE.format(
            python=sys.executable,
            port=self.port,
            memory=memory,
            ballast=ballast,
            allowed=str(self.allowed).lower(),
        )
        self.file.write_text(text)

    @asynccontextmanager
    async def watched(self, *, stops: bool = True) -> AsyncIterator[Engine]:
        engine = build_app(load_stack(self.file, {}), state_dir=self.folder / "state")
        await engine.start()
        try:
            yield engine
        finally:
            await engine.stop(stop_services=stops)

    def broken(self) -> list[Path]:
        return sorted(self.folder.rglob("*.everup-broken-*"))


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
    return look is not None and (
        look.assessment.own.services["it"].condition is Condition.HEALTHY
        and not engine.control.state.incidents
        and not engine.control.state.in_flight
    )


def _kept(engine: Engine) -> int:
    return len(engine.control.state.service("it").safe_points)


async def _restart(engine: Engine) -> None:
    """What a person does after editing."""
    wish = Request(Verb.HEAL, "ann", "it", kind=ActionKind.CONTAINER_RESTART)
    assert (await engine.control.request(wish)).state is AnswerState.ACCEPTED


def test_a_corrupt_file_is_put_back(tmp_path: Path) -> None:
    home = Home(tmp_path, allowed=True)
    inode, mode = home.conf.stat().st_ino, home.conf.stat().st_mode

    async def story() -> None:
        async with home.watched() as engine:
            await _until(lambda: _kept(engine), "it is kept")
            home.conf.write_text(BROKEN)
            await _restart(engine)
            await _until(lambda: home.conf.read_text() == GOOD, "it is put back")
            await _until(lambda: _is_well(engine), "it is well")
            assert (home.conf.stat().st_ino, home.conf.stat().st_mode) == (inode, mode)
            (broken,) = home.broken()
            assert (broken.parent, broken.read_text()) == (home.folder, BROKEN)
            done = [x for x in await _told(engine, e.Intended) if x.cause is Cause.BAD_DEPLOY]
            assert [x.step.kind for x in done] == [ActionKind.EMERGENCY_ROLLBACK]
            (kept,) = await engine.control.runtime.stack_files()
            assert kept.path == str(home.file)

    asyncio.run(story())


def test_where_it_is_not_allowed_a_person_is_asked(tmp_path: Path) -> None:
    home = Home(tmp_path, allowed=False)

    async def story() -> None:
        async with home.watched() as engine:
            await _until(lambda: _kept(engine), "it is kept")
            home.conf.write_text(BROKEN)
            await _restart(engine)
            await _until(lambda: engine.control.state.approvals, "a person is asked")
            (asked,) = engine.control.state.approvals.values()
            assert "  +status = 200" in asked.differs
            assert home.conf.read_text() == BROKEN
            assert not home.broken()
            word = Request(Verb.APPROVE, "ann", "it", approval_id=asked.id)
            assert (await engine.control.request(word)).state is AnswerState.DONE
            await _until(lambda: home.conf.read_text() == GOOD, "it is put back")
            await _until(lambda: _is_well(engine), "it is well")

    asyncio.run(story())


@pytest.mark.parametrize(
    "wrong", [{"memory": "32MiB"}, {"ballast": "much"}], ids=["limit", "variable"]
)
def test_what_is_declared_wrongly_is_gone_back_from(tmp_path: Path, wrong: dict[str, str]) -> None:
    home = Home(tmp_path, allowed=True)

    async def story() -> None:
        async with home.watched(stops=False) as engine:
            await _until(lambda: _kept(engine), "it is kept")
            first = engine.control.state.service("it").version
        home.declare(**wrong)
        async with home.watched() as engine:
            await _until(lambda: _is_well(engine), "it is seen again")
            await _restart(engine)
            await _until(lambda: engine.control.state.service("it").version != first, "changed")
            await _until(lambda: engine.control.state.service("it").version == first, "it is back")
            await _until(lambda: _is_well(engine), "it is well")
            done = [x for x in await _told(engine, e.Intended) if x.cause is Cause.BAD_DEPLOY]
            assert [x.step.kind for x in done] == [ActionKind.EMERGENCY_ROLLBACK]

    asyncio.run(story())


def test_after_a_kill_in_the_midst_it_is_the_old_or_the_new(tmp_path: Path) -> None:
    """The note of an exchange that a killed Everup left is settled by the next start."""
    home = Home(tmp_path, allowed=True)

    async def story() -> None:
        async with home.watched(stops=False) as engine:
            await _until(lambda: _kept(engine), "it is kept")
        home.conf.write_text(BROKEN)
        for after_s in (0.0, 0.003, 0.011):
            await asyncio.to_thread(_killed_in_the_midst, home, after_s)
            async with home.watched(stops=False):
                assert home.conf.read_text() == BROKEN, "no instance has begun with the other"
                assert not home.broken()
        home.conf.write_text(GOOD)
        async with home.watched():
            pass

    asyncio.run(story())


CHILD = """
import os, sys
from everup.model.runtime import KeptFile
from everup.runtimes.config_files import Change, FileExchange
folder, path, old, new = sys.argv[1:]
exchange = FileExchange(__import__("pathlib").Path(folder), lambda: 1_800_000_000.0)
def kept(text):
    return KeptFile(path, "", text.encode(), 0o640, os.getuid(), os.getgid())
print("ready", flush=True)
while True:
    exchange.write("it", [Change(path, path, kept(old), kept(new), is_beside=True)])
    exchange.put_back("it")
"""


def _killed_in_the_midst(home: Home, after_s: float) -> None:
    """Somebody writes, puts back, writes again, and is killed some time."""
    folder = str(home.folder / "state" / "files")
    command = [sys.executable, "-c", CHILD, folder, str(home.conf), BROKEN, GOOD]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        time.sleep(0.05 + after_s)
        child.kill()
