"""The configuration files of containers: seen with each listing, kept with a capture, put back.

Flows in: containers, and configurations that were captured. Flows out: a digest for each container,
kept files with their contents, and exchanges of files that survive a crash. What the engine's host
does not show us is not kept, with the reason. The caller holds the service's turn.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from everup.loop.ports import Clock
from everup.model.errors import EverupError, GiveUp
from everup.model.kinds import InstanceState, is_known
from everup.model.runtime import Captured, KeptFile
from everup.model.stack import Stack
from everup.model.sums import SumKey
from everup.runtimes.config_files import (
    Change,
    FileExchange,
    Look,
    Sight,
    Source,
    Watch,
    bounded,
    plan,
)
from everup.runtimes.docker.containers import Container, section
from everup.runtimes.docker.hands import Hands
from everup.runtimes.docker.host_paths import HostPaths
from everup.runtimes.docker.mounted import binds_of, is_within, places_of, written_by

CONFIG_FILES = "com.docker.compose.project.config_files"
WORKING_DIR = "com.docker.compose.project.working_dir"
VARIABLE_FILES = "com.docker.compose.project.environment_file"
VARIABLE_FILE = ".env"
STACK_FILES_MOST = 32
NOTES = "files"


class MountedFiles:
    """Use on one loop."""

    def __init__(
        self,
        stack: Stack,
        folder: Path,
        clock: Clock,
        key: SumKey,
        hands: Hands,
        paths: HostPaths,
    ) -> None:
        self._stack, self._hands, self._paths = stack, hands, paths
        self._watch = Watch(clock.now, key)
        self._exchange = FileExchange(folder / NOTES, clock.now)
        self._written: frozenset[str] = frozenset()
        self._read: frozenset[str] = frozenset()
        self._known: dict[str, tuple[Mapping[str, Any], frozenset[str], Sequence[Source]]] = {}

    def of(self, container: Container) -> Sight:
        """Its files as last seen."""
        return self._watch.of(container.id)

    async def read(self, containers: Sequence[Container]) -> None:
        """Look at those of all containers; called with each listing."""
        hosts = [section(c.document, "HostConfig") for c in containers]
        self._written = written_by(hosts)
        self._read = frozenset(bind.source for host in hosts for bind in binds_of(host))
        known = {c.id for c in containers}
        for gone in self._known.keys() - known:
            del self._known[gone]
        await self._watch.read({c.id: self._sources_of(c) for c in containers})

    async def capture(self, container: Container) -> Look:
        """With their contents. Raises TryAgain."""
        return await self._watch.contents(container.id, self._sources_of(container))

    async def changes(self, captured: Captured) -> tuple[Change, ...]:
        """What must be written for the files to be as captured.

        Raises:
            GiveUp: a file is not the service's any more, or cannot be seen from here. TryAgain.
        """
        if not captured.has_files:
            return ()
        sources = self._sources(captured.service, section(captured.content, "host"))
        if unseen := next((s for s in sources if s.why_not and _is_kept(s, captured.files)), None):
            raise GiveUp(f"{unseen.path}: {unseen.why_not}")
        now = await self._watch.contents(f"going back {captured.service}", sources)
        kept, read = captured.files, self._read
        return await bounded(
            lambda: plan(kept, now, sources, lambda folder: is_within(folder, read)),
            "its configuration files",
        )

    async def write(self, service: str, changes: Sequence[Change]) -> None:
        """All of them, or none. Raises GiveUp, TryAgain."""
        await bounded(lambda: self._exchange.write(service, changes), "its configuration files")

    async def keep(self, service: str) -> Sequence[str]:
        """The exchange is over."""
        return await bounded(lambda: self._exchange.keep(service), "its configuration files")

    async def put_back(self, service: str) -> str:
        """As it was before the exchange."""
        return await bounded(lambda: self._exchange.put_back(service), "its configuration files")

    def unfinished(self) -> Sequence[str]:
        """Services with an exchange that was cut short."""
        return [name for name in self._exchange.all_unfinished() if name in self._stack.services]

    async def settle(self, service: str, containers: Sequence[Container], grace_s: float) -> None:
        """End what was cut short: forward where one has begun with the new files, else back.

        Raises:
            TryAgain, GiveUp: not now; the note stays.
        """
        note = self._exchange.unfinished(service)
        if note is None:
            return
        began = [c for c in containers if note.is_written and _began_after(c, note.noted_at_s)]
        if not began:
            await self.put_back(service)
            return
        for container in containers:
            if container not in began and container.was_ever_started:
                await start_again(self._hands, container, grace_s)
        await self.keep(service)

    async def stack_files(self, containers: Sequence[Container]) -> Sequence[KeptFile]:
        """The Compose files that the project was made from, as its labels name them, with the files
        of variables that they were filled in from, and the everup.yaml that is laid over it."""
        named: dict[str, bool] = {}
        for container in containers:
            labels = container.labels
            folder = Path(labels.get(WORKING_DIR, ""))
            variables = labels.get(VARIABLE_FILES, "") or VARIABLE_FILE
            for names, is_secret in ((labels.get(CONFIG_FILES, ""), False), (variables, True)):
                for name in filter(None, map(str.strip, names.split(","))):
                    named[str(folder / name)] = is_secret
        sources = [
            self._source(path, is_secret=is_secret)
            for path, is_secret in list(named.items())[:STACK_FILES_MOST]
            if path.startswith("/") and is_of_a_stack(path, is_secret=is_secret)
        ]
        if self._stack.file:
            sources.append(Source(self._stack.file, self._stack.file))
        return (await self._watch.contents("stack", sources)).files if sources else ()

    def _sources_of(self, container: Container) -> Sequence[Source]:
        known = self._known.get(container.id)
        if known is not None and known[0] is container.document and known[1] == self._written:
            return known[2]
        host = section(container.document, "HostConfig")
        sources = self._sources(container.service, host)
        self._known[container.id] = (container.document, self._written, sources)
        return sources

    def _sources(self, service: str, host: Mapping[str, Any]) -> Sequence[Source]:
        spec = self._stack.services.get(service)
        declared = None if spec is None else spec.config_files
        return [
            self._source(place.path, is_secret=place.is_secret)
            for place in places_of(host, declared, self._written)
        ]

    def _source(self, path: str, *, is_secret: bool = False) -> Source:
        at, why_not = self._paths.of(path)
        return Source(path, at, why_not, is_secret)


async def start_again(hands: Hands, container: Container, grace_s: float) -> str:
    """Another life of the same container, also of one that its engine is about to start."""
    if container.state is InstanceState.RESTARTING:
        await hands.begin_anew(container, grace_s)
        return ""
    return await hands.restart(container, grace_s, may_kill=True)


async def start_all_again(hands: Hands, containers: Sequence[Container], grace_s: float) -> str:
    """Each is tried; what could not be had, in words."""
    trouble = []
    for container in containers:
        try:
            await start_again(hands, container, grace_s)
        except EverupError as error:
            trouble.append(f"{container.name} could not be started again: {error}")
    return "; ".join(trouble)


def _began_after(container: Container, at_s: float) -> bool:
    return is_known(container.started_at_s) and container.started_at_s >= at_s


def _is_kept(source: Source, files: Sequence[KeptFile]) -> bool:
    return any(f.content is not None and is_within(f.path, (source.path,)) for f in files)


def is_of_a_stack(path: str, *, is_secret: bool) -> bool:
    """Does a file that labels name look like one of Compose? An image may bring labels that name
    anything; `is_secret`: it is named as one of variables."""
    name = Path(os.path.normpath(path)).name
    if is_secret:
        return name.startswith(".env") or name.endswith(".env")
    return name.endswith((".yml", ".yaml", ".json"))
