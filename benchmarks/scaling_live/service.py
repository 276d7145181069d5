"""A service whose capacity is a number of permits, each held for a while, and not the processors.

    PORT=8000 python -S -E service.py

`GET /work` waits in line for one of $PERMITS permits and holds it for about $HOLD_S seconds: drawn
anew for each request from a lognormal distribution with this mean and the shape $SPREAD, so that an
instance carries PERMITS / HOLD_S requests a second. `GET /health` never waits. For the first
$STARTS_S seconds all is answered with 503. After SIGTERM, /health says 503, all that is asked is
still answered, and it ends once nothing has been in hand for CALM_S. `GET /metrics` counts.
Standard library alone: it runs in a bare container too.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import signal
import time

CALM_S = 0.5
ENDS_WITHIN_S = 20.0
LINE_MOST = 500
"""So many may wait; whoever comes then is turned away with 503."""
COUNTED = """\
# TYPE requests_total counter
requests_total {served}
# TYPE requests_turned_away_total counter
requests_turned_away_total {turned_away}
# TYPE requests_in_line gauge
requests_in_line {waiting}
# TYPE requests_in_hand gauge
requests_in_hand {in_hand}
"""


class Service:
    """One instance."""

    def __init__(self) -> None:
        permits = int(os.environ.get("PERMITS", "2"))
        self._hold_s = float(os.environ.get("HOLD_S", "0.1"))
        self._shape = float(os.environ.get("SPREAD", "0.2"))
        self._permits = asyncio.Semaphore(permits)
        self._draw = random.Random(int(os.environ["PORT"]))
        self._ready_at_s = time.monotonic() + float(os.environ.get("STARTS_S", "3"))
        self._ends = asyncio.Event()
        self._busy_at_s = 0.0
        self.waiting = self.in_hand = self.served = self.turned_away = 0

    async def run(self) -> None:
        """Until it is told to end and nobody waits for it any more."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._ends.set)
        host = os.environ.get("HOST", "127.0.0.1")
        server = await asyncio.start_server(
            self._connected, host, int(os.environ["PORT"]), backlog=512
        )
        await self._ends.wait()
        self._busy_at_s = told_s = time.monotonic()
        while time.monotonic() < told_s + ENDS_WITHIN_S and (
            self.waiting or self.in_hand or time.monotonic() < self._busy_at_s + CALM_S
        ):
            await asyncio.sleep(0.05)
        server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                status, body = await self._answer(head.split(b" ", 2)[1].decode())
                ends = b"Connection: close\r\n" if self._ends.is_set() else b""
                writer.write(
                    b"HTTP/1.1 %d .\r\n%sContent-Length: %d\r\n\r\n%s"
                    % (status, ends, len(body), body)
                )
                await writer.drain()
                if ends:
                    break
        except (OSError, EOFError, asyncio.LimitOverrunError, IndexError, ValueError):
            pass  # it has hung up, or speaks something else
        finally:
            writer.close()

    async def _answer(self, path: str) -> tuple[int, bytes]:
        if path == "/metrics":
            return 200, COUNTED.format_map(vars(self)).encode()
        is_ready = time.monotonic() >= self._ready_at_s
        if path == "/health":
            is_well = is_ready and not self._ends.is_set()
            return (200, b"well\n") if is_well else (503, b"not now\n")
        if not is_ready or self.waiting >= LINE_MOST:
            self.turned_away += 1
            return 503, b"not now\n"
        await self._work()
        return 200, os.environ["PORT"].encode()

    async def _work(self) -> None:
        self.waiting += 1
        try:
            await self._permits.acquire()
        finally:
            self.waiting -= 1
        self.in_hand += 1
        try:
            mu = math.log(self._hold_s) - self._shape**2 / 2
            await asyncio.sleep(self._draw.lognormvariate(mu, self._shape))
        finally:
            self.in_hand -= 1
            self.served += 1
            self._busy_at_s = time.monotonic()
            self._permits.release()


async def main() -> None:
    """One instance, to its end."""
    await Service().run()


if __name__ == "__main__":
    asyncio.run(main())
