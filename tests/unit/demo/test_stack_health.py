"""A health report is cheap, shared, and names who is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from everup.demo.stack.health import FRESH_S, Health
from everup.demo.stack.wire.errors import Unavailable, explain


class Dependency:
    """Counts how often it is asked."""

    def __init__(self, *, is_up: bool = True) -> None:
        self.is_up = is_up
        self.asked = 0

    async def check(self) -> None:
        self.asked += 1
        await asyncio.sleep(0)
        if not self.is_up:
            raise Unavailable("redis", "connection refused")


def test_it_names_who_fails_and_why() -> None:
    health = Health({"redis": Dependency(is_up=False).check, "qdrant": Dependency().check})
    report = asyncio.run(health.report())
    assert not report.is_ok
    assert report.failing == ["redis"]
    assert report.dependencies == {"redis": "connection refused", "qdrant": "ok"}


def test_nothing_needed_is_healthy() -> None:
    assert asyncio.run(Health({}).report()).is_ok


def test_many_askers_cost_one_look() -> None:
    dependency = Dependency()

    async def ask() -> None:
        health = Health({"redis": dependency.check})
        await asyncio.gather(*(health.report() for _ in range(20)))

    asyncio.run(ask())
    assert dependency.asked == 1


def test_a_report_goes_stale() -> None:
    now = 100.0
    dependency = Dependency()

    async def ask(clock: Callable[[], float]) -> None:
        nonlocal now
        health = Health({"redis": dependency.check}, clock)
        assert (await health.report()).is_ok
        dependency.is_up = False
        now += FRESH_S / 2
        assert (await health.report()).is_ok
        now += FRESH_S
        assert not (await health.report()).is_ok

    asyncio.run(ask(lambda: now))
    assert dependency.asked == 2


def test_an_asker_who_leaves_takes_nobody_along() -> None:
    released = asyncio.Event

    async def run() -> None:
        gate = released()

        async def slow() -> None:
            await gate.wait()

        health = Health({"redis": slow})
        impatient = asyncio.create_task(health.report())
        patient = asyncio.create_task(health.report())
        await asyncio.sleep(0)
        impatient.cancel()
        gate.set()
        assert (await patient).is_ok

    asyncio.run(run())


def test_reasons_tell_failures_apart() -> None:
    errors: list[BaseException] = [
        TimeoutError(),
        ConnectionRefusedError(),
        ConnectionResetError(),
        asyncio.IncompleteReadError(b"", 5),
    ]
    assert [explain(error) for error in errors] == [
        "no answer in time",
        "connection refused",
        "connection closed",
        "connection closed",
    ]
