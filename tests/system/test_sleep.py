"""A service sleeps while nobody asks for it, and the first who does wakes it up: a real HAProxy."""

from __future__ import annotations

import asyncio
import http.client
import time
from pathlib import Path

import pytest

from everup.app import Engine, build_app
from everup.config import load_stack
from everup.model.kinds import InstanceState, Purpose
from tests.system.docker_stack import all_healthy
from tests.system.test_load import Place, place

__all__ = ["place"]

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

WITHIN_S = 90.0


def let_sleep(folder: Path) -> None:
    """The same stack, that acts, and whose `web` may sleep after a minute (12 s at its pace)."""
    text = (folder / "everup.yaml").read_text()
    text = text.replace("mode: observe", "mode: auto")
    text = text.replace("instances: {count: 2, min: 1, max: 2}", "instances: 2")
    before, _, _ = text.partition("    scaling:")
    (folder / "everup.yaml").write_text(f"{before}    scaling: {{idle: 1m}}\n")


def running(engine: Engine) -> int:
    """Instances of web that run, as last seen."""
    look = engine.control.look
    assert look is not None
    seen = look.observation.services["web"].instances
    return sum(1 for one in seen if one.instance.state is InstanceState.RUNNING)


async def until(engine: Engine, count: int) -> None:
    """So many run."""
    deadline_s = time.monotonic() + WITHIN_S
    while running(engine) != count:
        assert time.monotonic() < deadline_s, (running(engine), engine.control.sleep.waiting)
        engine.control.wake("a look")
        await asyncio.sleep(0.2)


def ask(port: int) -> int:
    """One request; its status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


async def answered(port: int) -> None:
    """Somebody who asks again and again gets an answer."""
    deadline_s = time.monotonic() + WITHIN_S
    while await asyncio.to_thread(ask, port) != 200:
        assert time.monotonic() < deadline_s, "nobody woke it up"
        await asyncio.sleep(0.5)


def test_it_sleeps_and_is_woken_by_who_asks_and_when_everup_ends(place: Place) -> None:
    let_sleep(place.folder)

    async def story() -> None:
        engine = build_app(load_stack(place.folder, {}), state_dir=place.folder / "state")
        await engine.start()
        try:
            await all_healthy(engine)
            assert running(engine) == 2
            await until(engine, 0)
            assert engine.control.state.service("web").purpose is Purpose.STOPPED
            assert not engine.control.state.incidents, "to sleep is no trouble"
            first = await asyncio.to_thread(ask, place.bind)
            assert first in (200, 503), "its router waits for a moment, or says no"
            await answered(place.bind)
            await until(engine, 2)
            assert engine.control.state.service("web").purpose is Purpose.RUN
            await until(engine, 0)
        finally:
            await engine.stop(stop_services=False)
        again = build_app(load_stack(place.folder, {}), state_dir=place.folder / "state")
        await again.start()
        try:
            await all_healthy(again)
            assert running(again) == 2, "nothing sleeps on while nobody could wake it"
        finally:
            await again.stop(stop_services=True)

    asyncio.run(story())
