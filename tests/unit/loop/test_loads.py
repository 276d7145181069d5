"""Loads on the desk: put together from router and queue, known for two intervals, never zero."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from everup.loop.load_desk import LoadDesk
from everup.loop.loads import GIVEN_UP_INTERVALS, Places, at_its_address
from everup.model.errors import GiveUp, TryAgain
from everup.model.kinds import InstanceState
from everup.model.load import Load
from everup.model.observation import Instance
from everup.model.routing import RoutedServer, RouterListing, Served, ServerName
from everup.model.sizing import QueueSpec, ScalingSpec
from everup.model.stack import ServiceSpec
from tests.unit.builders import service, stack
from tests.unit.loop import small_world
from tests.unit.loop.traffic_world import WEB, World

QUEUE = QueueSpec("cache:6379/0", "jobs", per_instance=10.0)


@dataclass
class Sense:
    """A queue in memory."""

    answers: list[float | Exception] = field(default_factory=list)
    asked: list[QueueSpec] = field(default_factory=list)

    async def length(
        self, spec: QueueSpec, service: ServiceSpec, instances: Sequence[Instance], timeout_s: float
    ) -> float:
        self.asked.append(spec)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """Nothing is open."""


def at(name: str, address: str | None = None, number: int = 0) -> Instance:
    return Instance(
        name, f"{name}-{number}", f"{number}", InstanceState.RUNNING, address=address, port=80
    )


def test_router_and_queue_are_one_load_as_old_as_the_older() -> None:
    desk = LoadDesk(12.0)
    assert desk.is_empty
    assert desk.of("web", 0.0) is None
    desk.take_router({"web": Load(100.0, 5.0, source="router")})
    desk.take_queue("web", 98.0, 7.0)
    desk.take_queue("worker", 99.0, 3.0)
    found = desk.of("web", 101.0)
    assert found is not None
    assert (found.at_s, found.requests_per_s, found.queue) == (98.0, 5.0, 7.0)
    assert found.source == "router+queue"
    alone = desk.of("worker", 101.0)
    assert alone is not None
    assert (alone.queue, alone.source) == (3.0, "queue")
    assert math.isnan(alone.requests_per_s)


@pytest.mark.parametrize(
    ("now_s", "source"), [(109.0, "router+queue"), (111.0, "router"), (113.0, None), (90.0, None)]
)
def test_what_is_old_is_unknown_part_by_part(now_s: float, source: str | None) -> None:
    desk = LoadDesk(12.0)
    desk.take_router({"web": Load(100.0, 5.0, source="router")})
    desk.take_queue("web", 98.0, 7.0)
    found = desk.of("web", now_s)
    assert (None if found is None else found.source) == source
    desk.forget()
    assert desk.is_empty


def test_a_queue_is_asked_where_the_service_is_that_it_names() -> None:
    what = stack(service("worker"), service("cache"))
    running = {"cache": [at("cache"), at("cache", "10.0.0.7")]}

    def led(queue: QueueSpec) -> QueueSpec:
        return at_its_address(queue, what, lambda name: running.get(name, []))

    assert led(QUEUE).redis == "10.0.0.7:6379/0"
    page = QueueSpec(http="http://cache:8080/q#cache.length")
    assert led(page).http == "http://10.0.0.7:8080/q#cache.length"
    for stays in (
        QueueSpec("elsewhere:6379/0", "jobs"),
        QueueSpec(http="http://{host}:80/cache"),
        QueueSpec("worker:1/0", "a"),
        QueueSpec(command=("cache",)),
    ):
        assert led(stays) == stays
    running["cache"] = [at("cache", "fd00::7")]
    assert led(QUEUE).redis == "[fd00::7]:6379/0"


def test_places_are_found_anew_when_something_moved() -> None:
    what = stack(service("web"))
    server = RoutedServer(ServerName("g", "a"), address="10.0.0.1", port=80)
    listing = RouterListing(0.0, (server,), "1")
    places = Places(what)
    first = places.of({"web": [at("web", "10.0.0.1")]}, listing, ())
    assert first == {"web": {ServerName("g", "a"): "web-0"}}
    assert places.of({"web": [at("web", "10.0.0.1")]}, listing, ()) is first
    assert places.of({"web": [at("web", "10.0.0.2")]}, listing, ()) == {}


async def _until(load: Any, control: Any, name: str = WEB) -> Load:
    for _ in range(600):
        found = control.desk.loads.of(name, control.clock.now())
        if found is not None and load(found):
            return found  # type: ignore[no-any-return]
        await asyncio.sleep(0.02)
    raise AssertionError("no such load")


def test_the_router_is_counted_once_per_interval_and_unknown_once_it_is_silent() -> None:
    world = World(stack(service(WEB)))

    def count(requests: float) -> None:
        for number in (1, 2, 3):
            world.put(number, served=Served(requests, 0.0, 0.01), waiting=0.0)

    async def story() -> None:
        count(0.0)
        async with world.life() as control:
            total = 0.0

            async def feed() -> None:
                nonlocal total
                while True:
                    total += 10.0
                    count(total)
                    await asyncio.sleep(0.05)

            feeding = asyncio.create_task(feed())
            found = await _until(lambda load: load.requests_per_s > 0, control)
            assert set(found.by_instance) == {"web-1", "web-2", "web-3"}
            assert found.source == "router"
            control.wake("a look")
            while control.look is None or control.look.observation.services[WEB].load is None:
                await asyncio.sleep(0.02)
            world.routes.is_silent = True
            limit_s = 2 * control.settings.sample_interval_s + control.settings.probe_timeout_s
            await asyncio.sleep(limit_s + 0.1)
            assert control.desk.loads.of(WEB, control.clock.now()) is None
            counts = control.traffic.counts()
            assert counts is not None
            assert counts.failed > 0
            world.routes.is_silent = False
            await _until(lambda load: load.requests_per_s > 0, control)
            feeding.cancel()

    asyncio.run(asyncio.wait_for(story(), 30.0))


def worker(sense: Sense) -> Any:
    spec = replace(service("worker"), scaling=ScalingSpec(queue=QUEUE))
    world = small_world.World(stack(spec))
    control = world.control()
    control.loads._queues = sense
    return control, spec


def test_a_queue_that_cannot_be_read_is_unknown_and_said_once() -> None:
    sense = Sense([TryAgain("no answer"), TryAgain("no answer"), GiveUp("wants a password"), 7.0])
    control, spec = worker(sense)
    warned: list[str] = []
    control.loads._log = type(
        "Log", (), {"warning": lambda _, event, **said: warned.append(f"{event} {said['text']}")}
    )()
    every_s = control.settings.sample_interval_s

    async def read() -> float:
        return await control.loads.read_queue(spec, QUEUE, sense)  # type: ignore[no-any-return]

    async def story() -> None:
        assert await read() == every_s
        assert await read() == every_s
        assert control.desk.loads.of("worker", control.clock.now()) is None
        assert await read() == GIVEN_UP_INTERVALS * every_s
        assert control.loads.faults == {"worker": "wants a password"}
        assert await read() == every_s
        assert control.loads.faults == {}
        load = control.desk.loads.of("worker", control.clock.now())
        assert load.queue == 7.0

    asyncio.run(story())
    assert warned == ["queue_fault no answer", "queue_fault wants a password"]


def test_a_flaw_in_a_sense_ends_nothing() -> None:
    sense = Sense([ValueError("a flaw")])
    control, spec = worker(sense)

    async def story() -> None:
        for _ in range(30):
            await control.loads.read_queue(spec, QUEUE, sense)

    asyncio.run(story())
    assert "a flaw" in control.loads.faults["worker"]
    assert not control.cannot_act()


def test_nothing_is_read_where_there_is_neither_router_nor_queue() -> None:
    world = small_world.World(stack(service("a")))
    asyncio.run(asyncio.wait_for(world.control().loads.run(), 1.0))
