"""GET /events on a real server: in order, resumed without a gap, bounded, and ended cleanly."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from everup.api import ApiServer, bind, create_api
from everup.api.feed import Feed, FeedBounds, end_of
from everup.api.limits import Traffic
from everup.api.streaming import EventStream
from everup.model.entries import Entry, IncidentOpened
from everup.model.errors import JournalUnavailable
from everup.model.kinds import Cause
from tests.unit.api.fakes import FakeControl, FakeEngine, FakeJournal

QUICK = FeedBounds(listeners=2, heartbeat_s=0.2, poll_every_s=0.02, send_most_s=0.5)


@dataclass
class Growing(FakeJournal):
    """A journal of as many entries as it was told to have."""

    count: int = 3
    reason: str = "does not answer"

    def entry(self, sequence: int) -> tuple[int, str, Entry]:
        opened = IncidentOpened(
            float(sequence), f"inc-{sequence}", "redis", Cause.HANG, self.reason
        )
        return sequence, f"hash-{sequence}", opened

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> list[tuple[int, str, Entry]]:
        self._check()
        return [self.entry(n) for n in range(after + 1, min(self.count, after + limit) + 1)]


@dataclass
class Running:
    """A server with its journal, and what it serves."""

    journal: Growing
    server: ApiServer
    client: httpx2.AsyncClient
    api: Any

    def traffic(self) -> Traffic:
        found: Traffic = self.api.state.traffic
        return found


@asynccontextmanager
async def running(bounds: FeedBounds = QUICK) -> AsyncIterator[Running]:
    journal = Growing()
    api = create_api(FakeEngine(FakeControl(journal=journal)), feed=bounds)
    server = ApiServer(api, bind("127.0.0.1", 0))
    await server.start()
    async with httpx2.AsyncClient(base_url=server.address, timeout=10, trust_env=False) as client:
        yield Running(journal, server, client, api)
    await server.stop()


@asynccontextmanager
async def listening(
    here: Running, query: str = "", **headers: str
) -> AsyncIterator[Callable[[], Awaitable[dict[str, str]]]]:
    """What comes next, as a mapping of its fields; comments are in the field `:`."""
    async with here.client.stream("GET", f"/events{query}", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()

        async def following() -> dict[str, str]:
            found: dict[str, str] = {}
            async for line in lines:
                if not line and found:
                    return found
                name, _, value = line.partition(":")
                found[name or ":"] = value.strip()
            return {}

        assert await following() == {"retry": "2000"}
        yield following


def run(story: Coroutine[Any, Any, None]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(20):
            await story

    asyncio.run(bounded())


def test_what_was_missed_comes_first_and_then_what_is_written() -> None:
    async def story() -> None:
        async with running() as here, listening(here, "?after=1") as following:
            assert (await following())["id"] == "2"
            event = await following()
            assert (event["id"], event["event"]) == ("3", "IncidentOpened")
            data = json.loads(event["data"])
            assert (data["sequence"], data["hash"], data["data"]["service"]) == (
                3,
                "hash-3",
                "redis",
            )
            here.journal.count = 4
            assert (await following())["id"] == "4"

    run(story())


def test_without_a_place_it_begins_with_what_comes() -> None:
    async def story() -> None:
        async with running() as here, listening(here) as following:
            here.journal.count = 5
            assert [(await following())["id"], (await following())["id"]] == ["4", "5"]

    run(story())


def test_whoever_comes_back_misses_nothing_and_hears_nothing_twice() -> None:
    async def story() -> None:
        async with running() as here:
            async with listening(here, "?after=0") as following:
                assert (await following())["id"] == "1"
            here.journal.count = 250
            async with listening(here, "?after=0", **{"Last-Event-ID": "1"}) as following:
                heard = [int((await following())["id"]) for _ in range(249)]
            assert heard == list(range(2, 251))

    run(story())


def test_silence_is_filled_with_comments() -> None:
    async def story() -> None:
        async with running() as here, listening(here) as following:
            assert await following() == {":": "still here"}

    run(story())


def test_a_journal_that_cannot_be_read_for_a_while_loses_nothing() -> None:
    async def story() -> None:
        async with running() as here, listening(here) as following:
            here.journal.fault, here.journal.count = "disk full", 4
            assert await following() == {":": "still here"}
            here.journal.fault = ""
            while (event := await following()) == {":": "still here"}:
                pass
            assert event["id"] == "4"

    run(story())


def test_seats_are_bounded_and_come_free() -> None:
    async def story() -> None:
        async with running() as here:
            async with listening(here), listening(here):
                refused = await here.client.get("/events")
                assert refused.status_code == 503
                assert refused.headers["retry-after"] == "5"
                assert "2 listeners" in refused.json()["detail"]
            while here.traffic().listeners:
                await asyncio.sleep(0.01)
            async with listening(here):
                assert here.traffic().listeners == 1
                assert "everup_api_listeners 1.0" in (await here.client.get("/metrics")).text

    run(story())


def test_listeners_do_not_count_as_requests_under_way() -> None:
    async def story() -> None:
        async with running() as here, listening(here):
            assert here.traffic().in_progress == 0

    run(story())


def test_a_listener_that_takes_nothing_is_let_go() -> None:
    async def story() -> None:
        async with running() as here:
            here.journal.reason, here.journal.count = "x" * 50_000, 1000
            host, port = here.server.address.removeprefix("http://").split(":")
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.setblocking(False)
                await asyncio.get_running_loop().sock_connect(deaf, (host, int(port)))
                ask = b"GET /events?after=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                await asyncio.get_running_loop().sock_sendall(deaf, ask)
                while not here.traffic().listeners_dropped or here.traffic().listeners:
                    await asyncio.sleep(0.02)

    run(story())


def test_streams_end_when_everup_stops() -> None:
    async def story() -> None:
        async with running(FeedBounds()) as here, listening(here) as following:
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            await here.server.stop()
            assert await following() == {}
            assert loop.time() - began_s < 3

    run(story())


@pytest.mark.parametrize(
    ("query", "header", "words"),
    [
        ("?after=-1", "", "number from 0"),
        ("?after=x", "", "plain number"),
        ("?after=99", "", "state folder"),
        ("", "99", "state folder"),
        ("", "x", "last-event-id"),
        ("?afetr=1", "", "did you mean after"),
    ],
)
def test_a_place_that_is_none_is_refused(query: str, header: str, words: str) -> None:
    async def story() -> None:
        async with running() as here:
            headers = {"Last-Event-ID": header} if header else {}
            answer = await here.client.get(f"/events{query}", headers=headers)
            assert answer.status_code == 422
            assert words in answer.text

    run(story())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 1000, 1023, 1024, 1025])
def test_the_end_of_the_journal_is_found(count: int) -> None:
    assert asyncio.run(end_of(Growing(count=count))) == count


def test_a_journal_that_cannot_be_read_says_so_at_once() -> None:
    async def story() -> None:
        async with running() as here:
            here.journal.fault = "disk full"
            assert (await here.client.get("/events")).status_code == 503

    run(story())
    with pytest.raises(JournalUnavailable):
        asyncio.run(end_of(Growing(fault="x")))


def test_nobody_asks_the_journal_while_nobody_listens() -> None:
    async def story() -> None:
        feed = Feed(Traffic(), QUICK)
        with feed.seat(Growing(), 3):
            assert feed.traffic.listeners == 1
        await asyncio.sleep(0)
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert "feed" not in names

    run(story())


def test_to_a_listener_who_has_gone_hardly_anything_is_written() -> None:
    """Else each write to a closed connection is a line on Everup's terminal."""

    async def story() -> None:
        journal, gone = Growing(count=10_000), asyncio.Event()
        stream = EventStream(Feed(Traffic(), QUICK), journal, 0, 10_000)
        sent: list[bool] = []

        async def receive() -> dict[str, str]:
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(_: object) -> None:
            sent.append(gone.is_set())
            if len(sent) == 8:
                gone.set()

        await stream({"path": "/events"}, receive, send)
        assert sum(sent) < 5

    run(story())
