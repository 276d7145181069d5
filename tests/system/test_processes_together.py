"""Three services are changed in one step and one of them is bad, on real processes: it goes back,
and the others, which are well, stay; whoever it is joined to is named."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from everup.app import Engine, build_app
from everup.config import load_stack
from everup.loop.control import Control
from everup.model import entries as e
from everup.model.kinds import ActionKind, Cause
from everup.model.probation import ProbationEnding
from everup.model.request import AnswerState, Request, Verb
from tests.ports import free_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

NAMES = ("store", "shop", "other")
PROGRAM = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status})
        self.end_headers()
    def log_message(self, *said):
        pass
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
SERVICE = """
  {name}:
    command: [{python}, serve.py]
    port: {port}
    probe: {{http: "http://127.0.0.1:{{port}}/"}}
    releases: {{directory: {name}, current: current}}
    depends_on: [{needs}]
"""


class Stack:
    """Three services in a folder; `shop` needs `store`."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.file = folder, folder / "everup.yaml"
        text = "stack: s\nmode: auto\ntime_scale: 0.2\nservices:"
        for name in NAMES:
            self.release(name, "1", 200)
            self.point(name, "1")
            needs = "store" if name == "shop" else ""
            text += SERVICE.format(name=name, python=sys.executable, port=free_port(), needs=needs)
        self.file.write_text(text)

    def release(self, name: str, version: str, status: int) -> None:
        place = self.folder / name / version
        place.mkdir(parents=True)
        (place / "serve.py").write_text(PROGRAM.format(status=status))

    def point(self, name: str, version: str) -> None:
        link = self.folder / name / "current"
        link.unlink(missing_ok=True)
        link.symlink_to(version)


async def _until(is_so: Callable[[], Any], what: str, within_s: float = 120.0) -> None:
    deadline_s = asyncio.get_running_loop().time() + within_s
    while not is_so():
        assert asyncio.get_running_loop().time() < deadline_s, f"in vain: {what}"
        await asyncio.sleep(0.1)


async def _told(engine: Engine, kind: type[Any]) -> list[Any]:
    entries = await engine.control.journal.entries(limit=1000)
    return [entry for _, _, entry in entries if isinstance(entry, kind)]


async def _deploy(engine: Engine, name: str) -> None:
    wish = Request(Verb.HEAL, "ann", name, kind=ActionKind.RECREATE, reason="release 2")
    while (await engine.control.request(wish)).state is not AnswerState.ACCEPTED:
        await asyncio.sleep(1.0)  # the rate of the stack holds for people, too


def _is_ended(control: Control, name: str) -> Callable[[], Any]:
    return lambda: control.state.service(name).past_probation


def test_the_bad_one_of_a_set_goes_back_and_who_is_well_stays(tmp_path: Path) -> None:
    stack = Stack(tmp_path)

    async def story() -> None:
        engine = build_app(load_stack(stack.file, {}), state_dir=tmp_path / "state")
        await engine.start()
        try:
            state = engine.control
            await _until(
                lambda: all(state.state.service(name).safe_points for name in NAMES), "all are kept"
            )
            first = {name: state.state.service(name).version for name in NAMES}
            for name in NAMES:
                stack.release(name, "2", 500 if name == "shop" else 200)
                stack.point(name, "2")
            async with asyncio.timeout(60.0):
                await asyncio.gather(*(_deploy(engine, name) for name in NAMES))
            await _until(lambda: state.state.service("shop").past_probation, "it went back")
            for name in ("store", "other"):
                await _until(_is_ended(state, name), f"the probation of {name} ends")
            (only,) = [x for x in await _told(engine, e.Intended) if x.by == "everup"]
            back = (ActionKind.EMERGENCY_ROLLBACK, "shop", Cause.BAD_DEPLOY)
            assert (only.step.kind, only.step.target, only.cause) == back
            proofs = {x.action_id: x for x in await _told(engine, e.Verified)}
            assert proofs[only.action_id].has_passed
            assert proofs[only.action_id].evidence is not None
            ended = {x.service: x for x in await _told(engine, e.ProbationEnded)}
            assert ended["shop"].ending is ProbationEnding.ROLLED_BACK
            assert "changed with it, and left: store" in ended["shop"].reason
            assert state.state.service("shop").version == first["shop"]
            for name in ("store", "other"):
                assert ended[name].ending is ProbationEnding.SAFE_POINT
                assert state.state.service(name).version != first[name]
        finally:
            await engine.stop(stop_services=True)

    asyncio.run(story())
