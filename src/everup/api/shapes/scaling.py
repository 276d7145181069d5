"""Scaling: what is, what was decided, what stands against more. Forecasts and recommendations have
their places, and are empty while nothing is learned."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from everup.api.shapes.base import Known, Shape
from everup.api.shapes.records import ActionStoryShape
from everup.model.kinds import ActionKind
from everup.model.scaling import Obstacle, Spread


class RefusalShape(Shape):
    """One named reason."""

    name: Obstacle
    text: str


class CountShape(Shape):
    """How many there are. `most`: as its owner said; else what this machine is taken to bear."""

    running: int
    there: int
    wanted: int
    declared: int
    least: int
    most: int | None


class LimitShape(Shape):
    """Of one instance. `now` and `declared` null: no limit."""

    now: Known
    declared: Known
    used_most: Known = Field(description="by the instance that uses most of it now")


class DirectionShape(Shape):
    """One kind of scaling: may a person ask for it? `refusals` are what its nature, or the runtime,
    stands against it with, whatever the amount."""

    kind: ActionKind
    refusals: list[RefusalShape]


class ServiceScalingShape(Shape):
    """One service."""

    service: str
    instances: CountShape
    memory_bytes: LimitShape
    cpus: LimitShape
    spread: Spread = Field(description="who brings work to further copies")
    standby: str = Field(description="declared to take its place; '' for none")
    stands_in: str = Field(description="has its place since a failover; '' for nobody")
    isolated: list[str] = Field(description="instances that are cut off; '' means all of it")
    leaving: list[str] = Field(description="in the order in which instances would go")
    directions: list[DirectionShape]
    is_changed: bool = Field(description="not as declared; see `override`")
    forecast: None = None
    recommendation: None = None


class ScalingShape(Shape):
    """auto_scaler. `learned` false: nothing is forecast, and a person decides."""

    state: Literal["running", "waiting", "off"]
    at_s: Known
    learned: bool = False
    services: dict[str, ServiceScalingShape]
    decisions: list[ActionStoryShape] = Field(description="newest first")
    override: str = Field(
        description="a Compose file to lay over yours, so that what was changed stays; '' for none"
    )


class DecisionsShape(Shape):
    """Newest first."""

    decisions: list[ActionStoryShape]
