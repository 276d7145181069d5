"""What the tests of probes share: a prober, servers that answer oddly, whom to ask and how long."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from everup.model.kinds import InstanceState, ProbeVerdict
from everup.model.observation import Instance, ProbeResult
from everup.model.settings import Settings
from everup.model.stack import ProbeSpec, ServiceSpec
from everup.signals.probes import LiveProber, create_prober

PASS, FAIL = ProbeVerdict.PASS, ProbeVerdict.FAIL
RECOVERING, UNKNOWN = ProbeVerdict.RECOVERING, ProbeVerdict.UNKNOWN
PATIENT_S = 30.0
"""A deadline that only a defect reaches."""
BRIEF_S = 0.3
"""A deadline that is meant to be reached."""
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Seconds; only differences matter here."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


@asynccontextmanager
async def prober(**environ: str) -> AsyncIterator[LiveProber]:
    made = create_prober(SystemClock(), Settings(), environ={"PATH": os.defpath, **environ})
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[int]:
    """A server on a free port; its visits end with it."""
    visits: set[asyncio.Task[None]] = set()

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        visits.add(task)
        try:
            await handler(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()
            visits.discard(task)

    server = await asyncio.start_server(visit, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        left = tuple(visits)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def page(content: bytes) -> Handler:
    """A handler that reads one request and answers so."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(content)
        writer.close()
        await writer.wait_closed()

    return handle


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers in plain HTTP whatever comes, as a server does that was greeted in TLS."""
    await reader.read(1)
    writer.write(answer("400 Bad Request"))
    writer.close()
    await writer.wait_closed()


def answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def instance(port: int | None = None, name: str = "api-1") -> Instance:
    return Instance("api", name, "identity", InstanceState.RUNNING, port=port)


async def ask(
    asker: LiveProber, spec: ProbeSpec, port: int | None = None, timeout_s: float = PATIENT_S
) -> ProbeResult:
    return await asker.probe(spec, ServiceSpec("api"), instance(port), timeout_s)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENT_S):
        while not condition():
            await asyncio.sleep(0.01)


def once(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(test)
