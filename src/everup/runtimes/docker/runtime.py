"""The verbs of the Runtime port over the containers of one Compose project.

Flows in: calls of the loop, the API and the CLI. Flows out: calls of the engine, listings, events.
Each verb takes its service's turn; who comes while another is under way waits a little and is then
told to try again. Left to others: whether a verb should be called at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from everup.loop.ports import Clock
from everup.model.edges import Connections
from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.observation import Instance
from everup.model.runtime import Captured, KeptFile, Listing, ProcessSight, RuntimeEvent
from everup.model.settings import Settings
from everup.model.stack import HookSpec, Limits, Stack
from everup.model.sums import SumKey
from everup.model.version import with_files
from everup.runtimes.docker import hooks, sights, talking
from everup.runtimes.docker.accounting import Usage
from everup.runtimes.docker.asked import Asked
from everup.runtimes.docker.borrowed import lost_networks
from everup.runtimes.docker.calls import Calls
from everup.runtimes.docker.containers import Container
from everup.runtimes.docker.copies import INSTANCES_MOST, Copies
from everup.runtimes.docker.disks import Disks
from everup.runtimes.docker.engine import Engine
from everup.runtimes.docker.events import Events
from everup.runtimes.docker.guard import Guard
from everup.runtimes.docker.hands import Hands
from everup.runtimes.docker.host_paths import HostPaths
from everup.runtimes.docker.images import Images
from everup.runtimes.docker.instances import NOTHING_MEASURED, instance_of
from everup.runtimes.docker.isolation import Isolation
from everup.runtimes.docker.limits import LimitKeeper
from everup.runtimes.docker.lookout import Lookout
from everup.runtimes.docker.manifest import MANIFEST
from everup.runtimes.docker.meter import Meter
from everup.runtimes.docker.mounted_files import MountedFiles
from everup.runtimes.docker.nearness import Nearness
from everup.runtimes.docker.pinned import Pinned
from everup.runtimes.docker.plans import Plans
from everup.runtimes.docker.rehearsal.marks import sweep_quietly
from everup.runtimes.docker.replace import Replacer
from everup.runtimes.docker.restraints import Restraints
from everup.runtimes.docker.roster import Roster
from everup.runtimes.docker.standby import Standby
from everup.runtimes.docker.stopping import stop_everything
from everup.runtimes.docker.store import WATCHED, Store
from everup.runtimes.docker.versioning import Versions
from everup.runtimes.docker.ways_back import WaysBack
from everup.runtimes.docker.witness import Witness
from everup.runtimes.giving import every_room, give_back
from everup.runtimes.together import together

TURN_WAIT_S = 5.0
TURN_WAIT_LEAST_S = 0.5
TIDY_INTERVAL_S = 5.0
LINES_MOST = 5000


class DockerRuntime:
    """Acts on a project's containers. Make one with `create`; see `Runtime` for the verbs."""

    manifest = MANIFEST

    def __init__(
        self,
        stack: Stack,
        state_dir: Path,
        clock: Clock,
        settings: Settings,
        engine: Engine,
        key: SumKey,
    ) -> None:
        self._stack, self._clock, self._engine = stack, clock, engine
        self._settings, scale = settings, settings.time_scale
        self._turns = {name: asyncio.Lock() for name in stack.services}
        self._turn_wait_s = max(TURN_WAIT_S * scale, TURN_WAIT_LEAST_S)
        home = state_dir / "docker"
        self._store = Store(home)
        self._guard, self._calls = Guard(engine, stack.name), Calls(clock)
        self._roster = Roster(engine, clock, stack.name, tuple(stack.services), scale)
        self._hands = Hands(engine, clock, self._calls)
        self._replacer = Replacer(engine, clock, self._calls, self._hands, self._store, scale)
        self._plans = Plans(engine, self._store, self._replacer.moved)
        self._images, self._disks = Images(engine), Disks(clock, scale, stack)
        self._pinned = Pinned(self._images, self._store)
        self._copies = Copies(engine, self._calls, self._hands, self._replacer)
        self._isolation = Isolation(engine, self._store)
        self._meter, self._nearness = Meter(engine), Nearness(engine)
        self._standby = Standby(engine, self._hands, self._store)
        self._limits = LimitKeeper(engine, self._hands, self._store, self._meter.peak)
        self._versions = Versions(key, self._limits, self._isolation)
        self._paths = HostPaths(engine, self._nearness)
        self._files = MountedFiles(stack, home, clock, key, self._hands, self._paths)
        parts = (self._images, self._plans, self._replacer, self._hands, self._calls)
        self._ways = WaysBack(*parts, self._versions, self._files)
        self._asked = Asked(self._store, known=self._roster.container, ours=self._calls)
        self._events = Events(
            engine,
            clock,
            self._calls,
            known=self._roster.known,
            heard=self._heard,
            blind=self._blind,
            lookout=Lookout(self._meter.letters, clock, scale),
        )
        self._tidying: asyncio.Task[None] | None = None
        self._tidy_interval_s = TIDY_INTERVAL_S * scale
        self._witness, self._words = Witness(self._store), Restraints(stack)
        self._is_open = False

    async def open(self) -> None:
        """Reach the engine, listen to it, and end what an earlier life left half done.

        Raises:
            GiveUp, TryAgain: there is no engine, or it does not answer.
            AskAHuman: another Everup watches this project.
        """
        await self._engine.open()
        try:
            await self._guard.take()
            await self._begin()
        except BaseException:
            await self._let_go()
            raise

    async def _begin(self) -> None:
        await self._nearness.open()
        await self._paths.open()
        await self._limits.open()
        self._witness.open(self._clock.now())
        self._asked.open()
        self._events.open()
        await sweep_quietly(self._engine)
        self._store.put(WATCHED, self._stack.name, {"project": self._stack.name})
        self._is_open = True
        await self._replacer.settle_unfinished()
        found = await self._roster.read()
        known = frozenset(c.id for c in found)
        self._witness.forget_all_but(known)
        self._asked.forget_all_but(known)
        self._replacer.forget_all_but(known)
        self._limits.forget_all_but(known)
        await self._ways.settle_all(found)
        self._tidying = asyncio.create_task(self._tidy(), name="docker tidying")

    async def list(self) -> Listing:
        """Every container of a declared service that was ever started."""
        self._need_open()
        at_s = self._clock.now()
        try:
            containers = self._replacer.seen(await self._roster.read())
            used = await self._meter.read(containers)
            await self._disks.read(containers)
            await self._files.read(containers)
            lost = lost_networks(containers, self._replacer.moved())
            known = [c for c in containers if c.was_ever_started]
            shown = [self._instance(c, used.get(c.id), lost.get(c.id, "")) for c in known]
        except EverupError as error:
            return Listing(at_s, (), fault=str(error))
        there = {instance.service for instance in shown}
        absent = frozenset(self._stack.services) - there
        return Listing(at_s, tuple(shown), absent=absent, restraints=self._words.of(containers))

    def watch(self) -> AsyncIterator[RuntimeEvent]:
        """Events from this call on; ends when the runtime is closed."""
        return self._events.watch()

    async def start(self, service: str, instance: str | None = None) -> None:
        """Start the containers that do not run."""
        async with self._turn(service):
            found = await self._containers(service, instance)
            if not found:
                raise GiveUp(f"{service} has no container; docker compose up -d {service} makes it")
            for container in found:
                if await self._plans.is_another(container) and not container.is_running:
                    plan = await self._plans.next_of(container)
                    await self._replacer.replace(container, plan, 0.0)
                else:
                    await self._hands.start(container)

    async def stop(
        self, service: str, instance: str | None = None, *, grace_s: float, may_kill: bool = True
    ) -> Sequence[str]:
        """The stop signal to all of them at once, then each has its grace."""
        async with self._turn(service):
            found = await self._containers(service, instance)
            told = await together(*(self._hands.stop(c, grace_s, may_kill=may_kill) for c in found))
            return [text for text in told if text]

    async def kill(self, service: str, instance: str | None = None) -> None:
        """SIGKILL at once."""
        async with self._turn(service):
            found = await self._containers(service, instance)
            await together(*(self._hands.kill(c) for c in found))

    async def restart(
        self, service: str, instance: str | None = None, *, grace_s: float, may_kill: bool = True
    ) -> Sequence[str]:
        """One after the other; one call of the engine each, or a new container where a
        configuration was applied."""
        told: list[str] = []
        mark = self._asked.mark()
        async with self._turn(service):
            for container in await self._containers(service, instance):
                if await self._plans.is_another(container):
                    plan = await self._plans.next_of(container)
                    await self._replacer.replace(container, plan, grace_s)
                else:
                    said = await self._hands.restart(
                        container,
                        grace_s,
                        may_kill=may_kill,
                        meanwhile=lambda made: self._asked.since(made, mark),
                    )
                    told.append(said)
        return [text for text in told if text]

    async def recreate(self, service: str, instance: str | None = None, *, grace_s: float) -> None:
        """A fresh container of the same declaration for each."""
        async with self._turn(service):
            for container in await self._containers(service, instance):
                plan = await self._plans.next_of(container)
                await self._replacer.replace(container, plan, grace_s)

    async def set_instances(self, service: str, count: int, *, leaving: Sequence[str] = ()) -> None:
        """Have this many; those in `leaving` leave first, then the highest-numbered ones."""
        async with self._turn(service):
            if not 1 <= count <= INSTANCES_MOST:
                most = INSTANCES_MOST
                raise GiveUp(f"instances: {count} is not between 1 and {most}; use stop for none")
            found = await self._containers(service, None)
            if not found:
                raise GiveUp(f"{service} has no container; docker compose up -d {service} makes it")
            plan = await self._plans.next_of(found[-1])
            await self._copies.have(found, count, plan, leaving)

    async def set_limits(self, service: str, limits: Limits) -> None:
        """Change limits of what runs, live."""
        async with self._turn(service):
            await self._limits.set(await self._containers(service, None), limits)

    async def run_hook(
        self, service: str, name: str, hook: HookSpec, instance: str | None = None
    ) -> str:
        """Run the hook for each running container; nothing runs: nothing is done."""
        self._need_open()
        running = [c for c in await self._containers(service, instance) if c.is_running]
        return await hooks.run(self._engine, name, hook, running, self._nearness.of)

    async def processes(self, service: str, instance: str | None = None) -> Sequence[ProcessSight]:
        """Of each running container, its main process first."""
        self._need_open()
        running = [c for c in await self._containers(service, instance) if c.is_running]
        found = await together(*(sights.processes(self._engine, c) for c in running))
        return [sight for of_one in found for sight in of_one][: sights.PROCESSES_MOST]

    async def connections(self) -> Connections:
        """As the socket tables of the containers show them."""
        self._need_open()
        found = self._replacer.seen(await self._roster.read())
        return talking.connections(found, await self._meter.sockets(found), self._clock.now())

    async def evidence(self, service: str, instance: str | None = None) -> Sequence[str]:
        """What the engine shows of its containers, a few dozen lines each."""
        self._need_open()
        known = [c for c in await self._containers(service, instance) if c.was_ever_started]
        used = await self._meter.read(known)
        told = await together(
            *(sights.evidence(self._engine, c, self._instance(c, used.get(c.id))) for c in known)
        )
        return [line for of_one in told for line in of_one]

    async def logs(self, service: str, instance: str | None = None, *, lines: int) -> Sequence[str]:
        """The last lines; of several containers each one's share, headed by its name."""
        self._need_open()
        found = await self._containers(service, instance)
        return await sights.logs(self._engine, found, min(lines, LINES_MOST))

    async def capture(self, service: str) -> Captured:
        """What the newest container was made from, and its files."""
        self._need_open()
        return await self._ways.capture(service, await self._containers(service, None))

    async def stack_files(self) -> Sequence[KeptFile]:
        """The Compose files, where they can be seen."""
        self._need_open()
        return await self._files.stack_files(await self._roster.read())

    async def apply(self, captured: Captured) -> None:
        """Use this from the next restart on, and after restarts of Everup."""
        async with self._turn(captured.service):
            self._plans.apply(captured.service, captured.content)

    async def restore(self, captured: Captured, *, grace_s: float) -> Sequence[str]:
        """A container of what was captured in place of each that is another one; where only files
        are others, the same ones again."""
        service = captured.service
        async with self._turn(service):
            found = await self._containers(service, None)
            return await self._ways.go_back(captured, found, grace_s)

    async def lacks(self, captured: Captured) -> str:
        """Its image."""
        self._need_open()
        return await self._images.lacks(captured)

    async def pin_image(self, service: str, reference: str) -> str:
        """Tag the image that runs, so that it is not pruned; its id."""
        async with self._turn(service):
            return await self._pinned.give(
                service, await self._containers(service, None), reference
            )

    async def unpin_image(self, service: str, reference: str) -> None:
        """Take this name away."""
        has_left = service not in self._turns and self._pinned.is_noted(reference)
        async with nullcontext() if has_left else self._turn(service):
            await self._pinned.take(reference)

    async def pinned_images(self) -> Mapping[str, str]:
        """As noted."""
        return self._pinned.services()

    async def isolate(self, service: str, instance: str | None = None) -> None:
        """Take its containers, or the one, off their networks."""
        async with self._turn(service):
            await self._isolation.isolate(await self._containers(service, instance))

    async def rejoin(self, service: str) -> None:
        """Connect them again."""
        async with self._turn(service):
            await self._isolation.rejoin(service)

    async def failover(self, service: str, standby: str, *, grace_s: float) -> Sequence[str]:
        """Fence its containers and give their names to those of the standby."""
        if standby == service:
            raise GiveUp(f"standby: {service} cannot stand in for itself")
        async with self._turn(service), self._turn(standby):
            old = await self._containers(service, None)
            new = await self._containers(standby, None)
            return await self._standby.take_over(service, standby, old, new, grace_s)

    async def failback(self, service: str) -> Sequence[str]:
        """Its own containers have its names again, and run."""
        async with self._turn(service):
            return await self._standby.back(service)

    async def quarantine(
        self,
        service: str,
        instance: str,
        *,
        keep_s: float,
        grace_s: float,
        is_fresh: bool = False,
    ) -> Sequence[str]:
        """Freeze the sick one aside, and have a fresh one in its place."""
        async with self._turn(service):
            (container,) = await self._containers(service, instance)
            if not container.is_running:
                await self._hands.start(container)
                return []
            if self._replacer.keeps(service):
                told = await self._hands.restart(container, grace_s, may_kill=True)
                line = f"{instance} was restarted as usual: one of {service} is kept aside already"
                return [line, told] if told else [line]
            plan = await self._plans.next_of(container)
            return [await self._replacer.quarantine(container, plan, keep_s)]

    async def release(self, service: str | None = None) -> Sequence[str]:
        """Networks, limits, and containers that were moved aside. Each is tried.

        Raises:
            StillHeld: not all of it; says what was, and why the rest was not.
        """
        self._need_open()
        names = tuple(self._stack.services) if service is None else (service,)
        if service is not None and service not in self._stack.services:
            raise self._no_such_service(service)
        return await give_back({name: self._release(name) for name in names})

    async def _release(self, service: str) -> Sequence[str]:
        rooms = (self._isolation.rejoin, self._limits.release, self._replacer.release)
        async with self._turn(service, settles=False):
            return await every_room(service, *rooms, self._standby.held)

    async def close(self, *, stop_services: bool = False) -> None:
        """Let go; or stop everything, dependents before what they need."""
        if not self._is_open:
            return
        try:
            if stop_services:
                await self._replacer.settle()
                await stop_everything(self._stack, self._roster, self._hands)
        finally:
            await self._let_go()

    async def lose(self) -> None:
        """Let go as a crash would, for tests of what comes after one."""
        await self._let_go()

    def _blind(self) -> None:
        self._witness.blind(self._clock.now())
        self._roster.forget_all()

    def _heard(self, event: Mapping[str, Any]) -> None:
        self._asked.heard(event)
        if event.get("Action") == "oom":
            actor = event.get("Actor")
            name = str(actor.get("ID") or "") if isinstance(actor, Mapping) else ""
            if container := self._roster.container(name):
                self._limits.ran_out(container)
        self._roster.heard(event)

    async def _let_go(self) -> None:
        self._is_open = False
        task, self._tidying = self._tidying, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._events.close()
        await self._calls.close()
        await self._meter.close()
        await self._engine.close()
        self._guard.give_back()

    async def _tidy(self) -> None:
        while True:
            await self._clock.sleep(self._tidy_interval_s)
            with contextlib.suppress(EverupError):  # tried again; the list of what is held tells
                await self._replacer.tidy()

    def _instance(self, container: Container, usage: Usage | None, lost: str = "") -> Instance:
        was_witnessed = not container.is_running and self._witness.saw(container)
        instance = instance_of(
            container,
            usage or NOTHING_MEASURED,
            was_witnessed=was_witnessed,
            asked=self._asked.how(container, self._clock.now()),
            lost_network=lost,
            near=self._nearness.of(container),
            at_s=self._clock.now(),
            failure_threshold=self._settings.failure_threshold,
            version=with_files(self._versions.of(container), self._files.of(container).digest),
        )
        seen = replace(instance, files_changed_at_s=self._files.of(container).changed_at_s)
        seen = self._disks.on(seen, container)
        return self._limits.as_limited(seen)

    @asynccontextmanager
    async def _turn(self, service: str, *, settles: bool = True) -> AsyncIterator[None]:
        self._need_open()
        turn = self._turns.get(service)
        if turn is None:
            raise self._no_such_service(service)
        try:
            async with asyncio.timeout(self._turn_wait_s):
                await turn.acquire()
        except TimeoutError:
            raise TryAgain(f"another call acts on {service}", self._turn_wait_s) from None
        try:
            self._need_open()
            if settles:
                await self._replacer.settle_unfinished(service)
                if self._ways.is_unsettled(service):
                    await self._ways.settle(service, await self._containers(service, None))
            yield
        finally:
            turn.release()

    async def _containers(self, service: str, instance: str | None) -> Sequence[Container]:
        """The containers that are meant, read anew."""
        if service not in self._stack.services:
            raise self._no_such_service(service)
        found = self._replacer.seen(await self._roster.of(service))
        if instance is None:
            return found
        named = [c for c in found if c.name == instance]
        if not named:
            names = ", ".join(c.name for c in found) or "none"
            raise GiveUp(f"instance: there is no {instance!r} of {service!r}; known: {names}")
        return named

    def _no_such_service(self, service: str) -> GiveUp:
        return GiveUp(f"service: no {service!r} here; known are {', '.join(self._stack.services)}")

    def _need_open(self) -> None:
        if not self._is_open:
            raise GiveUp("this runtime is closed; open a new one")
