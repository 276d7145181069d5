"""The engine: one control with live parts, started in order and stopped in the reverse one."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

from everup import __version__
from everup.app.live import BootClock, TimeIds, boot_id
from everup.app.own_files import own_files
from everup.app.plugins import load_runtime
from everup.app.rooms import open_rooms
from everup.blobs import Vault, VaultShelf, the_sum_key
from everup.config import Loaded
from everup.journal import SqlJournal, open_journal
from everup.loop.control import Control
from everup.loop.ports import Clock
from everup.model.errors import GiveUp
from everup.model.kinds import InstanceState
from everup.model.request import Request, Verb
from everup.model.runtime import Listing
from everup.model.stack import Stack
from everup.model.state import StackState
from everup.model.sums import SumKey
from everup.routing import create_router
from everup.signals.host import create_host_sense
from everup.signals.probes import create_commands, create_prober
from everup.signals.queues import create_queue_sense

FIRST_LOOK_S = 30.0
JOURNAL_FILE = "journal.sqlite3"
VAULT_FOLDER = "vault"


class Engine:
    """A running Everup. `control` exists once `start` has returned."""

    control: Control

    def __init__(self, loaded: Loaded, state_dir: Path, overrides: dict[str, Any]) -> None:
        self.loaded = loaded.scaled()
        self.state_dir = state_dir
        self._overrides = overrides
        self._task: asyncio.Task[None] | None = None

    async def start(self, *, gives_back: bool = True) -> None:
        """Open everything, adopt what runs, start what should run, and look for the first time.
        `gives_back`: what an earlier life left held, see `Control.open`.

        Raises:
            GiveUp, AskAHuman, JournalUnavailable: with what to do about it.
        """
        settings = self.loaded.settings
        self.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        sums = await asyncio.to_thread(the_sum_key, self.state_dir)
        stack = with_shown_digest(self.loaded.stack, sums.key)
        clock = self._overrides.get("clock") or BootClock()
        ids = self._overrides.get("ids") or TimeIds(clock)
        rooms = self._overrides.get("rooms") or open_rooms(self.loaded, self.state_dir, clock)
        if sums.made and (self.state_dir / JOURNAL_FILE).exists():  # else nothing was seen before
            rooms.log.warning("versions_counted_anew", text=sums.made)
        runtime = self._overrides.get("runtime")
        if runtime is None:
            plugin = load_runtime(stack.runtime)
            runtime = await plugin.create(stack, self.state_dir, clock, settings, key=sums.key)
        journal = self._overrides.get("journal") or open_journal_of(self.state_dir, clock)
        router = self._overrides.get("router")
        if router is None and (spec := self.loaded.options.router) is not None:
            router = create_router(spec, self.state_dir, clock)
        commands = create_commands(clock, settings)
        self._prober = self._overrides.get("prober") or create_prober(
            clock, settings, commands=commands
        )
        self._queues = self._overrides.get("queues") or create_queue_sense(commands)
        self._host = self._overrides.get("host") or create_host_sense(self.state_dir)
        self.control = Control(
            stack,
            settings,
            runtime,
            self._prober,
            self._host,
            journal,
            clock,
            ids,
            rooms=rooms,
            shelf=VaultShelf(self._vault()),
            own_files=own_files([self.loaded.options.file]),
            router=router,
            queues=self._queues,
            holder=f"{socket.gethostname()}:{os.getpid()}",
            version=__version__,
            boot_id=boot_id(),
            wall_ahead_s=clock.wall_ahead_s if isinstance(clock, BootClock) else lambda: 0.0,
        )
        try:
            await self.control.open(gives_back=gives_back)
            await self._bring_up()
        except BaseException:
            await self.control.beside.close()
            await runtime.close()
            await journal.close()
            raise
        self._task = asyncio.create_task(self.control.run(), name="control")
        await self._first_look()

    def _vault(self) -> Vault:
        options = self.loaded.options
        folder = self.state_dir / VAULT_FOLDER
        return Vault(folder, self.state_dir, options.secret_key, options.secret_key_source)

    async def _bring_up(self) -> None:
        """`everup up` is somebody's wish that what should run does run: each start is owed, in the
        order of the graph. Containers are their owner's to start, but for those that the latest
        `everup down` has ended. What was stopped on purpose or escalated is left alone."""
        listing = await self.control.runtime.list()
        ended = _ended_by_down(listing, self.control.state)
        up = {i.service for i in listing.instances if i.state is not InstanceState.EXITED}
        for service in self.control.graph.order:
            spec, state = self.loaded.stack.services[service], self.control.state.service(service)
            if service in up or not (spec.command or service in ended) or not state.is_wanted:
                continue
            wish = Request(Verb.START, by="everup up", service=service, reason="everup up")
            self.control.owed_starts.put(wish, self.control.clock.now())

    async def _first_look(self) -> None:
        deadline_s = asyncio.get_running_loop().time() + FIRST_LOOK_S
        while self.control.look is None:
            if self._task is not None and self._task.done():
                self._task.result()
            if asyncio.get_running_loop().time() > deadline_s:
                raise GiveUp(f"no first look within {FIRST_LOOK_S:g} s")
            await asyncio.sleep(0.02)

    async def wait(self) -> None:
        """Until the loop ends, which it only does by an error or by `stop`."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self, *, stop_services: bool = False, gives_back: bool = True) -> None:
        """End the loop and let go; services live on unless asked otherwise, and what is held is
        given back unless the next life goes on with it."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await self._prober.close()
        await self._queues.close()
        await self._host.close()
        await self.control.close(stop_services=stop_services, gives_back=gives_back)


def _ended_by_down(listing: Listing, state: StackState) -> frozenset[str]:
    """Services with an instance that ended since a controller was asked to end them all."""
    since_s = state.services_stopped_at_s
    exits = {i.service: i.exit for i in listing.instances if i.exit is not None}
    return frozenset(name for name, death in exits.items() if death.at_s >= since_s)


def with_shown_digest(stack: Stack, key: SumKey) -> Stack:
    """The same, with a digest that can be shown: what is declared may hold secrets."""
    return replace(stack, digest=key.sum("stack", stack.digest, len(stack.digest)))


def open_journal_of(state_dir: Path, clock: Clock) -> SqlJournal:
    """The journal of this state folder; `open` it before anything else."""
    return open_journal(f"sqlite:///{state_dir / JOURNAL_FILE}", clock=clock)


def build_app(loaded: Loaded, *, state_dir: Path | None = None, **overrides: Any) -> Engine:
    """An engine over what was loaded. `overrides` replace single parts: clock, ids, runtime,
    prober, queues, host, journal, rooms, router."""
    known = {"clock", "ids", "runtime", "prober", "queues", "host", "journal", "rooms", "router"}
    unknown = set(overrides) - known
    if unknown:
        raise TypeError(f"unknown parts {sorted(unknown)}; there are {sorted(known)}")
    return Engine(loaded, state_dir or loaded.options.state_dir, overrides)
