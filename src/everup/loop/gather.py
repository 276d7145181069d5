"""What each service runs from now, as a part of a snapshot; and what is known of it already.

Flows in: the runtime and the shelf of a control. Flows out: a `ServiceSnapshot` for each service,
those that could not be read with the reason. Called by `snapshots` alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from everup.loop.manifests import snapshot_from
from everup.loop.pins import pin
from everup.loop.ports import Shelf
from everup.model.errors import AskAHuman, EverupError, HookFailed, TryAgain
from everup.model.kinds import is_known
from everup.model.observation import InstanceObservation
from everup.model.runtime import Captured, KeptFile
from everup.model.snapshot import ServiceSnapshot, Snapshot

if TYPE_CHECKING:
    from everup.loop.control import Control

AT_ONCE = 4
"""Captures at a time: the engine has others to answer."""

DUMP = "dump"
"""The hook by which a service that keeps data writes them out, into a place of its own."""

PIN_MOST_S = 3.0
"""Whoever acts on a service now holds it longer than that."""

OUTPUT_CHARS_MOST = 200
MARGIN = 0.75
"""Of a moment that may be spent on asking; the rest is for writing."""

OwnFiles = Callable[[], Awaitable[Sequence[KeptFile]]]
"""The stack's own files, such as its Compose files and everup.yaml."""

Parts = Mapping[str, ServiceSnapshot]


