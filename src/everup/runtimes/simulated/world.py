"""The virtual world: services that live and die by themselves, whoever watches.

Flows in: a stack, the nature of each service, a loop and a clock. Everything that happens goes
through one of the verbs here (`spawn`, `die`, `afflict`, …), each followed by `settle`. Controllers
touch it through `operations` only, fault plans directly. Between two changes nothing is computed:
counters are evaluated when they are read, and what must happen later is a timer on the loop.

Timers run in the context in which the world was made, so that they outlive every controller.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from random import Random

from everup.model.kinds import DependencyKind, InstanceState, is_known
from everup.model.observation import Exit
from everup.model.runtime import EventKind, RuntimeEvent
from everup.model.stack import Stack
from everup.model.version import MARK, with_files
from everup.runtimes.simulated.configuration import version_of
from everup.runtimes.simulated.hands import Hands
from everup.runtimes.simulated.instance import Ailment, VirtualInstance
from everup.runtimes.simulated.ledger import Ledger
from everup.runtimes.simulated.nature import Nature, Reaction
from everup.runtimes.simulated.senses import Senses
from everup.runtimes.simulated.service import Curse, VirtualService

FOREVER = float("inf")
LINES_MOST = 1000
RESTART_FIRST_S = 0.2
RESTART_MOST_S = 60.0
PASSES_MOST = 3  # for stacks in which services depend on each other in a circle


class World:
    """`now` reads the clock, the loop is for timers and elapsed time."""

    def __init__(
        self,
        stack: Stack,
        natures: Mapping[str, Nature],
        *,
        loop: asyncio.AbstractEventLoop,
        now: Callable[[], float],
        seed: str = "0",
    ) -> None:
        self.stack = stack
        self.now = now
        self.senses = Senses()
        self.hands = Hands(Random(f"{seed}/hands"))
        self.ledger = Ledger()
        self.loop = loop
        self.context = copy_context()
        self.witnesses = 0  # controllers that watch now
        self.listeners: list[Callable[[RuntimeEvent, int], None]] = []
        self.story: list[Callable[[str], None]] = []
        self.services: dict[str, VirtualService] = {}
        self.deaths: dict[str, list[float]] = {name: [] for name in stack.services}
        for name, spec in stack.services.items():
            nature = natures.get(name, Nature())
            service = VirtualService(spec, nature, files=dict(nature.files))
            self.services[name] = service
            for index in range(spec.instances):
                self.add_instance(service, index)
        self._order, self._has_circle = _order(self.services)
        self.settle()

    # --- reading --------------------------------------------------------------------------------

    @property
    def t(self) -> float:
        """The loop's time."""
        return self.loop.time()

    def instances(self, service: str, only: str | None = None) -> list[VirtualInstance]:
        """The instances of one service, or the one of that name; empty when there is none."""
        found = self.services[service].instances
        if only is None:
            return list(found.values())
        return [found[only]] if only in found else []

    def settle(self) -> None:
        """Work out how everything answers now."""
        t, now_s = self.t, self.now()
        for _ in range(PASSES_MOST if self._has_circle else 1):
            for service in self._order:
                hard, soft = service.find_cut(self.services)
                if hard != service.is_cut:
                    service.is_cut = hard
                    service.cut_number += 1
                    if hard and service.nature.on_cut in (Reaction.CRASH, Reaction.STAY_BROKEN):
                        self.later(service.nature.cut_after_s, self._bite, service)
                service.settle(t, now_s, soft=soft)

    def _bite(self, service: VirtualService) -> None:
        """The cut has lasted longer than this service bears."""
        if not service.is_cut:
            return
        for instance in list(service.instances.values()):
            if not instance.is_up or self.t < instance.booted_t:
                continue
            if service.nature.on_cut is Reaction.CRASH:
                self.die(instance, 1)
            else:
                instance.broken_by_cut = True
        self.settle()

    def deaths_of(self, service: str, *, since_s: float) -> int:
        """How often its processes ended since then."""
        deaths = self.deaths[service]
        return len(deaths) - bisect_left(deaths, since_s)

    def order_to_stop(self) -> list[VirtualService]:
        """Dependents before what they need."""
        return self._order[::-1]

    def later(self, delay_s: float, call: Callable[..., None], *args: object) -> None:
        """A timer of the world's own: no controller's death takes it away."""
        self.loop.call_later(delay_s, call, *args, context=self.context)

    def tell(self, text: str) -> None:
        """For whoever reads the story of a run."""
        for listener in self.story:
            listener(text)

    def emit(
        self, kind: EventKind, instance: VirtualInstance, *, exit_: Exit | None = None, by: int = 0
    ) -> None:
        """Something happened; `by` is the controller that caused it, 0 none."""
        if self.senses.loses_events:
            return
        event = RuntimeEvent(kind, self.now(), instance.service, instance.name, exit_)
        for listener in list(self.listeners):
            listener(event, by)

    # --- life and death -------------------------------------------------------------------------

    def add_instance(self, service: VirtualService, index: int) -> VirtualInstance:
        """Declare one more copy, not started."""
        name = f"{service.name}-{index}"
        instance = VirtualInstance(service.spec, name)
        service.instances[name] = instance
        return instance

    def start_all(self) -> None:
        """As somebody would have started the stack before anybody watched."""
        for service in self.services.values():
            for instance in service.instances.values():
                self.spawn(instance)
        self.settle()

    def spawn(self, instance: VirtualInstance, *, by: int = 0) -> None:
        """A new life; the caller settles."""
        service = self.services[instance.service]
        nature, t = service.nature, self.t
        instance.begin(service.spec, self.now())
        instance.booted_t = t + nature.boot_s
        instance.recovered_t = instance.booted_t
        if instance.was_unclean and nature.recovery_s:
            instance.recovered_t += nature.recovery_s
        instance.was_unclean = False
        instance.warm_t = instance.recovered_t + nature.warm_up_s
        instance.leak = type(instance.leak)(since_t=t)
        instance.cpu = type(instance.cpu)(since_t=t)
        instance.io = type(instance.io)(since_t=t)
        instance.lines = (instance.lines + list(nature.lines))[-LINES_MOST:]
        for at_t in (instance.booted_t, instance.recovered_t, instance.warm_t):
            self.later(at_t - t, self.settle)
        self._foretell(service, instance)
        self.emit(EventKind.STARTED, instance, by=by)

    def _foretell(self, service: VirtualService, instance: VirtualInstance) -> None:
        """What this life will come to by itself."""
        nature, life = service.nature, instance.life
        if nature.job_s:
            self.later(nature.boot_s + nature.job_s, self._end_life, instance, life, 0)
        if nature.crashes_after_s:
            self.later(nature.crashes_after_s, self._end_life, instance, life, nature.crash_code)
        if nature.hangs_after_s:
            self.later(nature.hangs_after_s, self._ail, instance, life, Ailment.STOPPED)
        version = with_files(instance.version, service.files_digest)
        curse = service.curse_of(version) or service.curse
        if curse is not None and curse.times > 0:
            curse.times -= 1
            if curse.is_out_of_memory:
                self.later(curse.after_s, self._needs_more, instance, life)
            elif curse.ailment is None:
                self.later(curse.after_s, self._end_life, instance, life, curse.code)
            else:
                self.later(curse.after_s, self._ail, instance, life, curse.ailment)

    def _end_life(self, instance: VirtualInstance, life: int, code: int) -> None:
        if instance.life == life and instance.state is InstanceState.RUNNING:
            self.die(instance, code)
            self.settle()

    def _ail(self, instance: VirtualInstance, life: int, ailment: Ailment) -> None:
        if instance.life == life and instance.state is InstanceState.RUNNING:
            self.afflict(instance, ailment)

    def die(
        self,
        instance: VirtualInstance,
        code: int,
        *,
        is_out_of_memory: bool = False,
        by: int = 0,
        is_wished: bool = False,
    ) -> None:
        """The process is gone; the caller settles. Code < 0 is a signal."""
        ran_s = self.now() - instance.started_at_s
        witnessed = self.witnesses > 0
        instance.exit = Exit(self.now(), code, is_out_of_memory, witnessed, ran_s)
        instance.was_unclean = code != 0
        instance.is_wished_down = is_wished
        instance.ailments.clear()
        instance.state = InstanceState.EXITED
        service = self.services[instance.service]
        self.deaths[instance.service].append(self.now())
        self.tell(f"{instance.name} died: {instance.exit.text}" + (f" by life {by}" if by else ""))
        if service.nature.engine_restarts and not is_wished and not by:
            instance.state = InstanceState.RESTARTING
            wait_s = RESTART_FIRST_S if ran_s > RESTART_MOST_S else RESTART_MOST_S / 4
            self.later(wait_s, self._engine_starts, instance, instance.life)
        kind = EventKind.OUT_OF_MEMORY if is_out_of_memory else EventKind.DIED
        self.emit(kind, instance, exit_=instance.exit, by=by)

    def _engine_starts(self, instance: VirtualInstance, life: int) -> None:
        if instance.life == life and instance.state is InstanceState.RESTARTING:
            self.tell(f"{instance.name} is started by the engine's own policy")
            self.spawn(instance)
            self.settle()

    # --- trouble --------------------------------------------------------------------------------

    def afflict(self, instance: VirtualInstance, ailment: Ailment, for_s: float = FOREVER) -> None:
        """Something is wrong with a running process, for good or for a while."""
        if instance.state is not InstanceState.RUNNING:
            return
        instance.ailments[ailment] = self.t + for_s
        self.tell(f"{instance.name} {ailment}" + (f" for {for_s:g} s" if for_s < FOREVER else ""))
        if for_s < FOREVER:
            self.later(for_s, self._recover, instance, instance.life, ailment)
        self.settle()

    def _recover(self, instance: VirtualInstance, life: int, ailment: Ailment) -> None:
        if instance.life == life and instance.ailments.get(ailment, FOREVER) <= self.t + 1e-6:
            del instance.ailments[ailment]
            self.settle()

    def set_leak(self, instance: VirtualInstance, bytes_per_s: float) -> None:
        """Memory grows until the limit, where the kernel kills it."""
        instance.leak.set_rate(bytes_per_s, self.t)
        limit = instance.memory_limit_bytes
        if is_known(limit) and bytes_per_s > 0:
            base = self.services[instance.service].nature.memory_bytes
            left_s = (limit - base - instance.leak.at(self.t)) / bytes_per_s
            self.later(max(0.0, left_s), self._run_out, instance, instance.life)

    def _needs_more(self, instance: VirtualInstance, life: int) -> None:
        """It takes what it always needs, which its limit may not give."""
        needed = self.services[instance.service].nature.memory_bytes
        if not instance.memory_limit_bytes >= needed:
            self._run_out(instance, life)

    def _run_out(self, instance: VirtualInstance, life: int) -> None:
        if instance.life == life and instance.is_up:
            self.die(instance, -9, is_out_of_memory=True)
            self.settle()

    def pause(self, service: str, *, is_on: bool) -> None:
        """Somebody pauses or resumes the service from outside."""
        frm, to = InstanceState.RUNNING, InstanceState.PAUSED
        if not is_on:
            frm, to = to, frm
        for instance in self.instances(service):
            if instance.state is frm:
                instance.state = to
                self.emit(EventKind.PAUSED if is_on else EventKind.CHANGED, instance)
        self.settle()

    def set_environment(
        self, service: str, *, surge: float | None = None, slow: float | None = None
    ) -> None:
        """More demand, or everything slower, until set back to 1."""
        found = self.services[service]
        found.surge = found.surge if surge is None else surge
        found.slow = found.slow if slow is None else slow
        self.settle()

    def curse(self, service: str, curse: Curse | None) -> None:
        """What befalls each new life of the service from now on."""
        self.services[service].curse = curse

    def corrupt_file(self, service: str, path: str, curse: Curse) -> str:
        """Somebody breaks a file: whoever starts with it fares so. The version that this makes."""
        found = self.services[service]
        found.write(path, b"\x00 this is no configuration " + path.encode(), self.now())
        spec = next((i.spec for i in found.instances.values() if i.life), found.spec)
        found.bad[f"{MARK}{found.files_digest}"] = curse
        return with_files(version_of(spec), found.files_digest)

    def lift_all(self) -> None:
        """The environment is good again. What is broken stays broken until somebody mends it."""
        self.senses.__init__()  # type: ignore[misc]  # the very same object is held by others
        self.hands.heal()
        for service in self.services.values():
            service.surge = service.slow = 1.0
            if service.curse is not None and not service.curse.is_for_ever:
                service.curse = None
            for instance in service.instances.values():
                if instance.state is InstanceState.PAUSED:
                    instance.state = InstanceState.RUNNING
        self.settle()


def _order(services: Mapping[str, VirtualService]) -> tuple[list[VirtualService], bool]:
    """Dependencies first; whether some of them form a circle."""
    done: dict[str, bool] = {}  # name → finished
    order: list[VirtualService] = []
    has_circle = False

    def visit(name: str) -> None:
        nonlocal has_circle
        if name in done:
            has_circle |= not done[name]
            return
        done[name] = False
        for target in _needs(services, name):
            visit(target)
        done[name] = True
        order.append(services[name])

    for name in services:
        visit(name)
    return order, has_circle


def _needs(services: Mapping[str, VirtualService], name: str) -> Iterable[str]:
    edges = services[name].spec.depends_on
    kinds = (DependencyKind.HARD, DependencyKind.SOFT)
    return [e.target for k in kinds for e in edges if e.kind is k and e.target in services]
