"""Enforces declared memory limits by looking, and keeps the output files bounded on the way.

The kernel's own limits for groups need privileges and a hierarchy that a plain host does not offer;
its per-process limits count address space, not memory. So this looks, and kills what is above.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from everup.loop.ports import Clock
from everup.model.errors import TryAgain
from everup.model.kinds import is_known
from everup.model.runtime import EventKind, RuntimeEvent
from everup.runtimes.broadcast import Broadcast
from everup.runtimes.processes import evidence, leftovers, output
from everup.runtimes.processes.records import Key
from everup.runtimes.processes.roster import Life, Roster

_log = structlog.get_logger(__name__)

POLL_S = 1.0
"""How often memory is compared with its limit, at true pace; scaled like every other time."""

POLL_LEAST_S = 0.1
EVIDENCE_WITHIN_S = 0.5
LOGS_EVERY_TURNS = 10


@dataclass(frozen=True, slots=True)
class Guard:
    """`watch` runs until it is cancelled."""

    roster: Roster
    events: Broadcast
    clock: Clock
    poll_s: float
    weigh: Callable[[], Awaitable[Mapping[Key, float]]]
    in_thread: Callable[..., Awaitable[object]]
    log_of: Callable[[Key], Path]

    async def watch(self) -> None:
        """Look, for ever. A look that fails is said and followed by the next one."""
        turn = 0
        while True:
            await self.clock.sleep(self.poll_s)
            turn += 1
            try:
                await self.look()
                if turn % LOGS_EVERY_TURNS == 0:
                    await self._cut_logs()
            except (OSError, TimeoutError) as error:
                _log.warning("memory_not_looked_at", error=str(error))

    async def look(self) -> None:
        """Kill every running instance that is above its limit."""
        limited = [
            life
            for life in self.roster
            if life.is_running and is_known(life.record.memory_limit_bytes)
        ]
        if not limited:
            return
        weights = await self.weigh()
        for life in limited:
            if weights.get(life.record.key, 0.0) > life.record.memory_limit_bytes:
                await self._kill(life)

    async def _kill(self, life: Life) -> None:
        handle = life.handle
        if handle is None:
            return
        await self._keep_evidence(life)
        try:
            if not handle.send(signal.SIGKILL):
                return
        except PermissionError as error:
            _log.warning("memory_limit_not_enforced", instance=life.record.name, error=str(error))
            return
        life.is_over_limit = True
        self.events.tell(
            RuntimeEvent(
                EventKind.OUT_OF_MEMORY,
                self.clock.now(),
                service=life.record.service,
                instance=life.record.name,
            )
        )
        await self.in_thread(leftovers.send, life.members, signal.SIGKILL)

    async def _keep_evidence(self, life: Life) -> None:
        """Into its own output, where whoever asks why it died looks first; memory grows meanwhile,
        so that this gets less time than other evidence."""
        try:
            async with asyncio.timeout(EVIDENCE_WITHIN_S):
                seen = await self.in_thread(evidence.of, life.record, life.members, None)
                await self.in_thread(output.append, self.log_of(life.record.key), seen)
        except (OSError, TimeoutError, TryAgain) as error:
            _log.warning("no_evidence_kept", instance=life.record.name, error=str(error))

    async def _cut_logs(self) -> None:
        logs = [self.log_of(life.record.key) for life in self.roster if life.is_running]
        await self.in_thread(lambda: [output.cut_when_large(log) for log in logs])
