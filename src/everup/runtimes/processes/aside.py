"""Quarantine: a sick life is frozen and kept for a person; a fresh one takes its place and port.

Flows in: a running life that is to be replaced. Flows out: another one in its place, and sentences
on what is kept, until when, and how to look at it. At most one of each service is kept. It ends
when its time is over, when it is given back, and when services are stopped. The caller holds the
turn.

In this order, so that a crash of ours at any point leaves what the next start can settle: it is
written down (`kept`), frozen (`freezing`), cut off (`sockets`), and only then is its place free for
another (`Roster.put_aside`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from everup.model.errors import EverupError, GiveUp, NotKept, TryAgain
from everup.model.settings import Settings
from everup.runtimes.processes import freezing, leftovers, procfs, sockets
from everup.runtimes.processes.ending import ended_within
from everup.runtimes.processes.house import House, Use
from everup.runtimes.processes.identity import Identity
from everup.runtimes.processes.kept import Kept
from everup.runtimes.processes.listening import accept_queues
from everup.runtimes.processes.roster import Life

FRESH_WAIT_S = 2.0
"""How long a fresh one gets to fail beside the kept one before the caller hears that it runs."""

NO_PORT_WAIT_S = 0.5
POLL_S = 0.05
AGAIN_S = 60.0
MIB = 1024 * 1024

_log = structlog.get_logger(__name__)


class Aside:
    """All that is kept of this stack. Open from `open` to `close`; use on one loop."""

    def __init__(self, house: House, settings: Settings) -> None:
        self._house = house
        self._settings = settings
        self._held: dict[str, tuple[Kept, Life]] = {}
        self._watches: dict[str, asyncio.Task[None]] = {}

    def open(self) -> None:
        """Go on holding what an earlier Everup kept."""
        for kept, life in self._house.kept:
            self._hold(kept, life)

    def close(self) -> None:
        """Let go; what is kept stays as it is, for the next start to give back."""
        for watch in self._watches.values():
            watch.cancel()
        self._watches.clear()

    def held(self) -> frozenset[str]:
        """Services of which something is kept."""
        return frozenset(self._held)

    async def end_all(self, why: str = "given back") -> Sequence[str]:
        """End everything that is kept. Raises like `end`."""
        said: list[str] = []
        for service in list(self._held):
            said += await self.end(service, why)
        return said

    async def replace(
        self, service: str, index: int, *, keep_s: float, grace_s: float, use: Use
    ) -> Sequence[str]:
        """Have another life at this place and keep the one that runs; once begun it is carried
        through.

        Raises:
            NotKept: it cannot be kept, and nothing was touched. GiveUp: the fresh one cannot be
            started. TryAgain: not now.
        """
        self._house.prepare(service, index, use)
        life = self._house.roster.get((service, index))
        if life is None or not life.is_running:
            await self._house.launch(service, index, use)
            return ("it did not run any more and was started; nothing is kept",)
        members = await self._house.threads.read(self._belonging, life)
        why_not = await self._why_not(service, [life.record.identity, *members])
        if why_not:
            told = await self._house.ending.stop(life, grace_s, may_kill=True)
            await self._house.launch(service, index, use)
            return [text for text in (told, f"restarted as usual: {why_not}") if text]
        self._need_memory()
        work = self._replace(life, self._house.clock.now() + keep_s, use)
        return await self._house.carry_through((service, -1), work)

    async def end(self, service: str, why: str = "given back") -> Sequence[str]:
        """End what is kept of this service. Raises TryAgain: it was killed and has not ended."""
        if service not in self._held:
            return ()
        kept, life = self._held.pop(service)
        watch = self._watches.pop(service, None)
        is_watched_by_us = watch is asyncio.current_task()
        if watch is not None and not is_watched_by_us:
            watch.cancel()
        try:
            await self._house.ending.kill(life)
            await self._house.threads.write(self._house.kept_folder.remove, service)
        except OSError as error:
            _log.warning("kept_record_stays", service=service, error=str(error))
        except BaseException:
            if is_watched_by_us:
                self._held[service] = kept, life  # the watch tries again
            else:
                self._hold(kept, life)
            raise
        self._house.roster.drop_aside(life)
        pid = kept.record.pid
        _log.info("quarantine_ended", service=service, pid=pid, why=why)
        return (f"{service}: process {pid} ({kept.record.name}), kept aside, is ended: {why}",)

    async def _replace(self, life: Life, until_s: float, use: Use) -> Sequence[str]:
        service, index = life.record.key
        kept = await self._keep(life, until_s)
        count = len(kept.everybody)
        try:
            await self._house.launch(service, index, use)
        except (GiveUp, TryAgain):
            await self.end(service, "no fresh one could be started")
            if use is Use.FRESH:
                await self._house.launch(service, index, Use.KEPT)
            raise
        if await self._fails_at_once(service, index):
            await self.end(service, "the fresh one failed beside it")
            await self._house.launch(service, index, use)
            return (
                f"not kept: {life.record.name} failed at once beside the one kept aside, which was "
                "ended; then it was started again",
            )
        pid, more = kept.record.pid, f" and {count - 1} more" if count > 1 else ""
        until = datetime.fromtimestamp(until_s, UTC).astimezone()
        return (
            f"{life.record.name} as it was is kept aside until {until:%Y-%m-%d %H:%M:%S}: process "
            f"{pid}{more}, frozen, its connections cut; look at it in /proc/{pid} or with a "
            f"debugger, and end it with: everup release {service}",
        )

    async def _keep(self, life: Life, until_s: float) -> Kept:
        """Raises NotKept: it runs as it did."""
        house, record = self._house, life.record
        kept = Kept(record, until_s)
        stopped: tuple[Identity, ...] = ()
        try:
            await self._save(kept)
            frozen = await house.threads.read(
                freezing.freeze, record.identity, lambda: self._belonging(life)
            )
            stopped = frozen.stopped
            kept = replace(kept, members=frozen.members)
            await self._save(kept)
            await house.threads.read(sockets.shut, kept.everybody)
        except (GiveUp, TryAgain) as error:
            await house.threads.read(freezing.thaw, stopped)
            await self._forget(record.service)
            raise NotKept(str(error)) from error
        life.members = kept.members
        house.roster.put_aside(life)
        self._hold(kept, life)
        await house.disown(kept.everybody)
        return kept

    def _belonging(self, life: Life) -> frozenset[Identity]:
        """Session, descendants, and whoever carries the mark."""
        seen = leftovers.members_of(life.record.identity)
        return seen | leftovers.leftovers(life.record, self._house.mark_of(life), seen, None)

    def _hold(self, kept: Kept, life: Life) -> None:
        service = kept.record.service
        self._held[service] = kept, life
        self._watches[service] = asyncio.create_task(self._watch(kept, life))

    async def _watch(self, kept: Kept, life: Life) -> None:
        """Until its time is over, or it ends by somebody else's hand."""
        service = kept.record.service
        has_ended = await ended_within(life, kept.until_s - self._house.clock.now())
        why = "it was ended by somebody else" if has_ended else "its time is over"
        while service in self._held:
            try:
                await self.end(service, why)
            except EverupError as error:
                _log.warning("quarantine_not_ended", service=service, error=str(error))
                await asyncio.sleep(AGAIN_S)

    async def _why_not(self, service: str, processes: Sequence[Identity]) -> str:
        """Why it is only restarted. Raises NotKept: its sockets cannot be reached."""
        if service in self._held:
            pid = self._held[service][0].record.pid
            return f"process {pid} of {service} is kept aside already"
        try:
            port = await self._house.threads.read(sockets.unshared_port, processes)
        except GiveUp as error:
            raise NotKept(str(error)) from error
        if port is None:
            return ""
        return f"it took port {port} without SO_REUSEADDR, so that no other has it while it lives"

    def _need_memory(self) -> None:
        total, available = procfs.read_host_memory()
        settings = self._settings
        least = max(settings.headroom_bytes, settings.headroom_ratio * total)
        if available < least:
            raise NotKept(
                f"quarantine: {available / MIB:.0f} MiB of the host's memory are available and "
                f"{least / MIB:.0f} MiB have to stay, so nothing is kept aside; free memory"
            )

    async def _fails_at_once(self, service: str, index: int) -> bool:
        """Has it ended before it listens, or before long where it has no port?"""
        life = self._house.roster.get((service, index))
        if life is None:
            return True
        port = life.record.port
        deadline_s = asyncio.get_running_loop().time()
        deadline_s += FRESH_WAIT_S if port is not None else NO_PORT_WAIT_S
        while asyncio.get_running_loop().time() < deadline_s:
            if await ended_within(life, POLL_S):
                return True
            if port is not None and port in await self._house.threads.read(accept_queues):
                return False
        return False

    async def _save(self, kept: Kept) -> None:
        try:
            await self._house.threads.write(self._house.kept_folder.save, kept)
        except OSError as error:
            raise TryAgain(f"quarantine: it cannot be written down: {error}") from error

    async def _forget(self, service: str) -> None:
        try:
            await self._house.threads.write(self._house.kept_folder.remove, service)
        except OSError as error:
            _log.warning("kept_record_stays", service=service, error=str(error))
