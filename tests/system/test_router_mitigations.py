"""Mitigations on a real HAProxy before processes that say no to their check and answer all the
same: the sick one of three gets no new requests, and a soft dependency is not called, until they
are well.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from everup.app import Engine, build_app
from everup.config import load_stack
from everup.model import entries as e
from everup.model.breaker import BreakerState, TurnedBy
from everup.model.kinds import ActionKind, Origin
from everup.model.routing import Order
from tests.docker_engine import wait_until
from tests.ports import free_port
from tests.system import test_breakers, test_router_processes
from tests.system.clients import Load
from tests.system.docker_stack import all_healthy, print_story, told
from tests.system.test_breakers import EDGE, ask, until
from tests.system.test_router_processes import Place, place, settled

__all__ = ["place"]

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

SCALE = 0.1
WITHIN_S = 60.0
ANSWER = "self.send_response(200)"
SICK = 'self.path == "/health" and os.path.exists("sick-" + os.environ["PORT"])'
PROGRAM = test_router_processes.PROGRAM.replace(
    ANSWER, ANSWER.replace("200", f"503 if {SICK} else 200")
)
SEVERAL = """
stack: shop
mode: auto
router: unix://{socket}
services:
  web:
    command: [{python}, app.py]
    directory: .
    port: {port}
    instances: {{count: 3, min: 1, max: 5}}
    modes: {{graceful_restart: observe, container_restart: observe}}
    probe: {{http: "http://127.0.0.1:{{port}}/health", interval_s: 0.5s}}
    router: web
  front:
    command: [{python}, app.py]
    directory: .
    port: {front}
    depends_on: [web]
    probe: {{http: "http://127.0.0.1:{{port}}/health", interval_s: 0.5s}}
"""
SOFT = """
stack: shop
mode: auto
router: unix://{socket}
services:
  db:
    command: [{python}, app.py]
    directory: .
    port: {db}
    mode: observe
    probe: {{http: "http://127.0.0.1:{{port}}/health", interval_s: 0.5s}}
  api:
    command: [{python}, app.py]
    directory: .
    port: {api}
    depends_on: {{db: {{kind: soft, router: be_api_db}}}}
    probe: {{http: "http://127.0.0.1:{{port}}/health", interval_s: 0.5s}}
