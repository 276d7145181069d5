"""Another HTTP service of the stack, with however many instances it has just now.

On loopback instance *i* listens on the base port + *i*; elsewhere the name has an address for each
instance. There is no registry: a client finds the instances by knocking, takes turns among those
that answer, and lets one that failed rest. So an instance that is added gets its share within a
second, and one that dies costs no request.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from typing import Any

from everup.demo.stack.wire import http
from everup.demo.stack.wire.errors import Refusal, Unavailable, explain
from everup.demo.stack.wire.http import LOOPBACK, Address

RESCAN_S = 1.0
REST_S = 2.0
KNOCK_TIMEOUT_S = 0.1
RESOLVE_TIMEOUT_S = 0.5
ATTEMPTS_MAX = 3


class Peer:
    """Calls one service by name. ``ports``: how many instances may share its host."""

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        ports: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._host, self._port = host, port
        self._ports = range(port, port + ports)
        self._clock = clock
        self._open: list[Address] = []
        self._scanned_at = float("-inf")
        self._resting_until: dict[Address, float] = {}
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
        pending = {asyncio.ensure_future(self._ask(one, path, timeout_s)) for one in self._open}
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
        for address in await self._candidates():
            try:
                status, answer = await http.call(
                    address, method, path, payload, timeout_s=timeout_s, name=self._host
                )
            except (TimeoutError, OSError, EOFError) as error:
                why = explain(error)
                self._resting_until[address] = self._clock() + REST_S
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

    async def _candidates(self) -> list[Address]:
        """Whom to ask, in order: the next in turn first, the resting ones last."""
        if not self._open or self._clock() - self._scanned_at > RESCAN_S:
            await self._scan()
        self._turn += 1
        at = self._turn % max(len(self._open), 1)
        in_turn = self._open[at:] + self._open[:at]
        now = self._clock()
        in_turn.sort(key=lambda address: self._resting_until.get(address, 0.0) > now)
        return in_turn[:ATTEMPTS_MAX]

    async def _scan(self) -> None:
        places = [(self._host, port) for port in self._ports]
        if self._host != LOOPBACK:
            places = await _resolved(self._host, self._port)
        elif len(places) == 1:
            self._open = places
            return
        found = await asyncio.gather(*(_accepts(place) for place in places))
        self._open = [place for place, accepts in zip(places, found, strict=True) if accepts]
        self._scanned_at = self._clock()

    async def _ask(self, address: Address, path: str, timeout_s: float) -> str | None:
        """None if all is well there, else the reason."""
        try:
            status, answer = await http.call(
                address, "GET", path, timeout_s=timeout_s, name=self._host
            )
        except (TimeoutError, OSError, EOFError) as error:
            return explain(error)
        return None if status == 200 else _refusal(status, answer)


def _refusal(status: int, answer: Any) -> str:
    """What the other side says of itself; a health report names whom *it* is missing."""
    if isinstance(answer, dict) and answer.get("failing"):
        return f"{status}, without {', '.join(answer['failing'])}"
    if isinstance(answer, dict) and answer.get("error"):
        return f"{status}, {answer['error']}"
    return str(status)


async def _resolved(host: str, port: int) -> list[Address]:
    """Every address of the name; none while nobody has it."""
    try:
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, family=socket.AF_INET, type=socket.SOCK_STREAM
            )
    except OSError:  # TimeoutError is one
        return []
    return sorted({(str(address[0]), port) for *_, address in found})


async def _accepts(address: Address) -> bool:
    try:
        async with asyncio.timeout(KNOCK_TIMEOUT_S):
            _reader, writer = await asyncio.open_connection(*address)
    except OSError:  # TimeoutError is one
        return False
    writer.close()
    return True
