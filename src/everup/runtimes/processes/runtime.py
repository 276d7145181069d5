"""The verbs of the Runtime port over real processes, one service at a time.

Flows in: calls of the loop, the API and the CLI. Flows out: processes that outlive Everup,
listings, events. Each verb takes its service's turn; who comes while another is under way waits a
little and is then told to try again. Left to others: whether a verb should be called at all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from everup.loop.ports import Clock
from everup.model.edges import Connections
from everup.model.errors import GiveUp, TryAgain
from everup.model.runtime import (
    Captured,
    KeptFile,
    Listing,
    ProcessSight,
    RuntimeEvent,
)
from everup.model.settings import Settings
from everup.model.stack import HookSpec, Limits, Stack
from everup.model.sums import SumKey
from everup.model.version import with_files
from everup.runtimes.config_files import Change
from everup.runtimes.giving import every_room, give_back
from everup.runtimes.processes import evidence, hooks, output, releases, sights
from everup.runtimes.processes.aside import Aside
from everup.runtimes.processes.configuration import INSTANCES_MOST, Configuration
from everup.runtimes.processes.house import House, Use
from everup.runtimes.processes.limits import LimitKeeper
from everup.runtimes.processes.manifest import MANIFEST
from everup.runtimes.processes.own_files import OwnFiles
from everup.runtimes.processes.records import instance_name
from everup.runtimes.processes.refused import Refused
from everup.runtimes.processes.roster import Life
from everup.runtimes.processes.stopping import stop_everything
from everup.runtimes.together import together

TURN_WAIT_S = 5.0
"""How long a call waits for another one on the same service, at true pace."""

TURN_WAIT_LEAST_S = 0.5
WHOLE = -1
"""In place of an index: what is done to all instances of a service as one."""

EVIDENCE_INSTANCES_MOST = 8


class ProcessRuntime(Refused):
    """Runs a stack's services as processes. Make one with `create`; see `Runtime` for the verbs."""

    manifest = MANIFEST

    def __init__(
        self,
        stack: Stack,
        state_dir: Path,
        clock: Clock,
        settings: Settings,
        environ: Mapping[str, str],
        key: SumKey,
    ) -> None:
        self._stack, self._key = stack, key
        self._house = House(stack, state_dir, clock, settings, environ, key)
        self._turns = {name: asyncio.Lock() for name in stack.services}
        self._turn_wait_s = max(TURN_WAIT_S * settings.time_scale, TURN_WAIT_LEAST_S)
        self._limits = LimitKeeper(self._house, state_dir / "held")
        self._aside = Aside(self._house, settings)
        self._files = OwnFiles(stack, state_dir / "files", clock, key)
        self._is_open = False

    async def open(self) -> None:
        """Become this folder's controller and adopt what runs.

        Raises:
            AskAHuman: another controller holds the folder. GiveUp: folder or kernel will not do.
        """
        await self._house.open()
        self._aside.open()
        self._is_open = True
        for service in self._files.unfinished():
            with contextlib.suppress(GiveUp, TryAgain):  # its next turn tries it again
                await self._settle_files(service)

    async def list(self) -> Listing:
        """Every instance with its accounting; `fault` when the process table could not be read."""
        self._need_open()
        at_s = self._house.clock.now()
        try:
            instances = await self._house.instances()
            await self._files.read()
            shown = tuple(map(self._files.seen, instances))
            return Listing(at_s, shown, mismatches=self._house.mismatches())
        except (TryAgain, OSError) as error:
            return Listing(at_s, (), fault=f"the process table cannot be read: {error}")

    def watch(self) -> AsyncIterator[RuntimeEvent]:
        """Events from this call on; ends when the runtime is closed."""
        return self._house.events.watch()

    async def start(self, service: str, instance: str | None = None) -> None:
        """Start what is not running."""
        async with self._turn(service):
            for index in self._places(service, instance):
                await self._start(service, index)

    async def stop(
        self, service: str, instance: str | None = None, *, grace_s: float, may_kill: bool = True
    ) -> Sequence[str]:
        """The stop signal to all of them at once, then each has its grace."""
        async with self._turn(service):
            ending, lives = self._house.ending, self._lives(service, instance)
            stops = (ending.stop(life, grace_s, may_kill=may_kill) for life in lives)
            told = await together(*stops)
            return [text for text in told if text]

    async def kill(self, service: str, instance: str | None = None) -> None:
        """SIGKILL at once, to everything that belongs to the instance."""
        async with self._turn(service):
            await together(*map(self._house.ending.kill, self._lives(service, instance)))

    async def restart(
        self, service: str, instance: str | None = None, *, grace_s: float, may_kill: bool = True
    ) -> Sequence[str]:
        """Stop and start, one instance after the other; checked to be startable before it stops."""
        told: list[str] = []
        async with self._turn(service):
            for index in self._places(service, instance):
                self._house.prepare(service, index, Use.KEPT)
                life = self._house.roster.get((service, index))
                if life is not None:
                    told.append(await self._house.ending.stop(life, grace_s, may_kill=may_kill))
                await self._start(service, index, Use.KEPT)
        return [text for text in told if text]

    async def recreate(self, service: str, instance: str | None = None, *, grace_s: float) -> None:
        """A fresh one of the present release in a fresh area; if it cannot be started, the release
        that ran runs again. Services without releases are refused by name."""
        async with self._turn(service):
            places = self._places(service, instance)
            self._need_releases(service)
            for index in places:
                self._house.prepare(service, index, Use.FRESH)
                life = self._house.roster.get((service, index))
                if life is not None:
                    await self._house.ending.stop(life, grace_s, may_kill=True)
                try:
                    await self._start(service, index, Use.FRESH)
                except (GiveUp, TryAgain):
                    if life is not None:
                        await self._start(service, index, Use.KEPT)
                    raise

    async def set_instances(self, service: str, count: int, *, leaving: Sequence[str] = ()) -> None:
        """Have this many; the number is remembered, the highest-numbered ones leave first."""
        async with self._turn(service):
            if not 1 <= count <= INSTANCES_MOST:
                raise GiveUp(
                    f"instances: {count} is not between 1 and {INSTANCES_MOST}; use stop for none"
                )
            before = self._house.declarations.of(service)
            self._house.prepare(service, count - 1)
            await self._declare(service, replace(before, instances=count))
            for life in reversed(self._house.roster.of(service)):
                if life.record.index >= count:
                    grace_s = before.stop_grace_s * self._house.time_scale
                    await self._house.ending.stop(life, grace_s, may_kill=True)
                    self._house.roster.forget(life.record.key)
            for index in range(count):
                await self._start(service, index)

    async def set_limits(self, service: str, limits: Limits) -> None:
        """Change the memory limit of what runs and of what will be started."""
        async with self._turn(service):
            await self._limits.set(service, limits)

    async def run_hook(
        self, service: str, name: str, hook: HookSpec, instance: str | None = None
    ) -> str:
        """Run the hook for each running instance; nothing runs: nothing is done."""
        self._need_open()
        configuration = self._house.declarations.of(service)
        return await hooks.run(
            name,
            hook,
            [life.record for life in self._lives(service, instance) if life.is_running],
            configuration,
            self._house.environ,
            self._house.threads,
            hook.timeout_s,
        )

    async def processes(self, service: str, instance: str | None = None) -> Sequence[ProcessSight]:
        """Main processes, then their descendants, at most `sights.PROCESSES_MOST`."""
        self._need_open()
        running = [life for life in self._lives(service, instance) if life.is_running]
        await self._house.measure()
        mains = [life.record.identity for life in running]
        others = sorted({i for life in running for i in life.members}, key=lambda i: i.pid)
        return await self._house.threads.read(sights.processes, [*mains, *others])

    async def connections(self) -> Connections:
        """Of what runs, as the host's socket table shows them."""
        self._need_open()
        return await self._house.connections()

    async def evidence(self, service: str, instance: str | None = None) -> Sequence[str]:
        """What /proc shows of its instances, a few dozen lines each; of many the first ones."""
        self._need_open()
        lives = self._lives(service, instance)[:EVIDENCE_INSTANCES_MOST]
        usage = await self._house.measure()
        said: list[str] = []
        for life in lives:
            used = usage.get(life.record.key)
            said += await self._house.threads.read(evidence.of, life.record, life.members, used)
        return said

    async def logs(self, service: str, instance: str | None = None, *, lines: int) -> Sequence[str]:
        """The last lines; of several instances each one's share, headed by its name."""
        self._need_open()
        lives = self._lives(service, instance)
        share = min(lines, output.LINES_MOST) // max(len(lives), 1)
        said: list[str] = []
        for life in lives:
            log = self._house.log_of(life.record.key)
            part = await self._house.threads.read(output.tail, log, share)
            head = f"{life.record.name} | " if len(lives) > 1 else ""
            said.extend(head + line for line in part)
        return said

    async def capture(self, service: str) -> Captured:
        """What runs now, with the declared number of instances, and its files; nothing runs: what
        would start."""
        self._need_open()
        look = await self._files.capture(service)
        runs = self._runs_from(service)
        version = with_files(runs.version(self._key), look.digest)
        return Captured(
            service, runs.content(), version, title=runs.title(self._key), files=look.files
        )

    def _runs_from(self, service: str) -> Configuration:
        declared = self._house.declarations.of(service)
        running = [life.record for life in self._house.roster.of(service) if life.is_running]
        newest = max(running, key=lambda r: r.started_at_s, default=None)
        if newest is None or newest.configuration is None:
            return declared
        runs, limit = newest.configuration, newest.memory_limit_bytes
        return replace(runs.limited_to(limit), instances=declared.instances)

    async def stack_files(self) -> Sequence[KeptFile]:
        """The everup.yaml."""
        self._need_open()
        return await self._files.stack_files()

    async def apply(self, captured: Captured) -> None:
        """Use this configuration from the next start on, and after restarts of Everup."""
        async with self._turn(captured.service):
            configuration = Configuration.parse(captured.content)
            await self._declare(captured.service, releases.applied(configuration))
            await self._limits.forget(captured.service)

    async def restore(self, captured: Captured, *, grace_s: float) -> Sequence[str]:
        """Applied, and each instance started anew from it in a fresh area. Where one cannot be
        started, what was declared before is declared again and what ran runs again."""
        service = captured.service
        async with self._turn(service):
            before = self._house.declarations.of(service)
            wanted = replace(Configuration.parse(captured.content), instances=before.instances)
            changes = await self._files.changes(captured)
            work = self._restore(service, releases.applied(wanted), changes, grace_s)
            return await self._house.carry_through((service, WHOLE), work)

    async def _restore(
        self, service: str, wanted: Configuration, changes: Sequence[Change], grace_s: float
    ) -> Sequence[str]:
        before, told, begun = self._house.declarations.of(service), list[str](), set[int]()
        if changes:
            await self._files.write(service, changes)
        try:
            await self._declare(service, wanted)
            for index in range(before.instances):
                told += await self._go_back(service, index, grace_s, is_again=bool(changes))
                begun.add(index)
        except (GiveUp, TryAgain):
            if changes:
                await self._files.put_back(service)
                await self._end(service, begun, grace_s)
            await self._declare(service, before)
            for index in range(before.instances):
                await self._start(service, index, Use.KEPT)
            raise
        await self._limits.forget(service)
        return [*(await self._files.keep(service) if changes else ()), *told]

    async def _end(self, service: str, indexes: Collection[int], grace_s: float) -> None:
        for life in self._house.roster.of(service):
            if life.record.index in indexes:
                await self._house.ending.stop(life, grace_s, may_kill=True)

    async def _go_back(
        self, service: str, index: int, grace_s: float, *, is_again: bool
    ) -> Sequence[str]:
        """`is_again`: also one that is made of it already, since its files were others."""
        checked = self._house.prepare(service, index, Use.FRESH).configuration
        life, name = self._house.roster.get((service, index)), instance_name(service, index)
        is_same = life is not None and life.record.version(self._key) == checked.version(self._key)
        if is_same and not is_again and life is not None and life.is_running:
            return ()
        told = ""
        if life is not None:
            told = await self._house.ending.stop(life, grace_s, may_kill=True)
        await self._start(service, index, Use.FRESH)
        back = f"{name} runs from {checked.title(self._key)} again"
        return (told, back) if told else (back,)

    async def lacks(self, captured: Captured) -> str:
        """A configuration that cannot be read any more."""
        try:
            Configuration.parse(captured.content)
        except GiveUp as error:
            return str(error)
        return ""

    async def _settle_files(self, service: str) -> None:
        """End an exchange of files that was cut short: forward where an instance has begun with
        them, else back. Raises GiveUp, TryAgain."""
        note = self._files.note(service)
        if note is None:
            return
        lives = self._house.roster.of(service)
        late = [x for x in lives if not x.is_running or not x.record.started_at_s >= note.at_s]
        if not note.is_written or len(late) == len(lives):
            await self._files.put_back(service)
            return
        grace_s = self._house.declarations.of(service).stop_grace_s * self._house.time_scale
        for life in late:
            await self._house.ending.stop(life, grace_s, may_kill=True)
            await self._start(service, life.record.index, Use.KEPT)
        await self._files.keep(service)

    async def quarantine(
        self,
        service: str,
        instance: str,
        *,
        keep_s: float,
        grace_s: float,
        is_fresh: bool = False,
    ) -> Sequence[str]:
        """Freeze it, cut it off, and start another one in its place; see `aside`."""
        async with self._turn(service):
            (index,) = self._places(service, instance)
            if is_fresh:
                self._need_releases(service)
            use = Use.FRESH if is_fresh else Use.KEPT
            return await self._aside.replace(
                service, index, keep_s=keep_s, grace_s=grace_s, use=use
            )

    async def release(self, service: str | None = None) -> Sequence[str]:
        """Limits that we changed, where what has been used fits into the ones before; and what is
        kept aside is ended. Each is tried.

        Raises:
            StillHeld: not all of it; says what was, and why the rest was not.
        """
        self._need_open()
        names = tuple(self._stack.services) if service is None else (service,)
        if service is not None:
            self._house.declarations.spec(service)
        strange = (
            self._aside.held() - set(names) if service is None else ()
        )  # not declared any more
        parts = {name: self._release(name) for name in names}
        return await give_back(parts | {name: self._aside.end(name) for name in strange})

    async def _release(self, service: str) -> Sequence[str]:
        async with self._turn(service):
            return await every_room(service, self._limits.release, self._aside.end)

    async def close(self, *, stop_services: bool = False) -> None:
        """Let go, services live on; or stop everything, dependents before what they need."""
        if not self._is_open:
            return
        try:
            if stop_services:
                try:
                    await self._aside.end_all("services are stopped")
                finally:
                    await stop_everything(self._house)
        finally:
            self._is_open = False
            self._aside.close()
            await self._house.close()

    def lose(self) -> None:
        """Let go as a crash would, for tests of what comes after one."""
        self._is_open = False
        self._aside.close()
        self._house.lose()

    async def _start(self, service: str, index: int, use: Use = Use.CURRENT) -> None:
        life = self._house.roster.get((service, index))
        if life is None or not life.is_running:
            await self._house.launch(service, index, use)

    async def _declare(self, service: str, configuration: Configuration) -> None:
        try:
            await self._house.threads.write(self._house.declarations.put, service, configuration)
        except OSError as error:
            raise TryAgain(f"the configuration of {service} was not stored: {error}") from error

    @asynccontextmanager
    async def _turn(self, service: str) -> AsyncIterator[None]:
        self._need_open()
        self._house.declarations.spec(service)
        turn = self._turns[service]
        try:
            async with asyncio.timeout(self._turn_wait_s):
                await turn.acquire()
        except TimeoutError:
            raise TryAgain(f"another call acts on {service}", self._turn_wait_s) from None
        try:
            self._need_open()
            await self._house.launched(service)
            await self._settle_files(service)
            yield
        finally:
            turn.release()

    def _places(self, service: str, instance: str | None) -> Sequence[int]:
        """The declared indexes that are meant."""
        count = self._house.declarations.of(service).instances
        if instance is None:
            return range(count)
        known = {life.record.index for life in self._house.roster.of(service)} | set(range(count))
        for index in known:
            if instance_name(service, index) == instance:
                return (index,)
        raise _no_such_instance(service, instance, known)

    def _lives(self, service: str, instance: str | None) -> Sequence[Life]:
        """The lives that are meant, running or ended."""
        self._house.declarations.spec(service)
        lives = self._house.roster.of(service)
        if instance is None:
            return lives
        found = [life for life in lives if life.record.name == instance]
        if found or any(instance == instance_name(service, i) for i in self._places(service, None)):
            return found
        raise _no_such_instance(service, instance, {life.record.index for life in lives})

    def _need_releases(self, service: str) -> None:
        if self._house.declarations.of(service).releases is None:
            raise GiveUp(
                f"releases: {service} declares none, so that a restart makes as fresh a one; "
                "restart it, or declare releases"
            )

    def _need_open(self) -> None:
        if not self._is_open:
            raise GiveUp("this runtime is closed; open a new one")


def _no_such_instance(service: str, instance: str, known: set[int]) -> GiveUp:
    names = ", ".join(instance_name(service, i) for i in sorted(known)) or "none"
    return GiveUp(f"instance: there is no {instance!r} of {service!r}; known: {names}")
