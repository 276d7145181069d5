"""The stack as declared: services, their dependencies, limits, probes and what may be done to them.

Built by `everup.config` from `everup.yaml` (later also from containers), read by everyone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from everup.model.kinds import UNKNOWN, ActionKind, DependencyKind, Mode
from everup.model.recipes import Recipe
from everup.model.routing import Route
from everup.model.scaling import Refusal, Spread
from everup.model.sizing import LIST_PRICES, Prices, ScalingSpec
from everup.model.window import Window

PORT_MARK, HOST_MARK, NEAR_MARK = "{port}", "{host}", "{near}"
FREEZE_LABEL = "everup.freeze"
YES_WORDS = frozenset({"true", "yes", "on", "1"})
NO_WORDS = frozenset({"", "false", "no", "off", "0"})


def has_marks(texts: Iterable[str]) -> bool:
    """Does one of them lead to each instance by itself?"""
    marks = (PORT_MARK, HOST_MARK, NEAR_MARK)
    return any(mark in text for text in texts for mark in marks)


class ProbeOrigin(StrEnum):
    """Who says that this is how to ask: its owner; we, by what its image and settings are known to
    be; or nobody, and of what is listed only its borrowed network is seen."""

    OWNER = "owner"
    INFERRED = "inferred"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """How to ask one instance whether it is well. Exactly one of http, tcp, postgres, redis,
    memcached, command and is_owners is set; postgres, redis and memcached are `host:port`, the
    first two also the path of a socket.

    `is_owners`: nobody asks; the runtime runs the owner's own check and lists its answers.

    `{port}` and `{host}` in a target stand for those of the instance that is asked, `{near}` for
    its address where that is certain to be its own as seen from here.

    One of origin `inferred` counts only once it has passed for what runs now: see `loop.proven`.
    """

    http: str | None = None
    tcp: str | None = None
    command: tuple[str, ...] = ()
    interval_s: float = 5.0
    timeout_s: float = 2.0
    expect_status: tuple[int, int] = (200, 399)
    postgres: str | None = None
    redis: str | None = None
    memcached: str | None = None
    is_owners: bool = False
    origin: ProbeOrigin = ProbeOrigin.OWNER

    @property
    def kind(self) -> str:
        """`http`, `tcp`, `postgres`, `redis`, `memcached`, `owners` or `exec`."""
        if self.is_owners:
            return "owners"
        for name in ("http", "tcp", "postgres", "redis", "memcached"):
            if getattr(self, name):
                return name
        return "exec"

    @property
    def is_inferred(self) -> bool:
        """Nobody declared it."""
        return self.origin is ProbeOrigin.INFERRED

    @property
    def targets(self) -> tuple[str, ...]:
        """Everything in which `{port}`, `{host}` and `{near}` may stand."""
        named = (self.http, self.tcp, self.postgres, self.redis, self.memcached)
        return (*(target for target in named if target), *self.command)


CACHE_CLEAR_HOOK = "cache_clear"
FREE_SPACE_HOOK = "free_space"


@dataclass(frozen=True, slots=True)
class HookSpec:
    """An owner's own way of doing something: a command, an HTTP call `"POST http://…"`, or a recipe
    of ours that the owner named."""

    command: tuple[str, ...] = ()
    http: str | None = None
    timeout_s: float = 30.0
    recipe: Recipe | None = None


@dataclass(frozen=True, slots=True)
class Dependency:
    """The dependent needs `target`. `is_critical` edges carry a circuit breaker."""

    target: str
    kind: DependencyKind = DependencyKind.HARD
    weight: float = 1.0
    is_critical: bool = False
    source: str = "declared"
    confidence: float = 1.0
    router_group: str = ""  # the router's group of servers that carries this edge alone


@dataclass(frozen=True, slots=True)
class Limits:
    """What one instance may use. NaN: no limit is known, and then it never triggers anything."""

    memory_bytes: float = UNKNOWN
    cpus: float = UNKNOWN
    connections: float = UNKNOWN  # that it takes at a time, as its owner says


@dataclass(frozen=True, slots=True)
class StopSpec:
    """How an instance is asked to end: the signal, and how long it may take."""

    signal: str = "SIGTERM"
    grace_s: float = 10.0


@dataclass(frozen=True, slots=True)
class ReleaseSpec:
    """Versions of a service: a folder for each in `directory`, and the link to the present one."""

    directory: str
    current: str


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service as its owner declared it. Durations in seconds at true pace."""

    name: str
    command: tuple[str, ...] = ()
    directory: str | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold secrets
    user: str | None = None
    port: int | None = None
    instances: int = 1
    min_instances: int = 1
    max_instances: int = 1
    probe: ProbeSpec | None = None
    depends_on: tuple[Dependency, ...] = ()
    limits: Limits = Limits()
    priority: int = 0
    is_stateful: bool = False
    is_one_shot: bool = False
    is_one_shot_by_look: bool = False  # nobody says so: its last run looked like one
    start_period_s: float = 0.0  # 0: not declared
    recovery_most_s: float = 0.0  # 0: not declared
    busy_most_s: float = 0.0  # 0: not declared
    quarantine_s: float = 0.0  # how long a sick one that was replaced is kept aside; 0: never
    stop: StopSpec = StopSpec()
    hooks: Mapping[str, HookSpec] = field(default_factory=dict)
    mode: Mode | None = None
    modes: Mapping[ActionKind, Mode] = field(default_factory=dict)
    health_threshold: float | None = None
    heal_when_stopped: bool = False
    rollback_is_safe: bool = False  # it keeps data, and an older image can read it
    is_one_way: bool = False  # its schema changes with it: an older version cannot run any more
    config_files: tuple[str, ...] | None = None  # that it reads; None: what its runtime finds
    restores_files: bool = False  # they may be put back without asking anybody
    releases: ReleaseSpec | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    unasked_because: str = ""  # why nobody can be asked about it, where that is known
    spread: Spread = Spread.NONE
    has_bounds: bool = False  # its owner said how many instances there may be
    no_copies: tuple[Refusal, ...] = ()  # why its runtime can make no further copy of it
    no_recreate: tuple[str, ...] = ()  # why its runtime should make no fresh one in its place
    standby: str = ""  # the service that takes its place by `failover`
    route: Route | None = None  # where its instances are found in the router
    natures: tuple[str, ...] = ()  # of what it was found; a thing of another nature was not read
    scaling: ScalingSpec | None = None  # None: its owner says nothing of it

    @property
    def frozen_by_label(self) -> str:
        """Why its owner's label says hands off; "" when none does."""
        return frozen_by(self.labels)

    @property
    def says_how_to_ask(self) -> bool:
        """Has its owner given it a check or a probe?"""
        return self.probe is not None and self.probe.origin is ProbeOrigin.OWNER

    @property
    def has_instances_to_spare(self) -> bool:
        """More than one copy is declared."""
        return self.instances > 1


