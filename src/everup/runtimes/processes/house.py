"""Everything the runtime holds, opened and closed as one: lock, registry, roster, threads, guard.

Flows in: stack, state folder, clock, settings. Flows out: what the verbs in `runtime` are made of:
launching one instance, ending one, listing all. It knows nothing of services as wholes.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from everup.loop.ports import Clock
from everup.model.edges import Connections
from everup.model.errors import GiveUp, TryAgain
from everup.model.kinds import is_known
from everup.model.observation import Instance
from everup.model.runtime import EventKind, Mismatch, RuntimeEvent
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.sums import SumKey
from everup.runtimes import files
from everup.runtimes.broadcast import Broadcast
from everup.runtimes.processes import (
    adoption,
    areas,
    inherited,
    memory,
    procfs,
    releases,
)
from everup.runtimes.processes.accounting import Accounting, Usage
from everup.runtimes.processes.configuration import Configuration
from everup.runtimes.processes.declared import Declarations
from everup.runtimes.processes.disks import Disks
from everup.runtimes.processes.ending import Ending
from everup.runtimes.processes.identity import Handle, Identity, Mark, home_of
from everup.runtimes.processes.kept import Kept, KeptFolder, taken_up
from everup.runtimes.processes.launch import launch, new_nonce
from everup.runtimes.processes.listed import instance_of
from everup.runtimes.processes.listening import listeners
from everup.runtimes.processes.lock import FolderLock
from everup.runtimes.processes.mismatches import mismatches
from everup.runtimes.processes.orders import Order, order
from everup.runtimes.processes.records import Key, Record, Registry, instance_name
from everup.runtimes.processes.resources import ResourceReader
from everup.runtimes.processes.roster import Life, Roster
from everup.runtimes.processes.talking import talking
from everup.runtimes.processes.threads import WAIT_S, Threads

T = TypeVar("T")


class Use(StrEnum):
    """Which release a start uses, and whether its working area is a fresh one."""

    CURRENT = "current"  # what the link leads to
    KEPT = "kept"  # the one that ran
    FRESH = "fresh"  # what the link leads to, in a fresh area


@dataclass(frozen=True, slots=True)
class Prepared:
    """A checked start with what it will be remembered to have been started with."""

    order: Order
    configuration: Configuration


class House:
    """Open from `open` to `close`; use on one loop."""

    roster: Roster
    ending: Ending
    _registry: Registry
    _guard: asyncio.Task[None]

    def __init__(
        self,
        stack: Stack,
        state_dir: Path,
        clock: Clock,
        settings: Settings,
        environ: Mapping[str, str],
        key: SumKey,
    ) -> None:
        self.stack, self._key = stack, key
        self.clock = clock
        self.time_scale = settings.time_scale
        self.environ = dict(environ)
        self.events = Broadcast()
        self.threads = Threads()
        self._folder = state_dir
        self.declarations = Declarations(stack, state_dir / "declared", settings.time_scale)
        self._lock = FolderLock(state_dir / "lock")
        self._accounting = Accounting()
        self._disks = Disks(clock, settings.time_scale)
        self._resources = ResourceReader(self.threads, clock, settings.time_scale)
        self._connections_most = {n: s.limits.connections for n, s in stack.services.items()}
        self._home = ""
        self._launching: dict[Key, asyncio.Task[Any]] = {}
        self.kept_folder = KeptFolder(state_dir / "held" / "aside")
        self.kept: tuple[tuple[Kept, Life], ...] = ()

    async def open(self) -> None:
        """Become the controller of this folder and take up what runs.

        Raises:
            AskAHuman: somebody else controls it. GiveUp: this kernel or folder will not do.
            TryAgain: what is noted there cannot be read now.
        """
        inherited.keep_ignored_signals_to_ourselves()
        try:
            await self.threads.write(self._take_folder)
            kept, found = await self.threads.write(self._adopt)
        except OSError as error:
            self._let_go()
            raise GiveUp(
                f"state_dir: {str(self._folder)!r} cannot be used: {error}; choose another"
            ) from error
        except BaseException:
            self._let_go()
            raise
        self.roster = Roster(self._registry, self.events, self.threads.hands, self.clock.now)
        for life in found:
            if life.handle is not None or life.record.service in self.stack.services:
                self.roster.add(life.record, life.handle)
            else:
                self.roster.forget(life.record.key)
        self.kept = tuple((k, self._take_up(k)) for k in kept)
        self.ending = Ending(self.threads.read, self.clock.now, self.mark_of)
        self._guard = asyncio.create_task(self._make_guard().watch())

    def _let_go(self) -> None:
        self.threads.close()
        self._lock.give_back()

    def _take_folder(self) -> None:
        _need_pidfd()
        files.make_folder(self._folder)
        files.make_folder(self._folder / "output")
        self._lock.take()
        self._home = home_of(self._folder)
        self._registry = Registry(self._folder / "instances")
        self.declarations.load()

    def _adopt(self) -> tuple[Sequence[Kept], Sequence[adoption.Adopted]]:
        kept = taken_up(self.kept_folder, self._registry, lambda record: str(self._mark(record)))
        found = adoption.adopt(
            self._registry,
            stack=self.stack.name,
            home=self._home,
            log_of=self.log_of,
            now_s=self.clock.now(),
            aside=frozenset(k.record.nonce for k in kept),
        )
        return kept, found

    def _take_up(self, kept: Kept) -> Life:
        handle = Handle.open(kept.record.identity, str(self._mark(kept.record)))
        return self.roster.add_aside(kept.record, handle, kept.members)

    def _make_guard(self) -> memory.Guard:
        return memory.Guard(
            roster=self.roster,
            events=self.events,
            clock=self.clock,
            poll_s=max(memory.POLL_S * self.time_scale, memory.POLL_LEAST_S),
            weigh=self.weigh,
            in_thread=self.threads.read,
            log_of=self.log_of,
        )

    async def close(self) -> None:
        """Let go of everything; what runs lives on."""
        if self._launching:
            await asyncio.wait(self._launching.values(), timeout=WAIT_S)
        self._guard.cancel()
        await asyncio.gather(self._guard, return_exceptions=True)
        self.roster.release()
        await asyncio.to_thread(self.threads.close)
        self._lock.give_back()
        self.events.close()

    def lose(self) -> None:
        """Let go as a crash would: nothing is written, nobody is told."""
        self._guard.cancel()
        self.roster.release()
        self.threads.close()
        self._lock.give_back()

    def log_of(self, key: Key) -> Path:
        """The instance's output file."""
        name = files.file_name(instance_name(*key), ".log")
        return (self._folder / "output").resolve() / name

    def mark_of(self, life: Life) -> str:
        """What every process of this life carries."""
        return str(self._mark(life.record))

    def _mark(self, record: Record) -> Mark:
        return Mark(self.stack.name, *record.key, self._home, record.nonce)

    def prepare(self, service: str, index: int, use: Use = Use.CURRENT) -> Prepared:
        """Check that this instance could be started. Raises GiveUp."""
        declared = self.declarations.of(service)
        life = self.roster.get((service, index))
        ran = life.record.configuration if life is not None else None
        kept = ran.release if ran is not None and use is Use.KEPT else None
        configuration = releases.resolved(declared, kept)
        return Prepared(order(service, index, configuration, self.environ), configuration)

    async def launch(self, service: str, index: int, use: Use = Use.CURRENT) -> None:
        """Start an instance that does not run. Once begun it is carried through, cancelled or not.

        Raises:
            GiveUp: it cannot be started as declared. TryAgain: not now.
        """
        checked = self.prepare(service, index, use)
        if checked.configuration.releases is not None:
            checked = await self._with_area(checked, (service, index), use)
        before = self.roster.get((service, index))
        if before is not None and not self.roster.is_aside(before.record):
            grace_s = self.declarations.of(service).stop_grace_s * self.time_scale
            await self.ending.sweep(before, grace_s, may_kill=True)
        key = (service, index)
        await self.carry_through(key, self._launch(checked, key, before))

    async def carry_through(self, key: Key, work: Coroutine[Any, Any, T]) -> T:
        """Wait for work that goes on to its end, cancelled or not; `launched` waits for it too."""
        task = asyncio.create_task(work)
        self._launching[key] = task
        task.add_done_callback(lambda task: self._has_launched(key, task))
        return await asyncio.shield(task)

    def _has_launched(self, key: Key, task: asyncio.Task[Any]) -> None:
        del self._launching[key]
        if not task.cancelled():
            task.exception()  # whoever waits for it is told; nobody may be waiting

    async def launched(self, service: str) -> None:
        """Wait for starts of this service whose caller did not.

        Raises:
            TryAgain: the file system does not answer.
        """
        under_way = {task for key, task in self._launching.items() if key[0] == service}
        if under_way and (await asyncio.wait(under_way, timeout=WAIT_S))[1]:
            raise TryAgain(f"{service} is still being started; its files do not answer")

    async def _with_area(self, checked: Prepared, key: Key, use: Use) -> Prepared:
        """With the folder that it may lose; a fresh start gets a fresh one."""
        folder, name = self._folder.resolve() / "areas", instance_name(*key)
        life = self.roster.get(key)
        ran_s = life.record.ran_s(self.clock.now()) if life is not None else 0.0
        try:
            if ran_s >= areas.PROVEN_S * self.time_scale:
                await self.threads.write(areas.prove, folder, name)
            account, is_fresh = checked.order.account, use is Use.FRESH
            area = await self.threads.write(areas.take, folder, name, account, is_fresh=is_fresh)
            await self.threads.write(areas.prune, folder, name)
        except OSError as error:
            raise TryAgain(f"{name} was not started: no working area: {error}") from error
        env = {**checked.order.env, areas.AREA: str(area)}
        return replace(checked, order=replace(checked.order, env=env))

    async def _launch(self, checked: Prepared, key: Key, before: Life | None) -> None:
        configuration = checked.configuration
        record = Record(
            service=key[0],
            index=key[1],
            nonce=new_nonce(),
            boot_id=procfs.boot_id(),
            written_ticks=procfs.boot_ticks(),
            configuration=configuration,
            memory_limit_bytes=configuration.memory_bytes,
        )
        work = asyncio.get_running_loop().run_in_executor(
            self.threads.hands,
            lambda: launch(
                checked.order,
                record,
                mark=self._mark(record),
                log=self.log_of(key),
                registry=self._registry,
                now_s=self.clock.now,
            ),
        )
        try:
            started = await work
        except (GiveUp, TryAgain):
            await self._put_back(key, before)
            raise
        self.roster.add(started.record, started.handle)
        at_s = self.clock.now()
        name = instance_name(*key)
        event = RuntimeEvent(EventKind.STARTED, at_s, service=key[0], instance=name, is_ours=True)
        self.events.tell(event)

    async def _put_back(self, key: Key, before: Life | None) -> None:
        """The registry says what was true before a start that did not happen."""
        try:
            if before is None:
                await self.threads.write(self._registry.remove, key)
            else:
                await self.threads.write(self._registry.save, before.record)
        except (OSError, TryAgain):
            return  # then the next Everup finds a start without a process, and that is a dead one

    async def measure(self) -> Mapping[Key, Usage]:
        """What every running instance uses now; remembers who belongs to it."""
        mains = {life.record.key: life for life in self.roster if life.is_running}
        identities = {key: life.record.identity for key, life in mains.items()}
        usage = await self.threads.read(self._accounting.read, identities)
        for key, life in mains.items():
            if key in usage:
                life.members = usage[key].members
                # Children that were reaped by nobody of ours take their totals with them.
                life.cpu_seconds = max(life.cpu_seconds, usage[key].cpu_seconds)
                if is_known(usage[key].io_bytes):
                    life.io_bytes = max(life.io_bytes, usage[key].io_bytes)
        return usage

    async def disown(self, processes: Sequence[Identity]) -> None:
        """They are counted for no instance any more."""
        await self.threads.read(self._accounting.disown, processes)

    async def weigh(self) -> Mapping[Key, float]:
        """The memory of every running instance; a whole pass is made only when one has grown a
        process since the latest."""
        running = {life.record.key: life.record.identity for life in self.roster if life.is_running}
        weights = await self.threads.read(self._accounting.weigh, running)
        if weights is not None:
            return weights
        return {key: usage.memory_bytes for key, usage in (await self.measure()).items()}

    async def instances(self) -> tuple[Instance, ...]:
        """Everything there is, in the order of the stack. Raises TryAgain, OSError."""
        usage = await self.measure()
        heard = await self.threads.read(listeners)
        self.roster.look()
        order_of = {name: place for place, name in enumerate(self.stack.services)}
        lives = [
            life
            for life in self.roster
            if life.record.service in order_of and self._is_one_of_it(life)
        ]
        lives.sort(key=lambda life: (order_of[life.record.service], life.record.index))
        disks = await self._disks.read(lives)
        has = await self._resources.read(lives, heard, self._connections_most)
        return tuple(
            instance_of(
                life,
                self._key,
                usage.get(life.record.key),
                heard,
                disks.get(life.record.key),
                has.get(life.record.key),
            )
            for life in lives
        )

    async def connections(self) -> Connections:
        """Who talks to whom. Raises TryAgain, OSError."""
        await self.measure()
        processes: dict[str, list[Identity]] = {}
        for life in self.roster:
            if life.is_running:
                members = (life.record.identity, *life.members)
                processes.setdefault(life.record.service, []).extend(members)
        seen, hidden = await self.threads.read(talking, processes)
        return Connections(self.clock.now(), seen, hidden)

    def _is_one_of_it(self, life: Life) -> bool:
        """What ended and has no place any more, since fewer are declared now, is none of it."""
        return life.is_running or (
            life.record.index < self.declarations.of(life.record.service).instances
        )

    def mismatches(self) -> tuple[Mismatch, ...]:
        """Where what runs is not what is declared."""
        running = [life.record for life in self.roster if life.is_running]
        return mismatches(running, self.declarations, self.stack)


def _need_pidfd() -> None:
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError as error:
        if error.errno == errno.ENOSYS:
            raise GiveUp("the processes runtime needs Linux 5.4 or newer (pidfd)") from error
        raise
