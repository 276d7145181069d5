"""A small live world for tests of the loop itself: real asyncio, a quick pace, parts that can fail.

Flows in: a stack and what should go wrong. Flows out: a `Control` over it, and what was done and
written. Nothing here decides anything.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from everup.loop.control import Control
from everup.loop.fold import fold_all
from everup.model import entries as e
from everup.model.errors import JournalUnavailable
from everup.model.kinds import InstanceState, ProbeVerdict
from everup.model.observation import Exit, HostObservation, Instance, ProbeResult
from everup.model.runtime import Capability, KeptFile, Listing, RuntimeEvent, RuntimeManifest
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import StackState

QUICK = Settings().scaled(0.02)
WITHIN_S = 10.0
MANIFEST = RuntimeManifest(
    "small",
    frozenset(Capability) - {Capability.RECREATE, Capability.CONNECTIONS},
    why_not={
        Capability.RECREATE: "there is nothing to replace",
        Capability.CONNECTIONS: "nothing has a socket",
    },
)


class Clock:
    """The wall clock, moved by `ahead_s`."""

    ahead_s = 0.0

    def now(self) -> float:
        return time.time() + self.ahead_s

    def wall(self) -> float:
        return self.now()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds))


class Ids:
    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}"


@dataclass
class Runtime:
    """Instances by service; `breaks` is raised by `list`, whatever it is."""

    clock: Clock
    instances: dict[str, Instance] = field(default_factory=dict)
    breaks: Exception | None = None
    did: list[str] = field(default_factory=list)
    lives: int = 0
    manifest: RuntimeManifest = MANIFEST

    def run(self, service: str) -> None:
        self.lives += 1
        self.instances[service] = Instance(
            service,
            f"{service}-0",
            f"{service}!{self.lives}",
            InstanceState.RUNNING,
            self.clock.now(),
        )

    def end(self, service: str, exit: Exit) -> None:
        known = self.instances[service]
        self.instances[service] = replace(known, state=InstanceState.EXITED, exit=exit)

    async def list(self) -> Listing:
        if self.breaks is not None:
            raise self.breaks
        return Listing(self.clock.now(), tuple(self.instances.values()))

    async def watch(self) -> AsyncIterator[RuntimeEvent]:
        await asyncio.sleep(3600)
        yield  # type: ignore[misc]

    async def evidence(self, service: str, instance: str | None = None) -> Sequence[str]:
        return ()

    async def release(self, service: str | None = None) -> Sequence[str]:
        return ()

    async def stack_files(self) -> Sequence[KeptFile]:
        return ()

    async def start(self, service: str, instance: str | None = None) -> None:
        self.did.append(f"start {service}")
        self.run(service)

    async def restart(self, service: str, instance: str | None = None, **_: Any) -> None:
        self.did.append(f"restart {service}")
        self.run(service)

    async def stop(self, service: str, instance: str | None = None, **_: Any) -> None:
        self.did.append(f"stop {service}")
        self.end(service, Exit(self.clock.now(), -15))

    async def logs(self, service: str, instance: str | None = None, *, lines: int) -> Sequence[str]:
        return []

    async def close(self, *, stop_services: bool = False) -> None:
        for name, instance in list(self.instances.items()):
            if stop_services and instance.state is InstanceState.RUNNING:
                self.end(name, Exit(self.clock.now(), -15))


@dataclass
class Prober:
    """Everybody is well, unless `says` speaks."""

    clock: Clock
    says: Callable[[str], ProbeVerdict] = lambda _: ProbeVerdict.PASS

    async def probe(self, spec: Any, service: Any, instance: Any, timeout_s: float) -> ProbeResult:
        return ProbeResult(self.says(service.name), self.clock.now(), 0.001)

    async def busy(self, spec: Any, service: Any, instance: Any, timeout_s: float) -> None:
        return None

    async def close(self) -> None:
        return None


class Host:
    frozen: Mapping[str, str] = {}

    async def host(self) -> HostObservation:
        return HostObservation()

    async def canaries(self, timeout_s: float) -> Sequence[str]:
        return ()

    def freezes(self) -> Mapping[str, str]:
        return self.frozen

    async def close(self) -> None:
        return None


@dataclass
class Journal:
    """In memory; `fault` makes writing fail, `raises` is raised as it is."""

    kept: list[e.Entry] = field(default_factory=list)
    fault: str = ""
    raises: Exception | None = None
    fence: int = 0

    async def open(self, stack: str, holder: str) -> int:
        self.fence += 1
        return self.fence

    async def load(self) -> StackState:
        return fold_all(StackState(), self.kept)

    async def append(self, entries: Sequence[e.Entry], fence: int, *, batch_id: str = "") -> None:
        if self.raises is not None:
            raise self.raises
        if self.fault:
            raise JournalUnavailable(self.fault)
        self.kept.extend(entries)

    async def begin(self, entries: Sequence[e.Entry], fence: int, *, batch_id: str = "") -> None:
        await self.append(entries, fence, batch_id=batch_id)

    async def close(self) -> None:
        return None

    def of(self, kind: type) -> list[Any]:
        return [entry for entry in self.kept if isinstance(entry, kind)]


class World:
    """One stack; `control()` is one life of Everup over it."""

    def __init__(self, stack: Stack, settings: Settings = QUICK) -> None:
        self.stack, self.settings = stack, settings
        self.clock, self.journal, self.host = Clock(), Journal(), Host()
        self.runtime, self.prober = Runtime(self.clock), Prober(self.clock)

    def control(self) -> Control:
        return Control(
            self.stack,
            self.settings,
            self.runtime,  # type: ignore[arg-type]
            self.prober,
            self.host,
            self.journal,  # type: ignore[arg-type]
            self.clock,
            Ids(),
        )

    @asynccontextmanager
    async def life(
        self, before: Callable[[Control], None] = lambda _: None, *, stop_services: bool = False
    ) -> AsyncIterator[Control]:
        """From `open` to `close`, looking all the while; `before` the first look."""
        control = self.control()
        await control.open()
        before(control)
        task = asyncio.create_task(control.run())
        try:
            await until(lambda: control.look is not None or task.done())
            yield control
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await control.close(stop_services=stop_services)


async def until(is_so: Callable[[], bool], within_s: float = WITHIN_S) -> None:
    """Wait for it, or fail."""
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        await asyncio.sleep(0.005)


__all__ = ["QUICK", "World", "until"]
