"""One virtual service: its instances, its load, and what a bad environment does to each new life.

`settle` works out from everything how each instance answers and how it truly is. It is called by
`world` after every change, in the order of the dependency graph; nothing is worked out in between.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace

from everup.model.kinds import UNKNOWN, DependencyKind, InstanceState, is_known
from everup.model.stack import Limits, ServiceSpec
from everup.model.version import MARK, files_of, made_of, with_files
from everup.runtimes.simulated.instance import (
    IDLE_CPU_RATIO,
    SILENT,
    Ailment,
    Answer,
    Truth,
    VirtualInstance,
)
from everup.runtimes.simulated.nature import Nature, Reaction

FULL = 0.97  # utilisation from which on the queue only grows
SOFT_SLOWDOWN = 3.0
COLD_SLOWDOWN = 2.0
LIMIT_MARGIN = 1.15  # of what was used, under a limit that is given back


@dataclass(slots=True)
class Curse:
    """Each new life gets this, so many times (inf: for ever): what a restart does not mend."""

    times: float
    after_s: float
    ailment: Ailment | None = None  # None: it exits
    code: int = 1
    is_for_ever: bool = False  # also when everything else is good again
    is_out_of_memory: bool = False  # unless its limit is raised to what it needs


@dataclass(slots=True)
class Outage:
    """A time in which no instance served. `to_s` NaN: it lasts."""

    from_s: float
    to_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class KeptAside:
    """One life that a controller keeps for a person: it neither answers nor is listed."""

    name: str
    identity: str


@dataclass(slots=True)
class VirtualService:
    """`spec`: the declaration, or what was applied over it. Times `*_s` are by the clock."""

    spec: ServiceSpec
    nature: Nature
    instances: dict[str, VirtualInstance] = field(default_factory=dict)
    surge: float = 1.0
    wave: float = 1.0  # what the time of the day makes of its demand
    slow: float = 1.0
    curse: Curse | None = None
    bad: dict[str, Curse] = field(default_factory=dict)
    """What befalls each life of a version: of a whole one, of what it is made of, or of its files
    (`+` and their digest)."""
    slower: dict[str, float] = field(default_factory=dict)  # what a version's answers take longer
    deploys: list[tuple[float, str]] = field(default_factory=list)  # when, to which version
    renumbered: list[tuple[float, int]] = field(default_factory=list)  # when, to how many
    is_isolated: bool = False
    cut_off: set[str] = field(default_factory=set)  # names of instances that nobody reaches
    is_serving: bool = False
    is_cut: bool = False
    arriving_rps: float = 0.0  # requests a second for each instance, as of the latest change
    cut_number: int = 0  # which cut this is: a late bite must not hit the next one
    outages: list[Outage] = field(default_factory=list)
    changed_at_s: float = float("-inf")  # latest event of somebody else's change
    is_stopped_outside: bool = False  # while nobody watched
    kept: KeptAside | None = None
    limits_before: Limits | None = None  # what our change of them is to be given back to
    files: dict[str, bytes] = field(default_factory=dict)  # what each start reads
    files_changed_at_s: float = float("-inf")
    broken_files: list[tuple[str, bytes]] = field(default_factory=list)  # that were kept aside

    @property
    def name(self) -> str:
        """As declared."""
        return self.spec.name

    @property
    def demand_rps(self) -> float:
        """What is asked of it now, a second, of all instances."""
        return self.nature.demand_rps * self.surge * self.wave

    @property
    def files_digest(self) -> str:
        """Equal for equal files; "" for none."""
        if not self.files:
            return ""
        parts = [f"{path}={content!r}" for path, content in sorted(self.files.items())]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    @property
    def runs(self) -> set[str]:
        """Versions of its instances, as listed."""
        return {with_files(i.version, self.files_digest) for i in self.instances.values()}

    def curse_of(self, version: str) -> Curse | None:
        """What befalls each life of it; None: it is a good one."""
        keys = (version, made_of(version), f"{MARK}{files_of(version)}")
        return next((self.bad[key] for key in keys if key in self.bad), None)

    def write(self, path: str, content: bytes, now_s: float) -> None:
        """Somebody edits a file; each start from now on reads it."""
        self.files[path], self.files_changed_at_s = content, now_s

    def give_back(self, t: float) -> list[str]:
        """What controllers hold: the cut, who is kept aside, and limits where what is used fits
        into those before."""
        said: list[str] = []
        if self.is_isolated or self.cut_off:
            self.is_isolated = False
            self.cut_off.clear()
            said.append(f"{self.name}: is no longer isolated")
        if self.kept is not None:
            said.append(f"{self.name}: {self.kept.identity}, kept aside, is ended: given back")
            self.kept = None
        before = self.limits_before
        if before is None:
            return said
        used = [i.memory_bytes(t, self.nature.memory_bytes) for i in self.instances.values()]
        if (
            is_known(before.memory_bytes)
            and max(used, default=0.0) * LIMIT_MARGIN > before.memory_bytes
        ):
            return [*said, f"{self.name}: its memory limit stays, since it is needed"]
        self.limits_before = None
        self.spec = replace(self.spec, limits=before)
        for instance in self.instances.values():
            instance.memory_limit_bytes = before.memory_bytes
        return [*said, f"{self.name}: its memory limit is as before"]

    def find_cut(self, services: dict[str, VirtualService]) -> tuple[bool, bool]:
        """(a hard dependency does not serve, a soft one does not)."""
        hard = soft = False
        for edge in self.spec.depends_on:
            target = services.get(edge.target)
            if target is None or (target.is_serving and not self.is_isolated):
                continue
            if edge.kind is DependencyKind.HARD:
                hard = True
            else:
                soft = True
        return hard, soft

    def settle(self, t: float, now_s: float, *, soft: bool) -> None:
        """Work out every instance's answer, latency and truth; note when an outage begins or ends.

        `is_cut` was set by the world before.
        """
        found = {i.name: self._judge(i, t) for i in self.instances.values()}
        able = sum(
            1 for n, (answer, _) in found.items() if answer is Answer.OK and n not in self.cut_off
        )
        response_s = self._response_s(able, soft=soft)
        self.arriving_rps = self.demand_rps / max(1, able)
        for instance in self.instances.values():
            answer, truth = found[instance.name]
            if answer is Answer.OK:
                if response_s is None:
                    answer, truth = Answer.SILENCE, Truth.OVERLOADED
                else:
                    cold = COLD_SLOWDOWN if t < instance.warm_t else 1.0
                    own = self.slower.get(instance.version, 1.0)
                    instance.latency_s = response_s * cold * own
            instance.turn(truth, now_s)
            instance.answer = answer
            self._run_counters(instance, t)
        is_serving = any(
            i.answer is Answer.OK for i in self.instances.values() if i.name not in self.cut_off
        )
        if not is_serving and (self.is_serving or not self.outages):
            self.outages.append(Outage(now_s))
        elif is_serving and not self.is_serving and self.outages:
            self.outages[-1].to_s = now_s
        self.is_serving = is_serving and not self.is_isolated

    def _judge(self, instance: VirtualInstance, t: float) -> tuple[Answer, Truth]:
        if instance.state is not InstanceState.RUNNING:
            return self._judge_still(instance)
        if t < instance.booted_t:
            return Answer.REFUSED, Truth.STARTING
        if t < instance.recovered_t:
            return Answer.RECOVERING, Truth.RECOVERING
        for ailment in instance.ailments:
            if ailment is Ailment.GC_PAUSE and len(instance.ailments) == 1:
                return Answer.SILENCE, Truth.PAUSING
            if ailment in SILENT:
                return Answer.SILENCE, Truth.SICK
        if Ailment.ERRORS in instance.ailments:
            return Answer.ERROR, Truth.SICK
        if instance.broken_by_cut:
            return Answer.ERROR, Truth.VICTIM if self.is_cut else Truth.SICK
        if self.is_cut and self.nature.on_cut is not Reaction.SHRUG:
            hangs = self.nature.on_cut is Reaction.HANG
            return (Answer.SILENCE if hangs else Answer.ERROR), Truth.VICTIM
        return Answer.OK, Truth.WELL

    def _judge_still(self, instance: VirtualInstance) -> tuple[Answer, Truth]:
        if instance.state is InstanceState.PAUSED:
            return Answer.SILENCE, Truth.PAUSED
        if instance.state is InstanceState.RESTARTING:
            return Answer.REFUSED, Truth.RESTARTING
        if instance.is_wished_down:
            return Answer.REFUSED, Truth.STOPPED
        if self.nature.job_s > 0 and instance.exit is not None and instance.exit.code == 0:
            return Answer.REFUSED, Truth.DONE
        return Answer.REFUSED, Truth.DEAD

    def _response_s(self, able: int, *, soft: bool) -> float | None:
        """M/M/1: service time / (1 − utilisation) of each instance that answers; None: too much."""
        nature = self.nature
        factor = self.slow * (SOFT_SLOWDOWN if soft else 1.0)
        busy = self.demand_rps * self.slow / (max(1, able) * nature.capacity_rps)
        return None if busy >= FULL else nature.latency_s * factor / (1.0 - busy)

    def _run_counters(self, instance: VirtualInstance, t: float) -> None:
        if instance.state is not InstanceState.RUNNING:
            instance.cpu.set_rate(0.0, t)
            instance.io.set_rate(0.0, t)
            instance.leak.set_rate(0.0, t)
            instance.silent_since_t = UNKNOWN
            return
        letter = instance.process_letter()
        is_silent = instance.answer is Answer.SILENCE
        if is_silent and instance.silent_since_t != instance.silent_since_t:
            instance.silent_since_t = t
        elif not is_silent:
            instance.silent_since_t = UNKNOWN
        if letter == "R" or instance.truth is Truth.OVERLOADED:
            cpu, io = 1.0, 0.0
        elif letter == "T" or is_silent:
            cpu, io = 0.0, 0.0
        elif instance.truth is Truth.RECOVERING:
            cpu, io = 0.6, 20e6
        elif instance.truth is Truth.STARTING:
            cpu, io = 0.5, 2e6
        else:
            share = self.demand_rps / self.nature.capacity_rps
            cpu, io = IDLE_CPU_RATIO + 0.3 * min(1.0, share), 1e3 * self.nature.demand_rps
        instance.cpu.set_rate(cpu, t)
        instance.io.set_rate(io, t)
