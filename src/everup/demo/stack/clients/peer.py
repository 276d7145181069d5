"""Another HTTP service of the stack, with however many instances it has just now.

Instance *i* listens on the base port + *i*. There is no registry: a client finds the instances by
knocking at these ports, takes turns among those that answer, and lets one that failed rest. So an
instance that is added gets its share within a second, and one that dies costs no request.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from everup.demo.stack.wire import http
from everup.demo.stack.wire.errors import Refusal, Unavailable, explain

RESCAN_S = 1.0
REST_S = 2.0
KNOCK_TIMEOUT_S = 0.1
ATTEMPTS_MAX = 3


class Peer:
    """Calls one service by name."""

    def __init__(
        self, name: str, port: int, ports: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self._ports = range(port, port + ports)
        self._clock = clock
        self._open: list[int] = []
        self._scanned_at = float("-inf")
        self._resting_until: dict[int, float] = {}
        self._turn = 0

    async def get(self, path: str, *, timeout_s: float = 1.0) -> Any:
        """A question: repeated at another instance if one fails."""
        return await self._call("GET", path, None, timeout_s, is_repeatable=True)

    async def post(self, path: str, payload: Any, *, timeout_s: float = 1.0) -> Any:
        """A command: repeated only if the instance cannot have heard it."""
        return await self._call("POST", path, payload, timeout_s, is_repeatable=False)

    async def put(self, path: str, payload: Any, *, timeout_s: float = 1.0) -> Any:
        """A statement of what shall be: may be repeated."""
        return await self._call("PUT", path, payload, timeout_s, is_repeatable=True)

    async def check(self, path: str, timeout_s: float) -> None:
        """Raises unless at least one instance answers ``path`` with 200."""
        await self._scan()
        why = "connection refused"
        pending = {asyncio.ensure_future(_ask(port, path, timeout_s)) for port in self._open}
        try:
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                reasons = [task.result() for task in done]
                if None in reasons:
                    return
                why = str(reasons[-1])
        finally:
            for task in pending:
                task.cancel()
        raise Unavailable(self.name, why)

    async def _call(
        self, method: str, path: str, payload: Any, timeout_s: float, *, is_repeatable: bool
    ) -> Any:
        why = "connection refused"
        for port in await self._candidates():
            try:
                status, answer = await http.call(port, method, path, payload, timeout_s=timeout_s)
            except (TimeoutError, OSError, EOFError) as error:
                why = explain(error)
                self._resting_until[port] = self._clock() + REST_S
                if is_repeatable or isinstance(error, ConnectionRefusedError):
                    continue
                break
            if status < 400:
                return answer
            if status < 500:
                raise Refusal(status, _refusal(status, answer))
            why = _refusal(status, answer)
            if not is_repeatable:
                break
        raise Unavailable(self.name, why)

    async def _candidates(self) -> list[int]:
        """Whom to ask, in order: the next in turn first, the resting ones last."""
        if not self._open or self._clock() - self._scanned_at > RESCAN_S:
            await self._scan()
        self._turn += 1
        at = self._turn % max(len(self._open), 1)
        in_turn = self._open[at:] + self._open[:at]
        now = self._clock()
        in_turn.sort(key=lambda port: self._resting_until.get(port, 0.0) > now)
        return in_turn[:ATTEMPTS_MAX]

    async def _scan(self) -> None:
        if len(self._ports) == 1:
            self._open = list(self._ports)
            return
        found = await asyncio.gather(*(_accepts(port) for port in self._ports))
        self._open = [port for port, accepts in zip(self._ports, found, strict=True) if accepts]
        self._scanned_at = self._clock()


def _refusal(status: int, answer: Any) -> str:
    """What the other side says of itself; a health report names whom *it* is missing."""
    if isinstance(answer, dict) and answer.get("failing"):
        return f"{status}, without {', '.join(answer['failing'])}"
    if isinstance(answer, dict) and answer.get("error"):
        return f"{status}, {answer['error']}"
    return str(status)


async def _ask(port: int, path: str, timeout_s: float) -> str | None:
    """None if all is well there, else the reason."""
    try:
        status, answer = await http.call(port, "GET", path, timeout_s=timeout_s)
    except (TimeoutError, OSError, EOFError) as error:
        return explain(error)
    return None if status == 200 else _refusal(status, answer)


async def _accepts(port: int) -> bool:
    try:
        async with asyncio.timeout(KNOCK_TIMEOUT_S):
            _reader, writer = await asyncio.open_connection(http.HOST, port)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    return True