def frozen_by(labels: Mapping[str, str]) -> str:
    """Why these labels say hands off; "" when they do not."""
    value = labels.get(FREEZE_LABEL, "").strip()
    if value.lower() in NO_WORDS:
        return ""
    return f"label {FREEZE_LABEL}" + ("" if value.lower() in YES_WORDS else f": {value}")


@dataclass(frozen=True, slots=True)
class Stack:
    """Services that belong together."""

    name: str
    services: Mapping[str, ServiceSpec]
    mode: Mode = Mode.OBSERVE
    modes: Mapping[ActionKind, Mode] = field(default_factory=dict)
    runtime: str = "processes"
    maintenance: tuple[Window, ...] = ()
    quiet_hours: tuple[Window, ...] = ()  # in which a restart hurts nobody much
    digest: str = ""
    preset: str = ""  # the preset that the mode was spelled out from
    file: str = ""  # that declares it, by its path; "": none does
    prices: Prices = LIST_PRICES
    independent: int = field(init=False, repr=False, compare=False)
    """How many services have no hard dependency on another one of the stack."""
    frozen_by_label: Mapping[str, str] = field(init=False, repr=False, compare=False)
    """Service → why its owner's label says hands off; the others are not in it."""
    _dependents: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found: dict[str, list[str]] = {}
        independent = 0
        for name, spec in self.services.items():
            for target in dict.fromkeys(edge.target for edge in spec.depends_on):
                found.setdefault(target, []).append(name)
            independent += not any(
                edge.kind is DependencyKind.HARD and edge.target in self.services
                for edge in spec.depends_on
            )
        frozen = {n: why for n, spec in self.services.items() if (why := spec.frozen_by_label)}
        object.__setattr__(self, "independent", independent)
        object.__setattr__(self, "frozen_by_label", frozen)
        object.__setattr__(self, "_dependents", {t: tuple(names) for t, names in found.items()})

    def mode_for(self, service: str, kind: ActionKind) -> Mode:
        """The narrowest word wins: service and kind, service, stack and kind, stack."""
        spec = self.services.get(service)
        if spec is not None:
            if kind in spec.modes:
                return spec.modes[kind]
            if spec.mode is not None:
                return spec.mode
        return self.modes.get(kind, self.mode)

    def is_quiet(self, service: str, minute: int, weekday: int) -> bool:
        """Has its owner declared this a quiet hour of the service?"""
        return any(window.covers(minute, weekday, service) for window in self.quiet_hours)

    def quiet_services(self, minute: int, weekday: int) -> frozenset[str]:
        """All services that are in a quiet hour of theirs."""
        if not self.quiet_hours:
            return frozenset()
        return frozenset(n for n in self.services if self.is_quiet(n, minute, weekday))

    def dependents_of(self, service: str) -> tuple[str, ...]:
        """Services that declare a dependency on this one, by name."""
        return self._dependents.get(service, ())

    def who_needs(self, service: str) -> tuple[str, ...]:
        """Everybody who depends hard on it, directly or not, sorted; never itself."""
        found: set[str] = set()
        queue = [service]
        while queue:
            target = queue.pop()
            for name in self.dependents_of(target):
                edges = self.services[name].depends_on
                if name not in found and any(
                    d.target == target and d.kind is DependencyKind.HARD for d in edges
                ):
                    found.add(name)
                    queue.append(name)
        return tuple(sorted(found - {service}))
