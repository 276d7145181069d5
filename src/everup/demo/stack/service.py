"""What all services have in common: the endpoints, the seats for work, and the ways to go wrong.

=======================  ===========================================================================
``GET /ping``            alive, whatever its dependencies do
``GET /health``          200 or 503, with the state of each hard dependency
``GET`` ``POST /work``   one typical unit of work
``GET`` ``POST /knobs``  what is made to go wrong (see ``knobs``)
``GET /stats``           counters, memory, queue
``POST /cache/clear``    a hook: lets the cache go
``POST /reconnect``      a hook: drops and reopens connections
=======================  ===========================================================================
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from everup.demo.stack.ballast import resident_bytes
from everup.demo.stack.context import Behaviour, Context, Handler, Json
from everup.demo.stack.health import Health
from everup.demo.stack.knobs import BadKnob
from everup.demo.stack.topology import BY_NAME
from everup.demo.stack.wire.errors import Refusal, Unavailable
from everup.demo.stack.wire.http import BadRequest, Request

SEATS = 4
"""Units of work at a time; the others queue."""
QUEUE_MAX = 256
"""Beyond this, work is shed with 503."""
OPERATOR_PATHS = ("/knobs", "/stats")
"""These answer also when everything else is slow or fails."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

StatusAndPayload = tuple[int, Any]


class Service:
    """Answers requests for one behaviour."""

    def __init__(self, context: Context, behaviour: Behaviour) -> None:
        self.context = context
        self._behaviour = behaviour
        self._seats = asyncio.Semaphore(SEATS)
        self._started_at = time.monotonic()
        hard = BY_NAME[context.name].hard
        self._health = Health({name: partial(context.check, name) for name in hard})
        common: dict[str, Handler] = {
            "GET /work": self._work,
            "POST /work": self._work,
            "GET /knobs": self._show_knobs,
            "POST /knobs": self._turn_knobs,
            "GET /stats": self._show_stats,
            "POST /cache/clear": self._clear_cache,
            "POST /reconnect": self._reconnect,
            "GET /ping": _pong,
        }
        self._routes: Mapping[str, Handler] = {**common, **behaviour.routes}

    async def answer(self, request: Request) -> StatusAndPayload:
        """The whole way of a request. Never raises."""
        stats, knobs = self.context.stats, self.context.knobs
        stats.requests += 1
        stats.in_flight += 1
        try:
            if not self._comes_from_here(request):
                return 403, {"error": "only for programs on this host"}
            if request.path not in OPERATOR_PATHS:
                await asyncio.sleep(knobs.slow_ms / 1000)
                if knobs.fail:
                    return 500, {"error": "told to fail"}
                if knobs.scratch:
                    _use_scratch()
            if request.method == "GET" and request.path == "/health":
                return await self._report()
            return 200, await self._handler(request)(self.context, request)
        except Exception as error:  # noqa: BLE001 - a request that fails must not end the service
            status, payload = _answer_for(error)
            stats.errors += status >= 500
            return status, payload
        finally:
            stats.in_flight -= 1

    def after_answer(self) -> None:
        """Does what a knob asks for once the answer to that request is out."""
        knobs = self.context.knobs
        if knobs.exit_code is not None:
            self._later(partial(os._exit, knobs.exit_code))
        elif knobs.hang == "stop":
            knobs.hang = ""
            self._later(partial(os.kill, os.getpid(), signal.SIGSTOP))
        elif knobs.hang == "block":
            self._later(partial(_block, knobs.hang_s))
            knobs.hang = ""

    def _later(self, harm: Callable[[], None]) -> None:
        """A moment later, so that the answer has left the process."""
        asyncio.get_running_loop().call_later(0.02, harm)

    def _handler(self, request: Request) -> Handler:
        wanted = f"{request.method} {request.path}"
        if wanted in self._routes:
            return self._routes[wanted]
        above = [key for key in self._routes if key.endswith("/") and wanted.startswith(key)]
        if not above:
            raise Refusal(404, f"{self.context.name} has no {wanted}")
        return self._routes[max(above, key=len)]

    async def _report(self) -> StatusAndPayload:
        report = await self._health.report()
        return (200 if report.is_ok else 503), {
            "status": "ok" if report.is_ok else "unhealthy",
            "service": self.context.name,
            "failing": report.failing,
            "dependencies": report.dependencies,
        }

    def _comes_from_here(self, request: Request) -> bool:
        """Keeps web pages out: a browser names the page's origin, or the host that it believes in.
        Where every service has a host of its own, its name is that host's, and numbers are as good:
        no page of another site can have them for its own."""
        names = (*LOOPBACK, self.context.name)
        host = _host(request.headers.get("host", LOOPBACK[0]))
        origin = request.headers.get("origin", "")
        is_ours = host in names or (self.context.host not in LOOPBACK and _is_number(host))
        return is_ours and (not origin or _host(origin.partition("://")[2]) in names)

    async def _work(self, context: Context, request: Request) -> Json:
        return await self.seated(lambda: self._behaviour.work(context, request))

    async def seated(self, work: Callable[[], Awaitable[Json]]) -> Json:
        """Does a unit of work on one of the seats, after waiting for one."""
        stats = self.context.stats
        if stats.queue >= QUEUE_MAX:
            stats.shed += 1
            raise Refusal(503, "too much to do")
        began = time.monotonic()
        stats.queue += 1
        try:
            await self._seats.acquire()
        finally:
            stats.queue -= 1
        try:
            await asyncio.sleep(self.context.knobs.work_ms / 1000)
            return await work()
        finally:
            self._seats.release()
            stats.worked((time.monotonic() - began) * 1000)

    async def _show_knobs(self, context: Context, request: Request) -> Json:
        return context.knobs.show()

    async def _turn_knobs(self, context: Context, request: Request) -> Json:
        context.knobs.turn(request.json())
        context.ballast.hold(int(context.knobs.hold_mib), int(context.knobs.hold_files))
        print(f"{context.name}: knobs {request.json()}", flush=True)
        return context.knobs.show()

    async def _show_stats(self, context: Context, request: Request) -> Json:
        return {
            "service": context.name,
            "instance": context.instance,
            "pid": os.getpid(),
            "release": context.environment.get("RELEASE", "1"),
            "uptime_s": round(time.monotonic() - self._started_at, 1),
            "rss_bytes": resident_bytes(),
            "cache_mib": len(context.ballast.cache),
            **context.stats.show(),
        }

    async def _clear_cache(self, context: Context, request: Request) -> Json:
        return {"freed_mib": context.ballast.clear_cache()}

    async def _reconnect(self, context: Context, request: Request) -> Json:
        return {"reconnected_sessions": await context.reconnect()}


