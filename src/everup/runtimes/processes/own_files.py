"""Configuration files of services as they are declared: seen with each listing, put back in place.

Flows in: the stack, captured files. Flows out: a digest for each service, kept files with contents,
exchanges that survive a crash. The caller holds the service's turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from everup.loop.ports import Clock
from everup.model.observation import Instance
from everup.model.runtime import Captured, KeptFile
from everup.model.stack import Stack
from everup.model.sums import SumKey
from everup.model.version import with_files
from everup.runtimes.config_files import (
    Change,
    FileExchange,
    Look,
    Source,
    Unfinished,
    Watch,
    bounded,
    plan,
)

WHAT = "its configuration files"


class OwnFiles:
    """Use on one loop."""

    def __init__(self, stack: Stack, folder: Path, clock: Clock, key: SumKey) -> None:
        self._stack, self._watch = stack, Watch(clock.now, key)
        self._exchange = FileExchange(folder, clock.now)
        self._sources = {
            name: [Source(path, path) for path in spec.config_files]
            for name, spec in stack.services.items()
            if spec.config_files
        }

    async def read(self) -> None:
        """Look at those of all services; called with each listing."""
        if self._sources:
            await self._watch.read(self._sources)

    def seen(self, instance: Instance) -> Instance:
        """As listed: its files are part of what it is."""
        sight = self._watch.of(instance.service)
        if not sight.digest or not instance.version:
            return instance
        version = with_files(instance.version, sight.digest)
        return replace(instance, version=version, files_changed_at_s=sight.changed_at_s)

    async def capture(self, service: str) -> Look:
        """With their contents. Raises TryAgain."""
        sources = self._sources.get(service, ())
        return await self._watch.contents(service, sources) if sources else Look()

    async def changes(self, captured: Captured) -> tuple[Change, ...]:
        """What must be written for the files to be as captured. Raises GiveUp, TryAgain."""
        service, files = captured.service, captured.files
        sources = self._sources.get(service, ())
        if not captured.has_files:
            return ()
        now = await self._watch.contents(service, sources)
        return await bounded(lambda: plan(files, now, sources, self._is_read), WHAT)

    async def write(self, service: str, changes: Sequence[Change]) -> None:
        """All of them, or none. Raises GiveUp, TryAgain."""
        await bounded(lambda: self._exchange.write(service, changes), WHAT)

    async def keep(self, service: str) -> Sequence[str]:
        """The exchange is over."""
        return await bounded(lambda: self._exchange.keep(service), WHAT)

    async def put_back(self, service: str) -> str:
        """As it was before the exchange."""
        return await bounded(lambda: self._exchange.put_back(service), WHAT)

    def unfinished(self) -> Sequence[str]:
        """Services with an exchange that was cut short."""
        return self._exchange.all_unfinished()

    def note(self, service: str) -> Unfinished | None:
        """The exchange that was cut short. Raises TryAgain."""
        return self._exchange.unfinished(service)

    async def stack_files(self) -> Sequence[KeptFile]:
        """The everup.yaml."""
        path = self._stack.file
        if not path:
            return ()
        return (await self._watch.contents("stack", [Source(path, path)])).files

    def _is_read(self, folder: str) -> bool:
        return any(
            source.path == folder for sources in self._sources.values() for source in sources
        )