class Gather:
    """Remembers the latest part of each service."""

    def __init__(self, control: Control, shelf: Shelf, own_files: OwnFiles | None) -> None:
        self._control, self._shelf, self._own_files = control, shelf, own_files
        self._known: dict[str, ServiceSnapshot] = {}
        self._named: set[tuple[str, str]] = set()  # (service, version) whose image has our name
        self._has_read = False

    async def parts(self, timeout_s: float) -> Parts:
        """Of every service, asked now."""
        return await self._ask(tuple(self._control.stack.services), timeout_s)

    async def known_parts(self, most_s: float) -> Parts:
        """Of every service: what is known of the version that runs, else asked within a moment."""
        try:
            async with asyncio.timeout(most_s * (1 - MARGIN)):
                await self._read_newest()
        except (EverupError, TimeoutError):
            pass  # then all of them are asked
        state, found = self._control.state, dict[str, ServiceSnapshot]()
        for name in self._control.stack.services:
            known, version = self._known.get(name), state.service(name).version
            if known is not None and version and known.version == version:
                found[name] = self.counted(known)
        rest = [name for name in self._control.stack.services if name not in found]
        asked = await self._ask(rest, most_s * MARGIN) if rest else {}
        return {name: found.get(name) or asked[name] for name in self._control.stack.services}

    async def dumps(self) -> Mapping[str, str]:
        """Run the dump hooks that there are, one after the other; what each came to."""
        said: dict[str, str] = {}
        for name, spec in self._control.stack.services.items():
            hook = spec.hooks.get(DUMP)
            if hook is None:
                continue
            begin_s = self._control.clock.now()
            try:
                async with asyncio.timeout(hook.timeout_s + self._control.settings.lease_s):
                    await self._control.runtime.run_hook(name, DUMP, hook)
                # Nothing of what it said: that may be the data, and manifests are plain.
                said[name] = f"done in {self._control.clock.now() - begin_s:.1f} s"
            except HookFailed as error:
                said[name] = f"failed: it ended with {error.code}; its output is not kept"
            except (EverupError, TimeoutError) as error:
                said[name] = f"failed: {str(error) or 'no end in time'}"[:OUTPUT_CHARS_MOST]
        return said

    @staticmethod
    def dumped(parts: Parts, dumps: Mapping[str, str]) -> Parts:
        """The parts with what their dumps came to."""
        return {n: replace(part, dump=dumps.get(n, "")) for n, part in parts.items()}

    async def own_files(self) -> Sequence[KeptFile]:
        """The stack's own files as they are now: those that the runtime knows, and everup.yaml."""
        found = {} if self._own_files is None else {f.path: f for f in await self._own_files()}
        try:
            known = await self._control.runtime.stack_files()
        except EverupError:
            known = ()  # they are not what goes back
        return [*found.values(), *(file for file in known if file.path not in found)]

    async def kept_files(self) -> Mapping[str, str]:
        """Path → address of the stack's own files, kept now."""
        return {
            file.path: await self._shelf.write(file.content, is_secret=True)
            for file in await self.own_files()
            if file.content is not None
        }

    def remember(self, snapshot: Snapshot) -> None:
        """What was taken is known."""
        self._has_read = True
        for name, part in snapshot.services.items():
            if part.digest:
                self._known[name] = part
        self._named &= {(name, part.version) for name, part in self._known.items()}

    def forget_names(self, service: str) -> None:
        """The images of this service, or of all (""), have no name of ours any more."""
        self._named = {pair for pair in self._named if service not in ("", pair[0])}

    def running(self) -> frozenset[str]:
        """Content addresses of images that run now, as far as is known."""
        state = self._control.state
        points = [p for one in state.services.values() for p in one.safe_points]
        safe = {p.image for p in points if p.version == state.service(p.service).version}
        known = self._known.items()
        return frozenset(
            {*safe, *(p.image for n, p in known if p.version == state.service(n).version)}
        )

    async def _read_newest(self) -> None:
        """After a restart of ours: what the newest snapshot says of each."""
        marks = self._control.state.snapshots
        if self._has_read or not marks:
            return
        newest = snapshot_from(await self._shelf.read(marks[-1].digest), marks[-1].digest)
        self.remember(newest)

    async def _ask(self, names: Sequence[str], timeout_s: float) -> Parts:
        """All of them beside each other; who has not answered in time is missing."""
        turns = asyncio.Semaphore(AT_ONCE)
        tasks = {name: asyncio.create_task(self._in_turn(turns, name)) for name in names}
        try:
            if tasks:
                await asyncio.wait(tasks.values(), timeout=timeout_s)
        finally:
            late = [task for task in tasks.values() if not task.done()]
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        why = f"it was not read within {timeout_s:.3g} s"
        return {
            name: ServiceSnapshot(name, missing=why) if task.cancelled() else task.result()
            for name, task in tasks.items()
        }

    async def _in_turn(self, turns: asyncio.Semaphore, name: str) -> ServiceSnapshot:
        async with turns:
            try:
                async with asyncio.timeout(self._control.settings.lease_s):
                    return await self._part(name)
            except TimeoutError:
                return ServiceSnapshot(name, missing="it was not read in time")
            except AskAHuman:
                raise  # nothing can be kept, of no service
            except EverupError as error:
                return ServiceSnapshot(name, missing=str(error) or type(error).__name__)
            except Exception as error:  # noqa: BLE001 - a stranger's runtime may raise anything
                return ServiceSnapshot(name, missing=f"{type(error).__name__}: {error}")

    async def _part(self, name: str) -> ServiceSnapshot:
        captured = await self._control.runtime.capture(name)
        address, files = await self._shelf.keep(captured)
        part = ServiceSnapshot(
            name,
            captured.version,
            captured.title,
            address,
            captured.image,
            await self._pinned(captured),
            image_bytes=captured.image_bytes,
            files=files,
        )
        return self.counted(part)

    async def _pinned(self, captured: Captured) -> str:
        """The name of ours on its image; "" where it has none. What is being acted upon now cannot
        be named: that is no reason not to record it.

        Raises:
            GiveUp: another image runs by now.
        """
        name, version = captured.service, captured.version
        known = self._known.get(name)
        if (name, version) in self._named and known is not None and known.version == version:
            return known.reference
        try:
            async with asyncio.timeout(PIN_MOST_S):
                reference = await pin(self._control, captured)
        except (TryAgain, TimeoutError):
            return ""
        if reference:
            self._named.add((name, version))
        return reference

    def counted(self, part: ServiceSnapshot) -> ServiceSnapshot:
        """With how many there are, and what each may use, as last seen."""
        look = self._control.look
        seen = None if look is None else look.observation.services.get(part.service)
        if seen is None or not seen.instances:
            return replace(part, instances=0)
        newest = max(seen.instances, key=_since).instance
        return replace(
            part,
            instances=len(seen.instances),
            memory_bytes=newest.memory_limit_bytes,
            cpus=newest.cpus,
        )


def _since(one: InstanceObservation) -> float:
    started_s = one.instance.started_at_s
    return started_s if is_known(started_s) else float("-inf")
