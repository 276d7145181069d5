"""The words of scaling: why a service cannot be scaled, who spreads work over copies, how much.

Read by runtimes (what they see stands in the way), `auto_scaler` and whoever tells it. A name here
is part of the API: add, never rename.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from everup.model.kinds import UNKNOWN, ActionKind, is_known


class Obstacle(StrEnum):
    """Why not. The first ones are the service's nature, as its runtime or its owner says it; the
    others depend on what is asked and on the moment."""

    FIXED_HOST_PORT = "fixed_host_port"
    CONTAINER_NAME = "container_name"
    STATIC_ADDRESS = "static_address"
    HOST_NETWORK = "host_network"
    SERVICE_NETWORK = "service_network"
    NETWORK_LENT = "network_lent"
    SHARED_WRITABLE_MOUNT = "shared_writable_mount"
    DEVICE = "device"
    AUTO_REMOVED = "auto_removed"
    NOT_COMPOSED = "not_composed"
    MANAGED = "managed"
    SINGLETON = "singleton"
    ONE_SHOT = "one_shot"
    NO_ROUTER = "no_router"
    SWITCHED_OFF = "switched_off"
    RUNTIME_CANNOT = "runtime_cannot"
    NOT_SEEN = "not_seen"
    NOT_RUNNING = "not_running"
    NO_CHANGE = "no_change"
    WRONG_WAY = "wrong_way"
    ABOVE_MOST = "above_most"
    BELOW_LEAST = "below_least"
    NO_LIMIT = "no_limit"
    BELOW_USE = "below_use"
    NO_AMOUNT = "no_amount"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One reason with its sentence, which says what would change it."""

    name: Obstacle
    text: str


class Spread(StrEnum):
    """Who brings work to further copies."""

    NONE = "none"  # nobody is known to
    CLIENT = "client"  # who uses it knows all copies
    ROUTER = "router"  # something stands before it
    QUEUE = "queue"  # it fetches its work itself
    DNS = "dns"  # its name means all copies, and new connections are spread over them


@dataclass(frozen=True, slots=True)
class Amount:
    """How much was asked for. `instances` 0, NaN: not said. An infinite limit is none."""

    instances: int = 0
    memory_bytes: float = UNKNOWN
    cpus: float = UNKNOWN

    @property
    def has_limits(self) -> bool:
        """Was any limit said?"""
        return is_known(self.memory_bytes) or is_known(self.cpus)


NOTHING_SAID = Amount()
COUNTS = frozenset({ActionKind.SCALE_OUT, ActionKind.SCALE_IN})
SIZES = frozenset({ActionKind.SCALE_UP, ActionKind.SCALE_DOWN})
SCALING_KINDS = COUNTS | SIZES


@dataclass(frozen=True, slots=True)
class ScalingChoice:
    """What should be, and why: `instances` of `instances_now`, or a limit of each (NaN: it stays).

    `by`: who said it (`auto_scaler.planner.By`, or `size`). `chance`: of a shortage until instances
    that are ordered now take work; NaN: nobody knows. `capped`: what kept it from `wished`.
    """

    instances_now: int
    instances: int
    by: str
    text: str
    wished: int = 0
    floor: int = 0
    chance: float = UNKNOWN
    capped: tuple[str, ...] = ()
    memory_bytes: float = UNKNOWN
    cpus: float = UNKNOWN

    @property
    def is_change(self) -> bool:
        """Is it another size than the present one?"""
        has_limit = is_known(self.memory_bytes) or is_known(self.cpus)
        return self.instances != self.instances_now or has_limit


@dataclass(frozen=True, slots=True)
class ScalingChosen:
    """A choice of another size for a service, and when."""

    at_s: float
    service: str
    choice: ScalingChoice


INVERSE = {
    ActionKind.SCALE_OUT: ActionKind.SCALE_IN,
    ActionKind.SCALE_IN: ActionKind.SCALE_OUT,
    ActionKind.SCALE_UP: ActionKind.SCALE_DOWN,
    ActionKind.SCALE_DOWN: ActionKind.SCALE_UP,
    ActionKind.ISOLATE: ActionKind.REJOIN,
    ActionKind.DEGRADE: ActionKind.RESUME,
    ActionKind.SHED: ActionKind.RESUME,
}
"""What takes an action back."""

BORNE_MOST = 100
COPIES_OF_A_PROCESSOR = 4
"""How many instances of one service a machine is taken to bear, where its owner said no most."""
INSTANCES, BEFORE = "instances", "instances_before"
LEAVING = "leaving"
MEMORY, MEMORY_BEFORE = "memory_bytes", "memory_bytes_before"
CPUS, CPUS_BEFORE = "cpus", "cpus_before"
STARTS = "starts"
KEEPS_WELL = "keeps_well"
"""Parameters of a scaling step. `leaving`: names, with a comma between, in the order of going.
`starts`: what does not run is started under the new limits. `keeps_well`: of copies that
are taken back those that are well stay."""
NO_FASTER = "are no faster for it"
"""Of answers, in the reason why more instances were not proven: none of them is needed."""


def borne_by(processors: float) -> int:
    """The most instances of one service where its owner declared none; unknown counts as one."""
    count = int(processors) if is_known(processors) else 1
    return min(BORNE_MOST, COPIES_OF_A_PROCESSOR * max(1, count))
