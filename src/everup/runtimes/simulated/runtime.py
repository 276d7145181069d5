"""The Runtime port over a virtual world: it can do everything, and everything can go wrong.

Flows in: calls of one controller. Flows out: what the world makes of them. Each controller has a
runtime of its own over the shared world; `life` tells the ledger who called.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from everup.model.edges import Connections
from everup.model.errors import GiveUp, HookFailed, NotSupported, TryAgain
from everup.model.kinds import is_known
from everup.model.runtime import (
    Capability,
    Captured,
    KeptFile,
    Listing,
    ProcessSight,
    RuntimeEvent,
    RuntimeManifest,
)
from everup.model.stack import HookSpec, Limits
from everup.model.version import with_files
from everup.runtimes.simulated.configuration import (
    content_of,
    kept_files,
    merged,
    version_of,
    with_files_of,
)
from everup.runtimes.simulated.operations import Operations, Order
from everup.runtimes.simulated.senses import EngineTrouble
from everup.runtimes.simulated.world import World

EVENTS_MOST = 1000
INSTANCES_MOST = 100
LIST_S = 0.01
NO_SOCKETS = "nothing in this world has a socket"
NO_NAMES = "nobody finds a service by its name in this world"
NO_SERVICE = "service: there is no {0!r} in this world; known: {1}"

_REFUSED = {
    Capability.FAILOVER: NO_NAMES,
    Capability.FAILBACK: NO_NAMES,
    Capability.CONNECTIONS: NO_SOCKETS,
}

MANIFEST = RuntimeManifest(
    name="simulated",
    capabilities=frozenset(Capability) - _REFUSED.keys(),
    why_not=_REFUSED,
    notes={"clock": "virtual: a second takes as long as computing it"},
)


class SimulatedRuntime:
    """One controller's hands and ears in the world."""

    manifest = MANIFEST

    def __init__(self, world: World, operations: Operations, *, life: int = 1) -> None:
        self._world = world
        self._operations = operations
        self._life = life
        self._watchers: list[_Watcher] = []
        self._is_witness = False
        self._last: Listing | None = None
        self._is_open = False

    async def open(self) -> None:
        """Begin to hear events."""
        self._is_open = True
        self._world.witnesses += 1
        self._is_witness = True
        self._world.listeners.append(self._hear)

    def lose(self) -> None:
        """The controller is gone without a word: nothing is heard any more."""
        if self._is_open:
            self._is_open = False
            self.look_away()
            self._world.listeners.remove(self._hear)
            self._operations.lose(self._life)

    def look_away(self) -> None:
        """The controller stands still: it is no witness of what happens from now on."""
        if self._is_witness:
            self._is_witness = False
            self._world.witnesses -= 1

    # --- looking --------------------------------------------------------------------------------

    async def list(self) -> Listing:
        """Every instance that was ever started."""
        self._need_open()
        world, senses = self._world, self._world.senses
        if senses.engine:
            return await self._no_listing(senses.engine)
        if senses.is_stale and self._last is not None:
            return self._last
        await asyncio.sleep(LIST_S)
        t = world.t
        self._last = Listing(
            world.now(),
            tuple(
                [
                    with_files_of(i.view(t, s.nature.memory_bytes, s.arriving_rps), s)
                    for s in world.services.values()
                    for i in s.instances.values()
                    if i.life
                ]
            ),
        )
        return self._last

    async def _no_listing(self, trouble: EngineTrouble) -> Listing:
        if trouble is EngineTrouble.HANGS:
            await self._world.loop.create_future()
        await asyncio.sleep(LIST_S)
        if trouble is EngineTrouble.SAYS_SO:
            return Listing(self._world.now(), (), fault="the engine is restarting")
        raise TryAgain("the engine does not answer")

    def watch(self) -> AsyncIterator[RuntimeEvent]:
        """Events from this call on."""
        watcher = _Watcher(is_over=not self._is_open)
        self._watchers.append(watcher)
        return watcher

    def _hear(self, event: RuntimeEvent, by: int) -> None:
        if by == self._life:
            event = replace(event, is_ours=True)
        for watcher in self._watchers:
            watcher.tell(event)

    async def logs(self, service: str, instance: str | None = None, *, lines: int) -> Sequence[str]:
        """The last lines, oldest first; of several instances each one's share with its name."""
        self._check(service, instance)
        if self._world.senses.engine:
            await self._no_listing(self._world.senses.engine)
            raise TryAgain("the engine does not answer")
        found = self._world.instances(service, instance)
        share = max(0, lines) // max(1, len(found))
        said: list[str] = []
        for each in found:
            head = f"{each.name} | " if len(found) > 1 else ""
            said += [head + line for line in each.lines[len(each.lines) - share :]]
        return said[:lines]

    # --- acting ---------------------------------------------------------------------------------

    async def start(self, service: str, instance: str | None = None) -> None:
        """Start what does not run."""
        self._check(service, instance)
        order = Order("start", service, instance)
        await self._operations.call(self._life, order, self._operations.start)

    async def stop(
        self, service: str, instance: str | None = None, *, grace_s: float, may_kill: bool = True
    ) -> Sequence[str]:
        """Ask, wait, kill."""
        self._check(service, instance)
        order = Order("stop", service, instance, grace_s, may_kill)
        return await self._operations.call(self._life, order, self._operations.stop)

    async def kill(self, service: str, instance: str | None = None) -> None:
        """At once."""
        self._check(service, instance)
        order = Order("kill", service, instance)
        await self._operations.call(self._life, order, self._operations.kill)

    async def restart(
        self, service: str, instance: str | None = None, *, grace_s: float, may_kill: bool = True
    ) -> Sequence[str]:
        """Stop and start in one call."""
        self._check(service, instance)
        order = Order("restart", service, instance, grace_s, may_kill)
        return await self._operations.call(self._life, order, self._operations.restart)

    async def recreate(self, service: str, instance: str | None = None, *, grace_s: float) -> None:
        """A fresh one of the same declaration: here the same as a restart, by its name."""
        self._check(service, instance)
        order = Order("recreate", service, instance, grace_s)
        await self._operations.call(self._life, order, self._operations.restart)

    async def set_instances(self, service: str, count: int, *, leaving: Sequence[str] = ()) -> None:
        """Have this many; those in `leaving` leave first."""
        self._check(service)
        if not 1 <= count <= INSTANCES_MOST:
            raise GiveUp(f"instances: {count} is not between 1 and {INSTANCES_MOST}")
        grace_s = self._world.services[service].spec.stop.grace_s
        order = Order("set_instances", service, str(count), grace_s, leaving=tuple(leaving))
        await self._operations.call(self._life, order, self._operations.set_instances)

    async def set_limits(self, service: str, limits: Limits) -> None:
        """Change the memory limit of all instances; CPUs are not modelled and always suffice."""
        self._check(service)
        self._need_engine()
        if not is_known(limits.memory_bytes):
            return
        if limits.memory_bytes <= 0:
            raise GiveUp(f"memory_bytes: {limits.memory_bytes:g} is not above 0")
        if limits.memory_bytes == float("inf"):
            limits = Limits(cpus=limits.cpus)
        found = self._world.services[service]
        found.limits_before = found.limits_before or found.spec.limits
        found.spec = replace(found.spec, limits=limits)
        for instance in found.instances.values():
            instance.memory_limit_bytes = limits.memory_bytes

    async def processes(self, service: str, instance: str | None = None) -> Sequence[ProcessSight]:
        """One for each running instance."""
        self._check(service, instance)
        self._need_engine()
        everywhere = [i for s in self._world.services.values() for i in s.instances.values()]
        meant = self._world.instances(service, instance)
        return [
            ProcessSight(1000 * place + each.life, each.process_letter() or "?", each.name)
            for place, each in enumerate(everywhere, 1)
            if each.is_up and each in meant
        ]

    async def run_hook(
        self, service: str, name: str, hook: HookSpec, instance: str | None = None
    ) -> str:
        """Once for each running instance; an unknown hook fails."""
        self._check(service, instance)
        self._need_engine()
        nature = self._world.services[service].nature.hooks.get(name)
        if nature is None:
            raise GiveUp(f"hook {name} of {service}: not found")
        said: list[str] = []
        for each in self._world.instances(service, instance):
            if not each.is_up:
                continue
            await asyncio.sleep(min(nature.takes_s, hook.timeout_s))
            if nature.takes_s > hook.timeout_s:
                raise TryAgain(f"hook {name} of {service} took over {hook.timeout_s:g} s")
            if nature.error:
                raise HookFailed(f"hook {name} of {service}: {nature.error}", nature.code)
            said.append(nature.output)
        return "\n".join(said)

    async def capture(self, service: str) -> Captured:
        """What the newest running instance was started with; nothing runs: the next start's."""
        self._check(service)
        found = self._world.services[service]
        running = [i for i in found.instances.values() if i.is_up]
        newest = max(running, key=lambda i: i.started_at_s, default=None)
        spec = found.spec if newest is None else newest.spec
        content = content_of(spec, len(found.instances))
        made_of, digest = version_of(spec), found.files_digest
        title = f"version {made_of}"
        version = with_files(made_of, digest)
        return Captured(service, content, version, title=title, files=kept_files(found.files))

    async def stack_files(self) -> Sequence[KeptFile]:
        """Nobody has written this world down."""
        return ()

    async def apply(self, captured: Captured) -> None:
        """Use this from the next start on."""
        self._check(captured.service)
        self._need_engine()
        found = self._world.services[captured.service]
        found.spec = merged(found.spec, captured.content)
        found.limits_before = None

    async def restore(self, captured: Captured, *, grace_s: float) -> Sequence[str]:
        """What was captured runs in place of what does."""
        self._check(captured.service)
        service = captured.service
        merged(self._world.services[service].spec, captured.content)  # can it be read?
        files = {f.path: f.content for f in captured.files if f.content is not None}
        order = Order(
            "restore", service, grace_s=grace_s, content=captured.content, files=files or None
        )
        now = dict(self._world.services[service].files)
        told = await self._operations.call(self._life, order, self._operations.restore)
        told += [f"{path} is as it was" for path, c in (files or now).items() if now.get(path) != c]
        names = self._world.services[service].instances
        return [*told, *(f"{name} runs from {captured.title} again" for name in names)]

    async def lacks(self, captured: Captured) -> str:
        """Everything that can be read can be had."""
        self._check(captured.service)
        self._need_engine()
        merged(self._world.services[captured.service].spec, captured.content)
        return ""

    async def evidence(self, service: str, instance: str | None = None) -> Sequence[str]:
        """A line for each instance."""
        self._check(service, instance)
        self._need_engine()
        return [
            f"{each.name}: {each.state}, process in state {each.process_letter() or 'none'}"
            for each in self._world.instances(service, instance)
            if each.life
        ]

    async def quarantine(
        self,
        service: str,
        instance: str,
        *,
        keep_s: float,
        grace_s: float,
        is_fresh: bool = False,
    ) -> Sequence[str]:
        """Another life in its place; the one that ran is kept for so long."""
        self._check(service, instance)
        found = self._world.services[service]
        was_up, before = found.instances[instance].is_up, found.kept
        order = Order("quarantine", service, instance, grace_s, keep_s=keep_s)
        told = await self._operations.call(self._life, order, self._operations.quarantine)
        if not was_up:
            return ("it did not run any more and was started; nothing is kept",)
        if before is not None:
            return [*told, f"restarted as usual: {before.identity} is kept aside already"]
        return [*told, f"{instance} as it was is kept aside for {keep_s:g} s"]

    async def release(self, service: str | None = None) -> Sequence[str]:
        """Isolation, quarantine and changed limits; a limit that is needed stays."""
        if service is not None:
            self._check(service)
        self._need_open()
        self._need_engine()
        said: list[str] = []
        for found in self._world.services.values():
            if service in (None, found.name):
                said += found.give_back(self._world.t)
        self._world.settle()
        return said

    async def pin_image(self, service: str, reference: str) -> str:
        """A made-up content address that depends on the reference alone."""
        self._check(service)
        self._need_engine()
        return "sha256:" + hashlib.sha256(reference.encode()).hexdigest()

    async def unpin_image(self, service: str, reference: str) -> None:
        """There are no images here."""
        self._check(service)
        self._need_engine()

    async def pinned_images(self) -> Mapping[str, str]:
        """There are none."""
        return {}

    async def isolate(self, service: str, instance: str | None = None) -> None:
        """Nobody reaches it, or the one instance, and it reaches nobody."""
        self._check(service, instance)
        self._need_engine()
        found = self._world.services[service]
        if instance is None:
            found.is_isolated = True
        else:
            found.cut_off.add(instance)
        self._world.settle()

    async def rejoin(self, service: str) -> None:
        """Undo it."""
        self._check(service)
        self._need_engine()
        self._world.services[service].is_isolated = False
        self._world.services[service].cut_off.clear()
        self._world.settle()

    async def failover(self, service: str, standby: str, *, grace_s: float) -> Sequence[str]:
        """Refused by name."""
        raise NotSupported(self.manifest.name, "failover", NO_NAMES)

    async def failback(self, service: str) -> Sequence[str]:
        """Refused by name."""
        raise NotSupported(self.manifest.name, "failback", NO_NAMES)

    async def connections(self) -> Connections:
        """Refused by name."""
        raise NotSupported(self.manifest.name, "connections", NO_SOCKETS)

    async def close(self, *, stop_services: bool = False) -> None:
        """Let go; on request stop everything, dependents first."""
        if not self._is_open:
            return
        if stop_services:
            for service in self._world.order_to_stop():
                grace_s = service.spec.stop.grace_s
                await self.stop(service.name, grace_s=grace_s)
                service.kept = None
        self._is_open = False
        self.look_away()
        self._world.listeners.remove(self._hear)
        for watcher in self._watchers:
            watcher.tell(None)

    # --- guards ---------------------------------------------------------------------------------

    def _check(self, service: str, instance: str | None = None) -> None:
        self._need_open()
        found = self._world.services.get(service)
        if found is None:
            raise GiveUp(NO_SERVICE.format(service, ", ".join(sorted(self._world.services))))
        if instance is not None and instance not in found.instances:
            known = ", ".join(found.instances)
            raise GiveUp(f"instance: there is no {instance!r} of {service!r}; known: {known}")

    def _need_open(self) -> None:
        if not self._is_open:
            raise GiveUp("this runtime is closed; open a new one")

    def _need_engine(self) -> None:
        if self._world.senses.engine:
            raise TryAgain("the engine does not answer")


class _Watcher:
    """Events since it was made; the oldest are lost when nobody reads."""

    def __init__(self, *, is_over: bool) -> None:
        self._events: deque[RuntimeEvent | None] = deque(maxlen=EVENTS_MOST)
        self._has_some = asyncio.Event()
        if is_over:
            self.tell(None)

    def tell(self, event: RuntimeEvent | None) -> None:
        self._events.append(event)
        self._has_some.set()

    def __aiter__(self) -> _Watcher:
        return self

    async def __anext__(self) -> RuntimeEvent:
        while not self._events:
            self._has_some.clear()
            await self._has_some.wait()
        event = self._events[0]
        if event is None:
            raise StopAsyncIteration
        self._events.popleft()
        return event
