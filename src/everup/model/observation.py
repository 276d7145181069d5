"""What was seen of every instance at one moment, with the age of each value.

Written by `loop.observe` from runtimes, probes and accounting; read by assess and verify.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from everup.model.disk import Disk
from everup.model.kinds import UNKNOWN, BusyState, InstanceState, ProbeVerdict
from everup.model.load import Load
from everup.model.resources import NOT_MEASURED, Resources
from everup.model.restraint import Restraint


@dataclass(frozen=True, slots=True)
class Exit:
    """One death. `code` None: nobody could read it (an adopted process, say). `instance` "": not
    said whose, as in old journals."""

    at_s: float
    code: int | None = None
    is_out_of_memory: bool = False
    was_witnessed: bool = True
    ran_s: float = UNKNOWN
    instance: str = ""
    asked: str = ""  # how somebody else asked it to end, as far as the runtime saw

    @property
    def text(self) -> str:
        """As a person would say it."""
        if self.is_out_of_memory:
            return "killed for memory"
        if self.code is None:
            return "exited (code unknown)"
        return f"killed by signal {-self.code}" if self.code < 0 else f"exited with {self.code}"


@dataclass(frozen=True, slots=True)
class Instance:
    """One running or ended copy of a service, as its runtime describes it.

    `identity` changes whenever the copy is another life of the same thing: it is what settles
    whether a restart happened. `process_state` is the kernel's letter (R S D T Z) of the main
    process, None where it cannot be read. Counters are totals since the start; NaN is unknown.
    `waited_s`: it was ready to run and had no processor. `version` is another one when it was made
    from another image or configuration, and stays the same when it is started anew or replaced by
    its equal; "" where nobody can tell.
    """

    service: str
    name: str
    identity: str
    state: InstanceState
    started_at_s: float = UNKNOWN
    port: int | None = None
    exit: Exit | None = None
    process_state: str | None = None
    cpu_seconds: float = UNKNOWN
    io_bytes: float = UNKNOWN
    memory_bytes: float = UNKNOWN
    memory_limit_bytes: float = UNKNOWN
    accept_queue: float = UNKNOWN
    waited_s: float = UNKNOWN
    address: str | None = None  # where its own network reaches it; None: unknown
    near: str | None = None  # the same where it is certain to be its own, as seen from here
    make: str = ""  # what it was made as: another one after a recreate, the same after a restart
    check: ProbeResult | None = None  # the latest answer of the owner's own check, if it has one
    cpus: float = UNKNOWN  # what it may use of them; NaN: no limit, or unknown
    version: str = ""
    disk: Disk | None = None  # the fullest that it may write to; None: unknown, or it has none
    own_cpu_seconds: float = UNKNOWN  # without what is run into it from outside, as a check is
    ending: str = ""  # it lives, and somebody else asked it to end: how
    files_changed_at_s: float = UNKNOWN  # when its configuration files became what they are
    resources: Resources = NOT_MEASURED


class Heard(StrEnum):
    """What came back from the other side of a probe, whatever its verdict."""

    ANSWER = "answer"  # the service itself said something
    CHECK = "check"  # its owner's own command said something of it
    REFUSAL = "refusal"  # the kernel: nobody listens there, or the connection broke
    SILENCE = "silence"  # nothing in time


SAYS_NO = frozenset({Heard.ANSWER, Heard.CHECK})
"""A failure in these words is somebody's own no, and not a lack of an answer."""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One answer. `in_a_row`: how many of its kind whoever asked has counted; 0: nobody counts.
    `since_s`: when the first of those in a row came, where whoever asked knows. `took_s`: how long
    its owner's check ran, which is more than an answer's latency. `certificate_ends_s`: when the
    certificate that it showed with this answer is no longer valid."""

    verdict: ProbeVerdict
    at_s: float
    latency_s: float = UNKNOWN
    detail: str = ""
    heard: Heard = Heard.ANSWER
    in_a_row: int = 0
    since_s: float = UNKNOWN
    took_s: float = UNKNOWN
    certificate_ends_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class ProbeReading:
    """The answers of one instance, folded: the latest one and the run it belongs to."""

    verdict: ProbeVerdict = ProbeVerdict.UNKNOWN
    at_s: float = UNKNOWN
    latency_s: float = UNKNOWN
    detail: str = ""
    failures_in_a_row: int = 0
    successes_in_a_row: int = 0
    since_s: float = UNKNOWN  # start of the present run of equal verdicts
    error_ratio: float = UNKNOWN  # failed share of the last 20 answers
    has_ever_passed: bool = False
    heard: Heard = Heard.ANSWER
    recovering_since_s: float = UNKNOWN  # it says that it is coming since then, and never passed
    is_doubted: bool = False  # failures from before our senses came back are no part of this run
    told_since_s: float = UNKNOWN  # in each answer since then it, or its owner's check, says no
    certificate_ends_s: float = UNKNOWN  # of the latest certificate that it showed


@dataclass(frozen=True, slots=True)
class InstanceObservation:
    """One instance with everything known of it. Ratios are of one core and of its limit."""

    instance: Instance
    probe: ProbeReading | None = None
    cpu_ratio: float = UNKNOWN
    memory_ratio: float = UNKNOWN
    idle_since_s: float = UNKNOWN  # no CPU and no I/O since then; NaN: it works, or unknown
    read_at_s: float = UNKNOWN
    queue_since_s: float = UNKNOWN  # its accept queue waits and never shrank since then
    starved_at_s: float = UNKNOWN  # last seen to want the processor and hardly get it
    stuck_since_s: float = UNKNOWN  # stopped or a zombie in each sight since then
    full_since_s: float = UNKNOWN  # its disk was full in each sight since then
    goes_unasked: bool = False  # it is not certain that we ask it rightly, and it never passed
    received_per_s: float = UNKNOWN  # bytes, between the latest two listings, as the next one
    sent_per_s: float = UNKNOWN
    throttled_ratio: float = UNKNOWN  # seconds held back by its processor limit, in each second


@dataclass(frozen=True, slots=True)
class Busy:
    """The latest answer to whether it is busy; `since_s`: the first of the same ones in a row."""

    state: BusyState
    at_s: float
    reason: str = ""
    since_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class ServiceObservation:
    """All instances of one service. `is_known` is False until the runtime listed it once, and
    again when the last listing is older than two intervals."""

    service: str
    instances: tuple[InstanceObservation, ...] = ()
    is_known: bool = True
    exits: tuple[Exit, ...] = ()  # deaths within the crash-loop window that nobody asked for
    busy: Busy | None = None  # None: nobody has asked
    load: Load | None = None  # None: nobody counts, or nobody has for too long


@dataclass(frozen=True, slots=True)
class HostObservation:
    """The machine below. NaN is unknown."""

    memory_total_bytes: float = UNKNOWN
    memory_available_bytes: float = UNKNOWN
    cpu_ratio: float = UNKNOWN
    pressure_ratio: float = UNKNOWN  # share of time in which runnable work waited for CPU
    loop_lag_s: float = UNKNOWN
    processors: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class MonitorObservation:
    """Whether we ourselves can see. `faults` names each failing canary or blind sense."""

    faults: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()  # services whose values are older than two intervals
    gap_s: float = 0.0  # time since the previous look
    engine_fault: str = ""


@dataclass(frozen=True, slots=True)
class Observation:
    """The whole stack at one moment. `at_s` is seconds since the epoch by the loop's clock.

    `is_complete`: every service and every probe has been read at least once since the start or
    the last break in history.
    """

    at_s: float
    services: Mapping[str, ServiceObservation]
    monitor: MonitorObservation = MonitorObservation()
    host: HostObservation = HostObservation()
    is_complete: bool = True
    changes: Mapping[str, float] = field(default_factory=dict)
    """Service → time of the latest event of a change that was not ours."""
    changing_since: Mapping[str, float] = field(default_factory=dict)
    """Service → when the present run of such events began."""
    freezes: Mapping[str, str] = field(default_factory=dict)
    """Scope ("" = the stack) → reason of each freeze that lies as a file beside us."""
    restraints: Mapping[str, Restraint] = field(default_factory=dict)
    """Service → what holds back beyond what was read of it."""