async def grow_ballast(context: Context) -> None:
    """Leaks as fast as the knobs say, for as long as the process lives."""
    owed_leak = owed_cache = 0.0
    while True:
        # An idle service should cost nothing, so the knobs are looked at only now and then.
        is_growing = context.knobs.leak_mb_per_s or context.knobs.cache_mb_per_s
        pause_s = 0.1 if is_growing else 0.5
        await asyncio.sleep(pause_s)
        owed_leak += context.knobs.leak_mb_per_s * pause_s
        owed_cache += context.knobs.cache_mb_per_s * pause_s
        context.ballast.grow(context.ballast.leak, int(owed_leak))
        context.ballast.grow(context.ballast.cache, int(owed_cache))
        owed_leak, owed_cache = owed_leak % 1, owed_cache % 1


async def _pong(context: Context, request: Request) -> Json:
    return {"pong": context.name}


def _host(authority: str) -> str:
    """Without its port."""
    name, _, port = authority.rpartition(":")
    return name if name and port.isdigit() else authority


def _is_number(name: str) -> bool:
    return name.replace(".", "").isdigit()


def _answer_for(error: Exception) -> StatusAndPayload:
    if isinstance(error, Refusal):
        return error.status, {"error": str(error)}
    if isinstance(error, Unavailable):
        return 503, {"error": str(error), "failing": [error.dependency]}
    if isinstance(error, BadKnob | BadRequest):
        return 400, {"error": str(error)}
    print(f"unexpected: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    return 500, {"error": f"{type(error).__name__}: {error}"}


def _use_scratch() -> None:
    """A page in a file of the working folder, and gone again. Raises OSError: the disk is full."""
    handle = os.open("scratch", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(handle, b"\0" * 4096)
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def _block(at_most_s: float) -> None:
    """Holds the event loop: no answer, no signal handler, no CPU, until it ends or is killed."""
    ends = time.monotonic() + at_most_s
    while time.monotonic() < ends:
        time.sleep(min(60.0, max(ends - time.monotonic(), 0.0)))