"""


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Engine]:
    engine = build_app(load_stack(folder, {}, {"time_scale": SCALE}))
    await engine.start()
    try:
        await all_healthy(engine)
        yield engine
    except BaseException:
        await print_story(engine)
        raise
    finally:
        await engine.stop(stop_services=True)


async def proven(engine: Engine, kind: ActionKind) -> e.Intended:
    """The first of this kind that was proven."""
    deadline_s = time.monotonic() + WITHIN_S
    while True:
        passed = {v.action_id for v in await told(engine, e.Verified) if v.has_passed}
        for one in await told(engine, e.Intended):
            if one.step.kind is kind and one.action_id in passed:
                return one
        assert time.monotonic() < deadline_s, engine.control.mitigations.standing
        await asyncio.sleep(0.1)


async def kinds(engine: Engine) -> set[ActionKind]:
    """What was done but for the first start of all."""
    return {i.step.kind for i in await told(engine, e.Intended)} - {ActionKind.START}


def test_the_sick_one_of_three_gets_no_requests_until_it_is_well(place: Place) -> None:
    (place.folder / "app.py").write_text(PROGRAM)
    written = SEVERAL.format(
        socket=place.socket, python=sys.executable, port=place.port, front=free_port()
    )
    (place.folder / "everup.yaml").write_text(written)
    one, sick = str(place.port), place.folder / f"sick-{place.port}"

    async def story() -> Load:
        async with watched(place.folder) as engine:
            await settled(place, "web1", "web2", "web3")
            with Load(place.bind) as load:
                await until(lambda: len(load.answered) == 3, "all of them are asked")
                sick.touch()
                shed = await proven(engine, ActionKind.SHED)
                assert shed.origin is Origin.MITIGATION
                servers = {s.name.name: s for s in (await place.router().list()).servers}
                orders = [servers[n].order for n in ("web1", "web2", "web3")]
                assert orders == [Order.DRAIN, Order.READY, Order.READY]
                before = load.answered.copy()
                await asyncio.sleep(1.0)
                after = load.answered - before
                assert set(after) == {str(place.port + 1), str(place.port + 2)}, "no new ones"
                print(f"while it was shed: {dict(after)}")
                sick.unlink()
                back = await proven(engine, ActionKind.RESUME)
                assert back.step.undoes == shed.action_id
                await settled(place, "web1", "web2", "web3")
                was = load.answered[one]
                await until(lambda: load.answered[one] > was + 10, "it is asked again")
            assert not engine.control.state.mitigated
            assert await kinds(engine) == {ActionKind.SHED, ActionKind.RESUME}, "no restart"
            return load

    load = asyncio.run(story())
    print(f"{load.total} requests, {len(load.lost)} lost, {dict(load.answered)}")
    assert load.lost == []


class Soft:
    """api may do without db, and calls it through HAProxy."""

    def __init__(self, folder: Path) -> None:
        self.db, self.bind, self.socket = free_port(), free_port(), folder / "admin.sock"
        self.sick = folder / f"sick-{self.db}"
        (folder / "app.py").write_text(PROGRAM)
        stack = SOFT.format(socket=self.socket, python=sys.executable, db=self.db, api=free_port())
        (folder / "everup.yaml").write_text(stack)
        haproxy = test_breakers.HAPROXY.format(socket=self.socket, bind=self.bind, db=self.db)
        (folder / "haproxy.cfg").write_text(haproxy)
        self.answers: list[int] = []

    async def calls(self) -> None:
        """What api does all the while."""
        while True:
            with suppress(OSError):
                self.answers.append(await asyncio.to_thread(ask, self.bind, 5.0))
            await asyncio.sleep(0.05)


@pytest.fixture
def soft() -> Iterator[tuple[Path, Soft]]:
    folder = Path(tempfile.mkdtemp(prefix="mit"))
    made, program = Soft(folder), shutil.which("haproxy")
    assert program, "no haproxy: scripts/engine start installs one"
    haproxy = subprocess.Popen([program, "-db", "-f", str(folder / "haproxy.cfg")])
    wait_until(made.socket.exists, 10.0, "HAProxy's socket")
    yield folder, made
    haproxy.terminate()
    haproxy.wait(10)
    shutil.rmtree(folder)


def test_a_sick_soft_dependency_is_not_called_though_it_answers(soft: tuple[Path, Soft]) -> None:
    folder, shop = soft

    async def story() -> None:
        async with watched(folder) as engine:
            breakers = engine.control.breakers
            calling = asyncio.create_task(shop.calls())
            try:
                await until(lambda: shop.answers[-5:] == [200] * 5, "calls pass")
                await until(lambda: breakers.view(EDGE).is_closed, "closed, once all has started")
                before = len(await told(engine, e.BreakerTurned))
                shop.sick.touch()
                open_ = await proven(engine, ActionKind.DEGRADE)
                assert (open_.origin, open_.step.target) == (Origin.MITIGATION, EDGE.service)
                first = (await told(engine, e.BreakerTurned))[before]
                assert first.turned_by is TurnedBy.MITIGATION, "all calls passed until then"
                assert set(shop.answers) <= {200, 503}
                await until(lambda: breakers.view(EDGE).is_enforced, "turned away by the router")
                await until(lambda: shop.answers[-5:] == [503] * 5, "at once, not after a time-out")
                assert await asyncio.to_thread(ask, shop.db) == 200, "by the router, not by db"
                shop.sick.unlink()
                await until(lambda: shop.answers[-5:] == [200] * 5, "calls pass again")
                assert breakers.of(EDGE).state is BreakerState.CLOSED
                await until(lambda: not engine.control.state.mitigated, "it is over")
                assert await kinds(engine) <= {ActionKind.DEGRADE, ActionKind.RESUME}
            finally:
                calling.cancel()
                await asyncio.gather(calling, return_exceptions=True)

    asyncio.run(story())
