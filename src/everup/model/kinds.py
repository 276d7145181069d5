"""The closed vocabularies: what can be done, what can be wrong, who may ask.

A value here is part of the journal and the API: add, never rename.
"""

from __future__ import annotations

from enum import StrEnum

UNKNOWN: float = float("nan")


def is_known(value: float) -> bool:
    """True for a measured number; NaN means that nobody looked."""
    return value == value


class ActionKind(StrEnum):
    """One step of a known kind applied to one service.

    The first ten are recovery's; `scale_in` and `scale_down` are scaling's alone. `start`, `stop`
    and `rejoin` are never proposed by a ladder: a person asks for the first two, and `rejoin` is
    the undo of `isolate`. `degrade` (a soft dependency is not called any more) and `shed` (a sick
    instance gets no new requests) are mitigations, and `resume` is the undo of both.
    """

    GRACEFUL_RESTART = "graceful_restart"
    CONTAINER_RESTART = "container_restart"
    RECREATE = "recreate"
    CACHE_CLEAR = "cache_clear"
    SCALE_OUT = "scale_out"
    SCALE_UP = "scale_up"
    DEPENDENCY_RECOVERY = "dependency_recovery"
    ISOLATE = "isolate"
    FAILOVER = "failover"
    EMERGENCY_ROLLBACK = "emergency_rollback"
    SCALE_IN = "scale_in"
    SCALE_DOWN = "scale_down"
    START = "start"
    STOP = "stop"
    REJOIN = "rejoin"
    DEGRADE = "degrade"
    SHED = "shed"
    RESUME = "resume"


RECOVERY_KINDS: tuple[ActionKind, ...] = tuple(ActionKind)[:10]


TAKES_CAPACITY = frozenset(
    {
        ActionKind.GRACEFUL_RESTART,
        ActionKind.CONTAINER_RESTART,
        ActionKind.RECREATE,
        ActionKind.DEPENDENCY_RECOVERY,
        ActionKind.ISOLATE,
        ActionKind.FAILOVER,
        ActionKind.SCALE_IN,
        ActionKind.SHED,
    }
)
"""What takes an instance away, be it for a moment; a person's stop is a wish and counts nowhere."""


OF_TRAFFIC = frozenset({ActionKind.DEGRADE, ActionKind.SHED, ActionKind.RESUME})
"""What is done to calls and not to instances: the runtime has no part in it."""


class Cause(StrEnum):
    """Why a service is unwell. The cause picks the ladder, the score only bounds it."""

    CRASH = "crash"
    CRASH_LOOP = "crash_loop"
    HANG = "hang"
    UNHEALTHY = "unhealthy"  # its own check says no, its process works, no dependency explains it
    DEPENDENCY_DOWN = "dependency_down"
    STOPPED_ON_PURPOSE = "stopped_on_purpose"
    LEAK = "leak"
    MEMORY_PRESSURE = "memory_pressure"
    OVERLOAD = "overload"
    BAD_DEPLOY = "bad_deploy"
    CORRUPT_CONFIG = "corrupt_config"
    DISK_FULL = "disk_full"
    NETWORK_CUT = "network_cut"
    SLOW = "slow"
    RECOVERING = "recovering"  # it says that it is coming, and has for longer than its bound
    REQUESTED = "requested"  # a person asked; nothing needs to be wrong
    DISK_FILLING = "disk_filling"  # foretold: no room within the horizon
    DESCRIPTOR_LEAK = "descriptor_leak"  # foretold: no more files or sockets can be opened
    CONNECTIONS_FULL = "connections_full"  # foretold: nobody else can connect
    QUEUE_FULL = "queue_full"  # foretold: clients are turned away before they are let in
    CERTIFICATE_EXPIRES = "certificate_expires"  # the certificate that it shows ends soon
    DEMAND = "demand"  # never a finding: more or less is asked than the instances there carry
    ABOUT_TO_FAIL = "about_to_fail"  # foretold by what came before other failures: no limit is near
    HOST_PRESSURE = "host_pressure"  # never a finding, only a candidate: the machine is too busy
    UNKNOWN = "unknown"  # never a finding: the share of doubt that no candidate takes away


FORETOLD = frozenset(
    {
        Cause.LEAK,
        Cause.MEMORY_PRESSURE,
        Cause.SLOW,
        Cause.DISK_FILLING,
        Cause.DESCRIPTOR_LEAK,
        Cause.CONNECTIONS_FULL,
        Cause.QUEUE_FULL,
        Cause.CERTIFICATE_EXPIRES,
        Cause.ABOUT_TO_FAIL,
    }
)
"""Causes of a service that still passes its check. They may bring help, never harm: no restart but
what a prediction permits, and none of them keeps Everup from healing what fails."""


LEAKS = frozenset({Cause.LEAK, Cause.DESCRIPTOR_LEAK})
"""Foretold causes that end with the process: the only ones for which a prediction may restart."""


ONLY_TOLD = frozenset({Cause.CERTIFICATE_EXPIRES})
"""Dates, known days before, that say nothing of how well a service works until then. A person is
told; nothing else waits for it."""


class Origin(StrEnum):
    """Who proposes. The order is the rank when proposals compete, first wins."""

    PERSON = "person"
    ROLLBACK = "rollback"
    RECOVERY = "recovery"
    MITIGATION = "mitigation"  # the dependency monitor: a failure is to spread no further
    SCALING = "scaling"

    @property
    def rank(self) -> int:
        """0 is the strongest."""
        return tuple(Origin).index(self)


class Mode(StrEnum):
    """How far Everup may go by itself."""

    OBSERVE = "observe"
    APPROVE = "approve"
    AUTO = "auto"


class Purpose(StrEnum):
    """What somebody wants of a service, independent of what it does."""

    RUN = "run"
    STOPPED = "stopped"


class InstanceState(StrEnum):
    """What the runtime says of one instance."""

    RUNNING = "running"
    EXITED = "exited"
    RESTARTING = "restarting"  # the engine's own policy is at work
    PAUSED = "paused"


CANNOT_HEAR = frozenset("TtZ")
"""The kernel's letters of processes that are stopped or dead: they hear no signal but a kill."""


class ProbeVerdict(StrEnum):
    """One answer of one probe. `recovering` is not sick: it says that it is coming."""

    PASS = "pass"
    FAIL = "fail"
    RECOVERING = "recovering"
    UNKNOWN = "unknown"


class BusyState(StrEnum):
    """Is it doing something that a restart would spoil? `unknown` holds nothing back."""

    BUSY = "busy"
    IDLE = "idle"
    UNKNOWN = "unknown"


class Condition(StrEnum):
    """What a service is, in one word."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"
    DOWN = "down"
    STARTING = "starting"
    RECOVERING = "recovering"
    PAUSED = "paused"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


class DependencyKind(StrEnum):
    """`hard`: A fails without B. `soft`: A degrades without B."""

    HARD = "hard"
    SOFT = "soft"
