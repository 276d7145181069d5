"""What the running containers use: from the kernel's files in one pass, else from the engine.

Flows in: containers. Flows out: a `Usage` for each of which anything is known. The pass runs in one
thread of its own; for what it cannot reach the engine is asked, in turns, a bounded number at a
time, each with a short deadline: late is unknown. Remembers the most memory that each was seen to
use.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from everup.model.errors import EverupError
from everup.model.kinds import UNKNOWN, is_known
from everup.runtimes.docker.accounting import Accounting, Reach, Target, Usage, usage_of_stats
from everup.runtimes.docker.containers import Container, section
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.turns import Turns, fails
from everup.runtimes.socket_table import Row

STATISTICS_DEADLINE_S = 2.0
PASS_DEADLINE_S = 5.0
SHARED_NETWORKS = ("host", "container:")


class Meter:
    """Measures; `close` it at the end."""

    def __init__(self, engine: Engine, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._accounting = Accounting()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="docker-accounting")
        self._peaks: dict[str, float] = {}
        self._clock_s = clock_s
        self._turns = Turns()
        self._host_memory_bytes = UNKNOWN
        self._pass: asyncio.Future[dict[str, Usage]] | None = None

    async def read(self, containers: Sequence[Container]) -> Mapping[str, Usage]:
        """By container id. What takes too long is left out."""
        running = [c for c in containers if c.is_running]
        found = dict(await self._in_one_pass(running))
        missing = [c for c in running if c.id not in found or not found[c.id].is_enough]
        now_s = self._clock_s()
        due = self._turns.due(missing, now_s)
        asked = await asyncio.gather(*map(self._statistics, due))
        for container, answer in zip(due, asked, strict=True):
            self._turns.take(container, answer, now_s)
        for container in missing:
            usage, known = self._turns.usage(container, now_s), found.get(container.id)
            found[container.id] = usage if known is None else known.filled_from(usage)
        self._turns.keep_only(missing)
        self._remember(found)
        return found

    async def letters(self) -> Mapping[str, str]:
        """Container id → the letter of its main process; of nobody while a pass is under way, which
        reads them too."""
        if self._pass is not None and not self._pass.done():
            return {}
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(PASS_DEADLINE_S):
                return await loop.run_in_executor(self._thread, self._accounting.letters)
        except (TimeoutError, OSError):
            return {}

    async def sockets(self, containers: Sequence[Container]) -> Mapping[str, Sequence[Row]]:
        """Container id → its TCP sockets; of those that could be looked at."""
        loop, targets = asyncio.get_running_loop(), [_target(c) for c in containers if c.is_running]
        try:
            async with asyncio.timeout(PASS_DEADLINE_S):
                return await loop.run_in_executor(self._thread, self._accounting.sockets, targets)
        except (TimeoutError, OSError):
            return {}

    def peak(self, container: Container) -> float:
        """The most memory that it was seen to use, in bytes; NaN: never measured."""
        return self._peaks.get(container.id, UNKNOWN)

    async def reach(self, containers: Sequence[Container]) -> Reach:
        """What can be seen from here."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._thread, self._accounting.reach, [_target(c) for c in containers if c.is_running]
        )

    async def close(self) -> None:
        """Let go of everything that is kept open."""
        self._thread.submit(self._accounting.close)
        self._thread.shutdown(wait=False)

    async def _in_one_pass(self, running: Sequence[Container]) -> Mapping[str, Usage]:
        """A pass that hangs is waited for by the next one, never doubled."""
        if self._pass is None or self._pass.done():
            suspects = [c.id for c in running if fails(c)]
            loop = asyncio.get_running_loop()
            self._pass = loop.run_in_executor(
                self._thread, self._accounting.read, [_target(c) for c in running], suspects
            )
        try:
            async with asyncio.timeout(PASS_DEADLINE_S):
                return await asyncio.shield(self._pass)
        except (TimeoutError, OSError):
            return {}

    async def _statistics(self, container: Container) -> Usage | None:
        try:
            if not is_known(self._host_memory_bytes):
                total = (await self._engine.get("info")).get("MemTotal")
                self._host_memory_bytes = float(total or 0) or UNKNOWN
            document = await self._engine.call(
                "GET",
                f"containers/{container.id}/stats",
                params={"stream": False, "one-shot": True},
                deadline_s=STATISTICS_DEADLINE_S,
            )
        except EverupError:
            return None
        return usage_of_stats(document, self._host_memory_bytes)

    def _remember(self, found: Mapping[str, Usage]) -> None:
        for container, usage in found.items():
            if is_known(usage.memory_bytes):
                before = self._peaks.get(container, 0.0)
                self._peaks[container] = max(before, usage.memory_bytes)
        for gone in self._peaks.keys() - found.keys():
            del self._peaks[gone]


def _target(container: Container) -> Target:
    mode = str(section(container.document, "HostConfig").get("NetworkMode") or "")
    return Target(
        container.id,
        container.pid,
        shares_network=mode.startswith(SHARED_NETWORKS),
        is_checked=container.check is not None,
    )
