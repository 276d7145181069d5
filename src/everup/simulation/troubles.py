"""Carries out the troubles of a plan on the world, its senses, its hands and the journal.

Flows in: one `Trouble` at its time. Flows out: changes of the world, each undone by a timer when it
is one that passes. What a controller sees of it is the runtime's and the prober's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from everup.model.kinds import InstanceState
from everup.model.runtime import EventKind
from everup.model.version import with_files
from everup.runtimes.simulated.configuration import version_of
from everup.runtimes.simulated.hands import Handling, Mood
from everup.runtimes.simulated.instance import Ailment, VirtualInstance
from everup.runtimes.simulated.senses import EngineTrouble, ProbeTrouble
from everup.runtimes.simulated.service import Curse
from everup.runtimes.simulated.world import FOREVER, World
from everup.simulation.journal_door import Fault, JournalFaults
from everup.simulation.plans import Kind, Trouble
from everup.simulation.stacks import CONFIGURATION

CODES = (1, 2, 137, -6, -11)
OUTSIDE_CODES = (0, 143, 130, 137)
MOODS = tuple(m for m in Mood if m is not Mood.WORKS)
GC_PAUSE_S = 6.0
CHANGE_EVENT_S = 3.0
ROLLED_OUT_S = 1.5
AGAIN_AFTER_S = 240.0
MIB = 1024.0 * 1024.0


@dataclass(slots=True)
class Troublemaker:
    """`suspend` makes the clock jump. `unwatched`: what waits until no controller watches."""

    world: World
    journal: JournalFaults
    suspend: Callable[[float], None]
    unwatched: list[Callable[[], None]] = field(default_factory=list)
    done: dict[Kind, int] = field(default_factory=dict)

    def make(self, trouble: Trouble) -> None:
        """Now."""
        what = f"{trouble.kind} {trouble.service}".strip()
        self.world.tell(f"trouble: {what} for {trouble.for_s:.0f} s")
        self.done[trouble.kind] = self.done.get(trouble.kind, 0) + 1
        _MAKERS[trouble.kind](self, trouble)
        self.world.settle()

    def pick(self, trouble: Trouble) -> VirtualInstance | None:
        """The instance it hits: one that runs, if any does."""
        running = [i for i in self.world.instances(trouble.service) if i.is_up]
        return running[trouble.choice % len(running)] if running else None

    def sense(self, trouble: Trouble, set_: Callable[[bool], None]) -> None:
        """Blind one sense for a while; one at a time."""
        senses = self.world.senses
        if senses.reasons:
            return
        senses.reasons[trouble.kind] = self.world.now()
        set_(True)

        def see_again() -> None:
            if senses.reasons.pop(trouble.kind, None) is not None:
                set_(False)
                self.world.tell(f"over: {trouble.kind}")
                if trouble.kind in (Kind.ENGINE_RAISES, Kind.ENGINE_HANGS, Kind.ENGINE_SAYS_SO):
                    self._engine_is_back()

        self.world.later(trouble.for_s, see_again)

    def _engine_is_back(self) -> None:
        for service in self.world.services.values():
            for instance in service.instances.values():
                self.world.emit(EventKind.ENGINE_BACK, instance)
                return


def _crash(maker: Troublemaker, trouble: Trouble) -> None:
    instance = maker.pick(trouble)
    if instance is not None:
        maker.world.die(instance, CODES[trouble.choice % len(CODES)])


def _out_of_memory(maker: Troublemaker, trouble: Trouble) -> None:
    instance = maker.pick(trouble)
    if instance is not None:
        maker.world.die(instance, -9, is_out_of_memory=True)


def _quiet_exit(maker: Troublemaker, trouble: Trouble) -> None:
    instance = maker.pick(trouble)
    if instance is not None:
        maker.world.die(instance, 0)


def _crash_loop(maker: Troublemaker, trouble: Trouble) -> None:
    times = 2.0 + trouble.choice % 5
    maker.world.curse(trouble.service, Curse(times, 1.0 + 20.0 * trouble.strength))
    _crash(maker, trouble)


def _crash_for_ever(maker: Troublemaker, trouble: Trouble) -> None:
    curse = Curse(FOREVER, 0.5 + 15.0 * trouble.strength, is_for_ever=True)
    maker.world.curse(trouble.service, curse)
    _crash(maker, trouble)


def _ail(ailment: Ailment) -> Callable[[Troublemaker, Trouble], None]:
    def make(maker: Troublemaker, trouble: Trouble) -> None:
        instance = maker.pick(trouble)
        has_probe = maker.world.services[trouble.service].spec.probe is not None
        if instance is not None and (has_probe or ailment is Ailment.STOPPED):
            maker.world.afflict(instance, ailment, trouble.for_s if trouble.choice % 3 else FOREVER)

    return make


def _hang_loop(maker: Troublemaker, trouble: Trouble) -> None:
    ailment = (Ailment.STOPPED, Ailment.SLEEPS, Ailment.ERRORS)[trouble.choice % 3]
    service = maker.world.services[trouble.service]
    if service.spec.probe is None:
        ailment = Ailment.STOPPED
    after_s = service.nature.boot_s + 25.0 + 40.0 * trouble.strength
    maker.world.curse(trouble.service, Curse(1.0 + trouble.choice % 3, after_s, ailment))
    instance = maker.pick(trouble)
    if instance is not None:
        maker.world.afflict(instance, ailment)


def _leak(maker: Troublemaker, trouble: Trouble) -> None:
    instance = maker.pick(trouble)
    if instance is not None:
        maker.world.set_leak(instance, (0.5 + 4.0 * trouble.strength) * MIB)


def _gc_pause(maker: Troublemaker, trouble: Trouble) -> None:
    instance = maker.pick(trouble)
    if instance is not None:
        maker.world.afflict(instance, Ailment.GC_PAUSE, GC_PAUSE_S)


def _slow(maker: Troublemaker, trouble: Trouble) -> None:
    maker.world.set_environment(trouble.service, slow=1.2 + 1.0 * trouble.strength)
    maker.world.later(trouble.for_s, lambda: maker.world.set_environment(trouble.service, slow=1.0))


def _surge(maker: Troublemaker, trouble: Trouble) -> None:
    maker.world.set_environment(trouble.service, surge=1.5 + 8.0 * trouble.strength)
    maker.world.later(
        trouble.for_s, lambda: maker.world.set_environment(trouble.service, surge=1.0)
    )


def _pause(maker: Troublemaker, trouble: Trouble) -> None:
    maker.world.pause(trouble.service, is_on=True)
    maker.world.later(trouble.for_s, lambda: maker.world.pause(trouble.service, is_on=False))


def _outside_stop(maker: Troublemaker, trouble: Trouble) -> None:
    def stop() -> None:
        for instance in maker.world.instances(trouble.service):
            if instance.is_up:
                code = OUTSIDE_CODES[trouble.choice % len(OUTSIDE_CODES)]
                maker.world.die(instance, code, is_wished=True)
        maker.world.services[trouble.service].is_stopped_outside = True
        maker.world.settle()

    maker.unwatched.append(stop)


def _change(maker: Troublemaker, trouble: Trouble) -> None:
    """Somebody rolls the service: events, a stop, a start, events."""
    world = maker.world
    instance = maker.pick(trouble)
    if instance is None:
        return
    events = 3 + trouble.choice % 6

    def event() -> None:
        world.services[trouble.service].changed_at_s = world.now()
        world.emit(EventKind.CHANGED, instance)

    def stop() -> None:
        if instance.is_up:
            world.die(instance, 0, is_wished=True)
            world.settle()
            world.later(2.0, start)

    def start() -> None:
        if instance.state is InstanceState.EXITED and instance.is_wished_down:
            world.spawn(instance)
            world.settle()

    for number in range(events):
        world.later(number * CHANGE_EVENT_S, event)
    world.later(events * CHANGE_EVENT_S / 2, stop)


def _roll_out(maker: Troublemaker, trouble: Trouble, curse: Curse | None) -> None:
    """Somebody replaces every instance by one of another version, which may never work."""
    world, service = maker.world, maker.world.services[trouble.service]
    env = {**service.spec.env, "VERSION": f"{world.t:.3f}"}
    service.spec = replace(service.spec, env=env)
    version = version_of(service.spec)
    if curse is not None:
        service.bad[version] = curse
    service.deploys.append((world.now(), with_files(version, service.files_digest)))
    for instance in world.instances(trouble.service):
        if instance.is_up:
            _replace(maker, instance)


def _replace(maker: Troublemaker, instance: VirtualInstance) -> None:
    world = maker.world
    world.services[instance.service].changed_at_s = world.now()
    world.emit(EventKind.CHANGED, instance)
    world.die(instance, 0, is_wished=True)

    def start() -> None:
        if instance.state is InstanceState.EXITED and instance.is_wished_down:
            world.spawn(instance)
            world.settle()

    world.later(ROLLED_OUT_S, start)


def _deploy(maker: Troublemaker, trouble: Trouble) -> None:
    _roll_out(maker, trouble, None)


def _curse_of(maker: Troublemaker, trouble: Trouble) -> Curse:
    """It dies soon after each start; or it answers with errors, where somebody can see that."""
    has_probe = maker.world.services[trouble.service].spec.probe is not None
    if has_probe and trouble.choice % 2:
        return Curse(FOREVER, 0.0, Ailment.ERRORS)
    return Curse(FOREVER, 0.2 + 3.0 * trouble.strength)


def _bad_deploy(maker: Troublemaker, trouble: Trouble) -> None:
    _roll_out(maker, trouble, _curse_of(maker, trouble))


def _bad_deploy_twice(maker: Troublemaker, trouble: Trouble) -> None:
    """Whatever deploys brings it again, since it is told to."""
    _bad_deploy(maker, trouble)
    wanted = maker.world.services[trouble.service].spec.env

    def again() -> None:
        service = maker.world.services[trouble.service]
        service.spec = replace(service.spec, env=wanted)
        version = version_of(service.spec)
        full = with_files(version, service.files_digest)
        service.deploys.append((maker.world.now(), full))
        for instance in maker.world.instances(trouble.service):
            if instance.is_up and instance.version != version:
                _replace(maker, instance)
        maker.world.settle()

    maker.world.later(AGAIN_AFTER_S, again)


def _slow_deploy(maker: Troublemaker, trouble: Trouble) -> None:
    """It answers all right, and takes three times as long for it or more."""
    _roll_out(maker, trouble, None)
    service = maker.world.services[trouble.service]
    service.slower[version_of(service.spec)] = 3.0 + 2.0 * trouble.strength
    maker.world.settle()


def _low_limit(maker: Troublemaker, trouble: Trouble) -> None:
    """It comes with a lower memory limit than it needs: the kernel ends each life of it."""
    service = maker.world.services[trouble.service]
    needed = service.nature.memory_bytes
    limits = replace(service.spec.limits, memory_bytes=needed * (0.3 + 0.6 * trouble.strength))
    service.spec, service.limits_before = replace(service.spec, limits=limits), None
    after_s = 0.2 + 3.0 * trouble.strength
    _roll_out(maker, trouble, Curse(FOREVER, after_s, is_out_of_memory=True))


def _file(maker: Troublemaker, trouble: Trouble) -> None:
    """Somebody writes another configuration file, and starts it again."""
    service = maker.world.services[trouble.service]
    text = f"written at {maker.world.t:.3f}\n"
    service.write(CONFIGURATION, text.encode(), maker.world.now())
    _read_again(maker, trouble)


def _bad_file(maker: Troublemaker, trouble: Trouble) -> None:
    """One that it cannot run with; or that it only answers with errors from."""
    maker.world.corrupt_file(trouble.service, CONFIGURATION, _curse_of(maker, trouble))
    _read_again(maker, trouble)


def _read_again(maker: Troublemaker, trouble: Trouble) -> None:
    """At once, or whenever somebody gets to it; not where it was written once more meanwhile."""
    world, service = maker.world, maker.world.services[trouble.service]
    service.deploys += [(world.now(), version) for version in sorted(service.runs)]
    written, delay_s = service.files_digest, 60.0 * trouble.strength

    def start_again() -> None:
        if service.files_digest != written:
            return
        for instance in world.instances(trouble.service):
            if instance.is_up:
                _replace(maker, instance)
        world.settle()

    world.later(delay_s if trouble.choice % 3 == 0 else 0.0, start_again)


def _two_deploys(maker: Troublemaker, trouble: Trouble) -> None:
    """One that never works, and right after it one of what needs it or is needed by it."""
    _bad_deploy(maker, trouble)
    world = maker.world
    near = {edge.target for edge in world.services[trouble.service].spec.depends_on}
    near |= set(world.stack.dependents_of(trouble.service))
    joined = sorted(n for n in near if not world.services[n].spec.is_one_shot)
    if joined:
        other = joined[trouble.choice % len(joined)]
        world.later(5.0 + 30.0 * trouble.strength, lambda: _deploy_of(maker, trouble, other))


def _deploy_of(maker: Troublemaker, trouble: Trouble, service: str) -> None:
    _roll_out(maker, replace(trouble, service=service), None)
    maker.world.settle()


def _renumbered(maker: Troublemaker, trouble: Trouble) -> None:
    """Somebody has fewer of it, which may not suffice; or one more, which is no harm."""
    world, service = maker.world, maker.world.services[trouble.service]
    there = list(service.instances.values())
    if len(there) < 2:
        return
    if trouble.choice % 5:
        for instance in there[1:]:
            if instance.is_up:
                world.die(instance, 0, is_wished=True)
            del service.instances[instance.name]
    else:
        free = (i for i in range(len(there) + 1) if f"{service.name}-{i}" not in service.instances)
        world.spawn(world.add_instance(service, next(free)))
    service.renumbered.append((world.now(), len(service.instances)))
    service.changed_at_s = world.now()
    world.emit(EventKind.CHANGED, there[0])


def _no_names(maker: Troublemaker, trouble: Trouble) -> None:
    def set_(is_on: bool) -> None:
        maker.world.senses.probes = ProbeTrouble.NO_NAMES if is_on else ProbeTrouble.NONE
        maker.world.senses.failing_canaries = ("dns: no answer",) if is_on else ()

    maker.sense(trouble, set_)


def _no_sockets(maker: Troublemaker, trouble: Trouble) -> None:
    def set_(is_on: bool) -> None:
        maker.world.senses.probes = ProbeTrouble.LOST if is_on else ProbeTrouble.NONE

    maker.sense(trouble, set_)


def _starved(maker: Troublemaker, trouble: Trouble) -> None:
    has_canary = bool(trouble.choice % 2)

    def set_(is_on: bool) -> None:
        senses = maker.world.senses
        senses.probes = ProbeTrouble.SLOW if is_on else ProbeTrouble.NONE
        senses.pressure_ratio = 0.95 if is_on else 0.02
        if has_canary:
            senses.failing_canaries = ("http: our own server is slow",) if is_on else ()

    maker.sense(trouble, set_)


def _engine(how: EngineTrouble) -> Callable[[Troublemaker, Trouble], None]:
    def make(maker: Troublemaker, trouble: Trouble) -> None:
        def set_(is_on: bool) -> None:
            maker.world.senses.engine = how if is_on else EngineTrouble.NONE

        maker.sense(trouble, set_)

    return make


def _stale(maker: Troublemaker, trouble: Trouble) -> None:
    def set_(is_on: bool) -> None:
        maker.world.senses.is_stale = is_on

    maker.sense(trouble, set_)


def _deaf(maker: Troublemaker, trouble: Trouble) -> None:
    def set_(is_on: bool) -> None:
        maker.world.senses.loses_events = is_on

    maker.sense(trouble, set_)


def _suspend(maker: Troublemaker, trouble: Trouble) -> None:
    maker.suspend(60.0 + 3600.0 * trouble.strength)


def _actuator(maker: Troublemaker, trouble: Trouble) -> None:
    t = maker.world.t
    mood = MOODS[trouble.choice % len(MOODS)]
    delay_s = 2.0 + 150.0 * trouble.strength**2 if mood is Mood.SLOW else 0.5
    maker.world.tell(f"actuators of {trouble.service or 'all'} are {mood}")
    window = Handling(mood, t, t + trouble.for_s, trouble.service, delay_s)
    maker.world.hands.windows.append(window)


def _journal(fault: Fault) -> Callable[[Troublemaker, Trouble], None]:
    def make(maker: Troublemaker, trouble: Trouble) -> None:
        maker.journal.begin(fault, maker.world.now())
        maker.world.later(trouble.for_s, maker.journal.end)

    return make


_MAKERS: Mapping[Kind, Callable[[Troublemaker, Trouble], None]] = {
    Kind.CRASH: _crash,
    Kind.OUT_OF_MEMORY: _out_of_memory,
    Kind.CRASH_LOOP: _crash_loop,
    Kind.CRASH_FOR_EVER: _crash_for_ever,
    Kind.QUIET_EXIT: _quiet_exit,
    Kind.SLEEP: _ail(Ailment.SLEEPS),
    Kind.STOP_SIGNAL: _ail(Ailment.STOPPED),
    Kind.SPIN: _ail(Ailment.SPINS),
    Kind.ERRORS: _ail(Ailment.ERRORS),
    Kind.HANG_LOOP: _hang_loop,
    Kind.LEAK: _leak,
    Kind.GC_PAUSE: _gc_pause,
    Kind.SLOW: _slow,
    Kind.SURGE: _surge,
    Kind.PAUSE: _pause,
    Kind.OUTSIDE_STOP: _outside_stop,
    Kind.CHANGE: _change,
    Kind.DEPLOY: _deploy,
    Kind.BAD_DEPLOY: _bad_deploy,
    Kind.BAD_DEPLOY_TWICE: _bad_deploy_twice,
    Kind.SLOW_DEPLOY: _slow_deploy,
    Kind.TWO_DEPLOYS: _two_deploys,
    Kind.RENUMBERED: _renumbered,
    Kind.LOW_LIMIT: _low_limit,
    Kind.FILE: _file,
    Kind.BAD_FILE: _bad_file,
    Kind.NO_NAMES: _no_names,
    Kind.NO_SOCKETS: _no_sockets,
    Kind.STARVED: _starved,
    Kind.ENGINE_RAISES: _engine(EngineTrouble.RAISES),
    Kind.ENGINE_SAYS_SO: _engine(EngineTrouble.SAYS_SO),
    Kind.ENGINE_HANGS: _engine(EngineTrouble.HANGS),
    Kind.STALE: _stale,
    Kind.DEAF: _deaf,
    Kind.SUSPEND: _suspend,
    Kind.ACTUATOR: _actuator,
    Kind.JOURNAL_REFUSES: _journal(Fault.REFUSES),
    Kind.JOURNAL_AMBIGUOUS: _journal(Fault.AMBIGUOUS),
    Kind.JOURNAL_SLOW: _journal(Fault.SLOW),
}

assert set(_MAKERS) == set(Kind), "every trouble can be made"
