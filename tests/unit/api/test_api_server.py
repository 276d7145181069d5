"""The server on a real socket: half-sent heads, hundreds of them, bodies without a length, HEAD."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest

from everup.api import ApiServer, bind, create_api
from everup.api.connections import Connection
from tests.unit.api.fakes import FakeEngine

HALF = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def serve(story: Any) -> Any:
    async def run() -> Any:
        sock = bind("127.0.0.1", 0)
        port = sock.getsockname()[1]
        server = ApiServer(create_api(FakeEngine()), sock)
        await server.start()
        try:
            return await asyncio.wait_for(story(port), 30)
        finally:
            await server.stop()

    return asyncio.run(run())


async def begun(port: int, text: bytes) -> Streams:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    await writer.drain()
    return reader, writer


async def ask(port: int, text: bytes, within_s: float = 20.0) -> bytes:
    reader, writer = await begun(port, text)
    try:
        return await asyncio.wait_for(reader.read(), within_s)
    finally:
        writer.close()


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def test_four_hundred_half_sent_heads_keep_nobody_out() -> None:
    async def story(port: int) -> None:
        held = [await begun(port, HALF) for _ in range(400)]
        for path in ("/health", "/metrics", "/status"):
            assert (await ask(port, get(path))).startswith(b"HTTP/1.1 200")
        for _, writer in held:
            writer.close()

    serve(story)


def test_who_is_being_answered_is_not_put_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "connections_most", 4)

    async def story(port: int) -> None:
        whole = b"POST /freeze HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        reader, writer = await begun(port, whole)  # its head is whole, its body is awaited
        await asyncio.sleep(0.1)
        held = [await begun(port, HALF) for _ in range(12)]
        writer.write(b"0\r\n\r\n")
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 200")
        for _, other in [*held, (reader, writer)]:
            other.close()

    serve(story)


@pytest.mark.parametrize("first", [b"", get("/health").replace(b"Connection: close\r\n", b"")])
def test_a_half_sent_head_is_closed(monkeypatch: pytest.MonkeyPatch, first: bytes) -> None:
    """As the first request of a connection, or as a later one, however slowly it drips."""
    monkeypatch.setattr(Connection, "head_within_s", 0.3)

    async def drip(writer: asyncio.StreamWriter) -> None:
        for _ in range(100):
            writer.write(b"X-A: b\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def story(port: int) -> bytes:
        reader, writer = await begun(port, first)
        if first:
            await reader.readuntil(b"\r\n\r\n")
        writer.write(HALF)
        dripping = asyncio.create_task(drip(writer))
        with suppress(ConnectionError):
            await asyncio.wait_for(reader.read(), 2)
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
        writer.close()
        return b"closed"

    assert serve(story) == b"closed"


def test_a_connection_that_is_used_again_is_not_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "head_within_s", 0.3)
    text = get("/health").replace(b"Connection: close\r\n", b"")

    async def story(port: int) -> None:
        reader, writer = await begun(port, b"")
        for _ in range(5):
            writer.write(text)
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 2)
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            await asyncio.sleep(0.2)
        writer.close()

    serve(story)


def chunked(size: int) -> bytes:
    head = b"POST /freeze HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    chunk = b"%x\r\n%s\r\n" % (1024, b"x" * 1024)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * (size // 1024) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("size", "status"), [(1024, b"200"), (63 * 1024, b"200"), (80 * 1024, b"413")]
)
def test_a_body_without_a_length_has_the_same_bound(size: int, status: bytes) -> None:
    def story(port: int) -> Coroutine[Any, Any, bytes]:
        return ask(port, chunked(size))

    assert serve(story).split(b" ", 2)[1] == status


@pytest.mark.parametrize("path", ["/health", "/metrics", "/status", "/openapi.json", "/nothing"])
def test_head_is_get_without_its_body(path: str) -> None:
    async def story(port: int) -> tuple[bytes, bytes]:
        return await ask(port, get(path)), await ask(port, get(path, "HEAD"))

    whole, head = serve(story)
    assert head.split(b"\r\n")[0] == whole.split(b"\r\n")[0]
    assert head.endswith(b"\r\n\r\n")
    assert b"content-length" in head.lower()


def test_head_of_what_cannot_be_read_is_refused() -> None:
    def story(port: int) -> Coroutine[Any, Any, bytes]:
        return ask(port, get("/freeze", "HEAD"))

    assert serve(story).startswith(b"HTTP/1.1 405")


def test_head_of_what_has_no_end_is_refused_at_once() -> None:
    def story(port: int) -> Coroutine[Any, Any, bytes]:
        return ask(port, get("/events", "HEAD"), within_s=20)

    assert serve(story).startswith(b"HTTP/1.1 405")
