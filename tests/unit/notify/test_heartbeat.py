"""The heartbeat: at most every interval, never waited for, silent when looks stop."""

from __future__ import annotations

import asyncio

import pytest

from everup.model.notice import HeartbeatSpec
from everup.notify import HttpHeartbeat
from tests.unit.notify.web import answer, web


class Clock:
    """Moves by hand."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


async def until_counted(heart: HttpHeartbeat, count: int) -> None:
    async with asyncio.timeout(5):
        while sum(heart.counts().values()) < count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_it_beats_at_most_every_interval(method: str) -> None:
    async def story() -> None:
        clock = Clock()
        async with web(answer("200 OK")) as there:
            heart = HttpHeartbeat(HeartbeatSpec(there.url + "/p", 60.0, 5.0, method), clock)
            for number in range(1, 4):
                for _ in range(5):
                    heart.beat()
                    clock.now_s += 12.0
                await until_counted(heart, number)
            assert [line for line, _, _ in there.requests] == [f"{method} /p HTTP/1.1"] * 3
            assert heart.counts() == {"sent": 3, "failed": 0, "skipped": 0}
            await heart.close()

    asyncio.run(story())


def test_failures_are_counted_and_no_second_call_is_made_meanwhile() -> None:
    async def story() -> None:
        clock = Clock()
        async with web(answer("500 Oops"), None) as there:
            heart = HttpHeartbeat(HeartbeatSpec(there.url, 60.0, 0.5), clock)
            heart.beat()
            await until_counted(heart, 1)
            assert heart.last_error == "answered 500 Oops"
            clock.now_s += 60.0
            heart.beat()
            clock.now_s += 60.0
            heart.beat()
            assert heart.counts()["skipped"] == 1
            await until_counted(heart, 3)
            assert heart.counts()["failed"] == 2
            await heart.close()

    asyncio.run(story())


def test_closing_does_not_wait_for_a_call_that_hangs() -> None:
    async def story() -> None:
        async with web(None) as there:
            heart = HttpHeartbeat(HeartbeatSpec(there.url, 60.0, 60.0), Clock())
            heart.beat()
            await asyncio.sleep(0.05)
            async with asyncio.timeout(2):
                await heart.close()

    asyncio.run(story())
