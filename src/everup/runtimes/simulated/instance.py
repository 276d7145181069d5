"""One virtual process: its life, what ails it, and its counters, evaluated when they are read.

Changed by `world` alone; read through `view` by the runtime and through `answer` and `truth` by the
prober and by whoever judges what was done. `t` is the loop's time, `at_s` the clock's.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from everup.model.kinds import UNKNOWN, InstanceState
from everup.model.observation import Exit, Instance
from everup.model.stack import ServiceSpec
from everup.runtimes.simulated.configuration import version_of

IDLE_CPU_RATIO = 0.02
ACCEPT_QUEUE_MOST = 128.0


class Ailment(StrEnum):
    """What can be wrong with a running process."""

    SLEEPS = "sleeps"  # state S, no CPU, no I/O, the accept queue grows
    STOPPED = "stopped"  # state T
    SPINS = "spins"  # state R, burns CPU, never answers
    ERRORS = "errors"  # answers, with an error
    GC_PAUSE = "gc_pause"  # state R for a few seconds: harmless


SILENT = frozenset({Ailment.SLEEPS, Ailment.STOPPED, Ailment.SPINS, Ailment.GC_PAUSE})


class Answer(StrEnum):
    """What a probe gets."""

    REFUSED = "refused"
    SILENCE = "silence"
    ERROR = "error"
    RECOVERING = "recovering"
    OK = "ok"


class Truth(StrEnum):
    """How the instance really is, which no controller can read."""

    WELL = "well"
    STARTING = "starting"
    PAUSING = "pausing"  # a garbage collection: nothing is wrong
    RECOVERING = "recovering"
    VICTIM = "victim"  # only its dependency ails it
    OVERLOADED = "overloaded"  # more asked than it can answer: no restart mends that
    SICK = "sick"
    DEAD = "dead"
    PAUSED = "paused"
    RESTARTING = "restarting"
    DONE = "done"  # a one-shot that ended with 0
    STOPPED = "stopped"  # somebody wanted it so


_FINE = frozenset({Truth.WELL, Truth.PAUSING})
SICKLY = frozenset({Truth.VICTIM, Truth.OVERLOADED, Truth.SICK, Truth.DEAD, Truth.RESTARTING})


@dataclass(slots=True)
class _Counter:
    """A total that grows at a rate which changes now and then."""

    total: float = 0.0
    rate: float = 0.0
    since_t: float = 0.0

    def at(self, t: float) -> float:
        return self.total + self.rate * (t - self.since_t)

    def set_rate(self, rate: float, t: float) -> None:
        if rate != self.rate:
            self.total, self.since_t, self.rate = self.at(t), t, rate


class VirtualInstance:
    """One declared copy; `life` counts its processes."""

    __slots__ = (
        "ailments",
        "answer",
        "booted_t",
        "broken_by_cut",
        "cpu",
        "exit",
        "identity",
        "io",
        "is_wished_down",
        "last_sickly_s",
        "latency_s",
        "leak",
        "life",
        "lines",
        "memory_limit_bytes",
        "name",
        "port",
        "recovered_t",
        "seen_dead",
        "service",
        "sickly_since_s",
        "silent_since_t",
        "spec",
        "started_at_s",
        "state",
        "truth",
        "truth_since_s",
        "unwell_since_s",
        "version",
        "warm_t",
        "was_unclean",
    )

    def __init__(self, spec: ServiceSpec, name: str) -> None:
        self.spec = spec  # that its present life was started with
        self.service = spec.name
        self.name = name
        self.life = 0
        self.state = InstanceState.EXITED
        self.exit: Exit | None = None
        self.started_at_s = UNKNOWN
        self.booted_t = self.warm_t = self.recovered_t = 0.0
        self.ailments: dict[Ailment, float] = {}  # → until t (inf: until it dies)
        self.broken_by_cut = False
        self.was_unclean = False
        self.is_wished_down = True  # nobody has started it yet
        self.cpu, self.io, self.leak = _Counter(), _Counter(), _Counter()
        self.memory_limit_bytes = spec.limits.memory_bytes
        self.silent_since_t = UNKNOWN
        self.lines: list[str] = []
        self.identity = f"{name}#0"  # another life, another identity
        self.port: int | None = None
        self.seen_dead: Instance | None = None
        self.version = ""  # of what this life was started from
        self.answer = Answer.REFUSED
        self.latency_s = UNKNOWN
        self.truth = Truth.STOPPED
        self.truth_since_s = 0.0
        self.sickly_since_s = UNKNOWN  # start of the latest time in which something was wrong
        self.last_sickly_s = float("-inf")  # its end; only meaningful while all is well
        self.unwell_since_s = 0.0  # since when it has not been well, start-up included

    @property
    def is_up(self) -> bool:
        """There is a process and it is not paused."""
        return self.state is InstanceState.RUNNING

    def turn(self, truth: Truth, now_s: float) -> None:
        """It is like this from now on."""
        if truth is self.truth:
            return
        was_sickly, is_sickly = self.truth in SICKLY, truth in SICKLY
        if is_sickly and not was_sickly:
            self.sickly_since_s = now_s
        elif was_sickly and not is_sickly:
            self.last_sickly_s = now_s
        if self.truth in _FINE:
            self.unwell_since_s = now_s
        self.truth, self.truth_since_s = truth, now_s

    def process_letter(self) -> str | None:
        """The kernel's letter of the main process."""
        if self.state is not InstanceState.RUNNING:
            return "T" if self.state is InstanceState.PAUSED else None
        if self.ailments:
            if Ailment.STOPPED in self.ailments:
                return "T"
            if Ailment.SPINS in self.ailments or Ailment.GC_PAUSE in self.ailments:
                return "R"
        if self.truth is Truth.OVERLOADED:
            return "R"
        return "S"

    def begin(self, spec: ServiceSpec, now_s: float) -> None:
        """A new life: what is known of it at once. Its port is one higher for each instance."""
        self.life += 1
        self.identity = f"{self.name}#{self.life}"
        self.spec = spec
        self.version = version_of(spec)
        base = spec.port
        self.port = None if base is None else base + int(self.name.rpartition("-")[2])
        self.memory_limit_bytes = spec.limits.memory_bytes
        self.started_at_s = now_s
        self.state, self.exit = InstanceState.RUNNING, None
        self.is_wished_down = self.broken_by_cut = False
        self.ailments.clear()

    def memory_bytes(self, t: float, base_bytes: float) -> float:
        """What it uses, never more than its limit."""
        leak, limit = self.leak, self.memory_limit_bytes
        used = base_bytes + (leak.total + leak.rate * (t - leak.since_t))
        return min(used, limit)  # in this order an unknown limit is never taken

    def view(self, t: float, base_bytes: float, arriving_rps: float) -> Instance:
        """As the runtime lists it. The dead are looked at once: they do not change any more."""
        state = self.state
        if state is InstanceState.EXITED or state is InstanceState.RESTARTING:
            seen = self.seen_dead
            if seen is None or seen.identity != self.identity or seen.state is not state:
                seen = self.seen_dead = Instance(
                    self.service,
                    self.name,
                    self.identity,
                    state,
                    self.started_at_s,
                    self.port,
                    self.exit,
                    version=self.version,
                )
            return seen
        silent_s = t - self.silent_since_t
        cpu, io = self.cpu, self.io
        return Instance(
            self.service,
            self.name,
            self.identity,
            state,
            self.started_at_s,
            self.port,
            None,
            self.process_letter(),
            cpu.total + cpu.rate * (t - cpu.since_t),
            io.total + io.rate * (t - io.since_t),
            self.memory_bytes(t, base_bytes),
            self.memory_limit_bytes,
            min(ACCEPT_QUEUE_MOST, arriving_rps * silent_s) if silent_s > 0 else 0.0,
            version=self.version,
        )
