"""What actuator calls do to the world: each is carried out by the world, not by its caller.

Flows in: verbs from `runtime`, each with the life of the controller that calls. Flows out: changes
of the world and a `Deed` in the ledger, written when the call arrives. A caller that is cancelled
or killed leaves its operation to be finished by the engine, or broken off half-way: both happen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from typing import Any

from everup.model.errors import GiveUp, StillEnds, TryAgain
from everup.model.kinds import UNKNOWN, InstanceState
from everup.runtimes.simulated.configuration import merged, version_of
from everup.runtimes.simulated.hands import Handling, Mood
from everup.runtimes.simulated.instance import SICKLY, SILENT, VirtualInstance
from everup.runtimes.simulated.ledger import Deed, Met
from everup.runtimes.simulated.senses import EngineTrouble
from everup.runtimes.simulated.service import KeptAside, VirtualService
from everup.runtimes.simulated.world import World

TURN_WAIT_S = 5.0
START_PERIOD_UNKNOWN_S = 60.0
KILLED = -9
BROKEN_MOST = 3


@dataclass(frozen=True, slots=True)
class Order:
    """One call as it came in. `is_half`: to stop half-way."""

    verb: str
    service: str
    instance: str | None = None
    grace_s: float = 0.0
    may_kill: bool = True
    is_half: bool = False
    keep_s: float = 0.0
    leaving: tuple[str, ...] = ()
    content: Mapping[str, Any] | None = None
    files: Mapping[str, bytes] | None = None  # to be written; None: none is touched


Work = Callable[[Order, Deed], Coroutine[Any, Any, None]]


class Operations:
    """One for each world; shared by all its controllers."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._turns = {name: asyncio.Lock() for name in world.services}
        self._under_way: dict[asyncio.Task[None], Deed] = {}
        self._lost: set[int] = set()

    async def call(self, life: int, order: Order, work: Work) -> list[str]:
        """Carry out one call; a sentence for each that did not hear the stop signal.

        Raises:
            TryAgain, GiveUp: as the engine says, which need not be the truth.
        """
        world = self._world
        handling = world.hands.handling(order.service, world.t)
        deed = self._note(life, order, handling)
        try:
            await self._fare(order, deed, handling, work)
        except (TryAgain, GiveUp) as error:
            deed.result = f"{type(error).__name__}: {error}"
            raise
        except asyncio.CancelledError:
            deed.result = deed.result or "caller left"
            raise
        deed.result = "done"
        return [
            f"{n} still ran {order.grace_s:g} s after SIGTERM and was killed" for n in deed.killed
        ]

    async def _fare(self, order: Order, deed: Deed, handling: Handling, work: Work) -> None:
        world, mood = self._world, handling.mood
        if world.senses.engine is EngineTrouble.HANGS or mood is Mood.NEVER:
            world.ledger.end(deed, world.now())
            await world.loop.create_future()
        if world.senses.engine or mood in (Mood.TRY_AGAIN, Mood.GIVE_UP):
            world.ledger.end(deed, world.now())
            await asyncio.sleep(0.05)
            raise (GiveUp if mood is Mood.GIVE_UP else TryAgain)("the engine refuses")
        halves = mood in (Mood.HALF, Mood.SILENT_HALF)
        if halves:
            order = replace(order, is_half=True)
        await self._hand_over(self._carry_out(order, deed, handling.delay_s, work), deed)
        if mood in (Mood.HALF, Mood.DONE_BUT_RAISES):
            raise TryAgain("the engine lost the connection")
        if mood is Mood.DONE_BUT_SILENT:
            await world.loop.create_future()

    async def _hand_over(self, work: Coroutine[Any, Any, None], deed: Deed) -> None:
        """Wait for what the engine does; leaving does not always end it."""
        task = self._world.loop.create_task(work, context=self._world.context)
        self._under_way[task] = deed
        task.add_done_callback(self._has_ended, context=self._world.context)
        if deed.life in self._lost:
            self._abandon(task, deed)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done() and not self._world.hands.outlives_caller():
                task.cancel()
            raise

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        deed = self._under_way.pop(task)
        self._world.ledger.end(deed, self._world.now())
        if not task.cancelled():
            task.exception()  # its caller may have gone

    def lose(self, life: int) -> None:
        """The controller of this life was killed; decide what becomes of its calls."""
        self._lost.add(life)
        for task, deed in list(self._under_way.items()):
            if deed.life == life:
                self._abandon(task, deed)

    def _abandon(self, task: asyncio.Task[None], deed: Deed) -> None:
        deed.result = deed.result or "caller killed"
        if not self._world.hands.outlives_caller():
            task.cancel()

    async def _carry_out(self, order: Order, deed: Deed, delay_s: float, work: Work) -> None:
        turn = self._turns[order.service]
        try:
            async with asyncio.timeout(TURN_WAIT_S):
                await turn.acquire()
        except TimeoutError:
            raise TryAgain(f"another call acts on {order.service}", TURN_WAIT_S) from None
        try:
            await asyncio.sleep(delay_s)
            await work(order, deed)
        finally:
            self._world.ledger.end(deed, self._world.now())
            turn.release()

    def _note(self, life: int, order: Order, handling: Handling) -> Deed:
        world = self._world
        now_s = world.now()
        deed = Deed(
            number=len(world.ledger.deeds) + 1, at_s=now_s, life=life, verb=order.verb,
            service=order.service, instance=order.instance, grace_s=order.grace_s,
            may_kill=order.may_kill, mood=handling.mood,
            targets={
                i.name: self._meet(i, now_s)
                for i in world.instances(order.service, order.instance)
                if order.verb != "start" or not i.is_up
            },
        )  # fmt: skip
        where = order.instance or order.service
        world.tell(f"life {life} calls {order.verb} {where} ({handling.mood})")
        world.ledger.add(deed)
        return deed

    def _meet(self, instance: VirtualInstance, now_s: float) -> Met:
        spec = self._world.services[instance.service].spec
        is_sickly = instance.truth in SICKLY
        return Met(
            truth=instance.truth,
            lasted_s=now_s - instance.truth_since_s,
            sickly_for_s=now_s - instance.sickly_since_s if is_sickly else UNKNOWN,
            unwell_for_s=now_s - max(instance.unwell_since_s, instance.started_at_s),
            well_for_s=UNKNOWN if is_sickly else now_s - instance.last_sickly_s,
            is_running=instance.is_up,
            ran_s=now_s - instance.started_at_s if instance.is_up else UNKNOWN,
            letter=instance.process_letter(),
            is_silent=any(a in SILENT for a in instance.ailments),
            started_period_s=spec.start_period_s or START_PERIOD_UNKNOWN_S,
        )

    # --- the verbs ------------------------------------------------------------------------------

    async def start(self, order: Order, deed: Deed) -> None:
        """Start what does not run."""
        for instance in self._world.instances(order.service, order.instance):
            if instance.state in (InstanceState.EXITED, InstanceState.RESTARTING):
                if not order.is_half:
                    self._world.spawn(instance, by=deed.life)
        self._world.settle()

    async def stop(self, order: Order, deed: Deed) -> None:
        """Ask all to end, then kill those that may be killed."""
        found = self._world.instances(order.service, order.instance)
        for instance in found:
            instance.is_wished_down = True
            if instance.state is InstanceState.RESTARTING:
                instance.state = InstanceState.EXITED
        if not order.is_half:
            await asyncio.gather(*(self._end(i, order, deed, is_wished=True) for i in found))
        self._world.settle()

    async def kill(self, order: Order, deed: Deed) -> None:
        """At once."""
        for instance in self._world.instances(order.service, order.instance):
            if instance.state is not InstanceState.EXITED:
                deed.killed.append(instance.name)
                self._world.die(instance, KILLED, by=deed.life)
        self._world.settle()

    async def restart(self, order: Order, deed: Deed) -> None:
        """One instance after the other: end it, start it."""
        for instance in self._world.instances(order.service, order.instance):
            if instance.state is not InstanceState.EXITED:
                await self._end(instance, order, deed, is_wished=False)
            if not order.is_half:
                self._world.spawn(instance, by=deed.life)
            self._world.settle()

    async def restore(self, order: Order, deed: Deed) -> None:
        """Declared as captured, and each instance that is another one started anew from it."""
        service = self._world.services[order.service]
        service.spec = merged(service.spec, order.content or {})
        version = version_of(service.spec)
        has_others = order.files is not None and dict(order.files) != service.files
        if order.files is not None and has_others:
            broken = [(p, c) for p, c in service.files.items() if order.files.get(p) != c]
            service.broken_files = [*service.broken_files, *broken][-BROKEN_MOST:]
            service.files = dict(order.files)
            service.files_changed_at_s = self._world.now()
        for instance in self._world.instances(order.service):
            if instance.is_up and instance.version == version and not has_others:
                continue
            if instance.state is not InstanceState.EXITED:
                await self._end(instance, order, deed, is_wished=False)
            if not order.is_half:
                self._world.spawn(instance, by=deed.life)
            self._world.settle()

    async def quarantine(self, order: Order, deed: Deed) -> None:
        """Keep the one that runs aside, where none is kept yet, and begin another life."""
        world, service = self._world, self._world.services[order.service]
        for instance in world.instances(order.service, order.instance):
            if not instance.is_up or service.kept is not None:
                await self.restart(order, deed)
                return
            kept = service.kept = KeptAside(instance.name, instance.identity)
            world.tell(f"{kept.identity} is kept aside for {order.keep_s:g} s")
            world.later(order.keep_s, self._let_go, service, kept)
            if order.is_half:
                world.die(instance, KILLED, by=deed.life)
            else:
                instance.was_unclean = True
                world.spawn(instance, by=deed.life)
        world.settle()

    def _let_go(self, service: VirtualService, kept: KeptAside) -> None:
        """Its time is over."""
        if service.kept is kept:
            service.kept = None
            self._world.tell(f"{kept.identity}, kept aside, is ended")

    async def _end(
        self, instance: VirtualInstance, order: Order, deed: Deed, *, is_wished: bool
    ) -> None:
        """Stop signal, grace, kill.

        Raises:
            GiveUp: it does not hear, and may not be killed.
        """
        world = self._world
        nature = world.services[instance.service].nature
        life = instance.life
        if instance.state is InstanceState.EXITED:
            return
        if instance.state is InstanceState.RESTARTING:
            instance.state = InstanceState.EXITED
            return
        is_deaf = instance.state is InstanceState.PAUSED or any(
            a in SILENT for a in instance.ailments
        )
        if nature.hears_stop and not is_deaf and nature.stop_s <= order.grace_s:
            await asyncio.sleep(nature.stop_s)
            code = 0
        else:
            await asyncio.sleep(order.grace_s)
            if not order.may_kill:
                text = f"{instance.name} still runs after {order.grace_s:g} s of grace"
                raise StillEnds(text, instance.name)
            code = KILLED
            deed.killed.append(instance.name)
        if instance.life == life and not _is_gone(instance):
            world.die(instance, code, by=deed.life, is_wished=is_wished)
            world.settle()

    async def set_instances(self, order: Order, deed: Deed) -> None:
        """`instance` carries the count."""
        world, service = self._world, self._world.services[order.service]
        count = int(order.instance or 0)
        leaving = [n for n in order.leaving if n in service.instances]
        while len(service.instances) > count:
            name = leaving.pop(0) if leaving else next(reversed(service.instances))
            last = service.instances[name]
            await self._end(last, order, deed, is_wished=True)
            del service.instances[last.name]
        while len(service.instances) < count:
            taken = set(service.instances)
            free = (i for i in range(count) if f"{service.name}-{i}" not in taken)
            world.add_instance(service, next(free))
        for instance in service.instances.values():
            if instance.state is InstanceState.EXITED:
                world.spawn(instance, by=deed.life)
        world.settle()


def _is_gone(instance: VirtualInstance) -> bool:
    return instance.state is InstanceState.EXITED
