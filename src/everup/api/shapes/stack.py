"""The stack as it was declared, and beside it what runs."""

from __future__ import annotations

from pydantic import Field

from everup.api.shapes.base import Known, Shape
from everup.api.shapes.dependencies import EdgeShape
from everup.model.kinds import ActionKind, InstanceState, Mode, ProbeVerdict, Purpose
from everup.model.runtime import Capability
from everup.model.stack import ProbeOrigin


class RuntimeShape(Shape):
    """What the runtime can do; `cannot` gives a reason for each refusal."""

    name: str
    can: list[Capability]
    cannot: dict[Capability, str]
    notes: dict[str, str] = Field(description="what one must know of how it does things")


class WindowShape(Shape):
    """A window of the day in local time, minutes since midnight. `services` empty: all."""

    from_minute: int
    to_minute: int
    days: tuple[int, ...] = Field(description="0 is Monday")
    services: tuple[str, ...]


class ProbeSpecShape(Shape):
    """How an instance is asked; passwords in it are masked."""

    kind: str
    target: list[str]
    interval_s: float
    timeout_s: float
    expect_status: tuple[int, int]
    origin: ProbeOrigin = Field(
        description="inferred: nobody declared it; it counts once it has passed"
    )


class HookShape(Shape):
    """An owner's own way of doing something; passwords in it are masked."""

    target: list[str]
    timeout_s: float


class DeclaredShape(Shape):
    """The fields of a service; durations at the pace at which Everup runs."""

    command: list[str] = Field(description="passwords in it are masked")
    directory: str | None
    user: str | None
    port: int | None
    env: dict[str, str | None] = Field(
        description="null: set, and not shown; with ?env=true shown, but for what looks secret"
    )
    instances: int
    min_instances: int
    max_instances: int
    memory_bytes: Known = Field(description="limit of one instance; null: none")
    cpus: Known = Field(description="limit of one instance; null: none")
    priority: int
    is_stateful: bool
    is_one_shot: bool
    start_period_s: float = Field(description="0: not declared")
    stop_signal: str
    stop_grace_s: float
    heal_when_stopped: bool
    labels: dict[str, str | None] = Field(description="what looks secret is masked")
    health_threshold: float
    probe: ProbeSpecShape | None
    hooks: dict[str, HookShape]


class InstanceShape(Shape):
    """One copy as it was last seen. `identity` changes with each restart."""

    name: str
    identity: str
    state: InstanceState
    started_at_s: Known
    port: int | None
    exit: str | None
    probe: ProbeVerdict | None
    cpu_ratio: Known = Field(description="of one core")
    memory_bytes: Known
    memory_ratio: Known = Field(description="of its limit")
    read_at_s: Known


class StackServiceShape(Shape):
    """One service: what was declared, what runs, and how far Everup may go with it."""

    name: str
    purpose: Purpose
    declared: DeclaredShape
    depends_on: list[EdgeShape]
    modes: dict[ActionKind, Mode] = Field(description="what applies, for every kind of action")
    is_known: bool = Field(description="false: the runtime has not listed it, or not lately")
    instances: list[InstanceShape]


class StackShape(Shape):
    """`digest` changes whenever anything that is declared changes. `at_s` null: no look yet."""

    name: str
    digest: str
    at_s: Known
    mode: Mode
    preset: str = Field(description="the preset that modes were spelled out from, if any")
    modes: dict[ActionKind, Mode]
    time_scale: float
    runtime: RuntimeShape
    maintenance: list[WindowShape]
    quiet_hours: list[WindowShape]
    services: list[StackServiceShape]
