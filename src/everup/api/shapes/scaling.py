"""Scaling: what is, what is forecast, what should be and why, what stands against more, what it
costs, what is recommended. What nobody knows yet is null."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from everup.api.shapes.base import Known, Shape
from everup.api.shapes.records import ActionStoryShape
from everup.auto_scaler.advice import Cap
from everup.auto_scaler.cost import Advice
from everup.auto_scaler.story import QUANTILES, Foretold, Story
from everup.model.kinds import ActionKind
from everup.model.scaling import Obstacle, ScalingChoice, ScalingChosen, Spread


class RefusalShape(Shape):
    """One named reason."""

    name: Obstacle
    text: str


class CountShape(Shape):
    """How many there are. `least` and `most`: as its owner said (`is_bound`); else one, and what
    this machine is taken to bear, for a person's command."""

    running: int
    there: int
    wanted: int
    declared: int
    least: int
    most: int | None
    is_bound: bool


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


class DemandShape(Shape):
    """What is asked of all instances together. `unit`: `requests/s`, `cores`, or "" while nothing
    is known. `now` null: not seen."""

    now: Known
    unit: str


class ForetoldShape(Shape):
    """Demand `in_s` from now, as quantiles: `p5` to `p95`; null before enough was seen. How such
    forecasts did: `coverage` is the share of what came that lay from p5 to p95 (0.9 is meant),
    `loss` the mean pinball loss in units of demand, `loss_as_now` that of saying that it stays as
    it is, both of `settled` forecasts, the latest counting most."""

    in_s: float
    quantiles: dict[str, float] | None
    coverage: Known
    settled: int
    loss: Known
    loss_as_now: Known


class ForecastShape(Shape):
    """`ahead`: the mean of the minute then. `soon`: the highest until an instance that is ordered
    now takes work, by which the number is chosen."""

    ahead: ForetoldShape
    soon: ForetoldShape


class CapacityShape(Shape):
    """What one instance carries, in units of demand. `lower` is counted on; `upper` null: nothing
    says where it ends. `source`: `rules`, `proven so far` or `learned`."""

    per_instance: Known
    lower: Known
    upper: Known
    is_known: bool
    source: str
    text: str


class ChoiceShape(Shape):
    """What should be: `instances` in place of `instances_now`, or another limit of each (null: it
    stays). `by`: who said it; `wished`: before bounds, and `capped` by what; `floor`: what the
    demand seen now needs; `chance`: of a shortage until an instance that is ordered now takes work.
    `waits`: why it is not done now, "" where nothing stands against it."""

    instances_now: int
    instances: int
    wished: int
    floor: int
    by: str
    text: str
    chance: Known
    capped: list[str]
    memory_bytes: Known
    cpus: Known
    is_change: bool
    waits: str = ""


class ChosenShape(Shape):
    """A choice of another size, when it was made."""

    at_s: float
    service: str
    choice: ChoiceShape


class SizeShape(Shape):
    """Advice for one instance; limits of null: none, or not known. `confidence` 0 to 1."""

    memory_request_bytes: Known
    memory_limit_bytes: Known
    cpu_request_cores: Known
    cpu_limit_cores: Known
    is_change: bool
    capped_by: Cap
    cpu_capped_by: Cap
    confidence: float
    reason: str


class CostShape(Shape):
    """In the currency of the prices. `waste`: of what is not needed, instances and size."""

    per_hour: float
    per_month: float
    waste_per_hour: float
    waste_per_month: float
    waste_instances: int
    unknown: list[str]
    currency: str
    text: str


class RecommendationShape(Shape):
    """What its owner might change. A `saving_per_month` below zero is what it costs; `chance`: of a
    shortage at any moment, by the last day. `instances` 0, and limits of null: as they are. A
    schedule has `instances` from `from_hour` to `to_hour`, local time, and `instances_else`."""

    kind: Advice
    service: str
    text: str
    saving_per_month: float
    risk: str
    chance: Known
    instances: int
    memory_bytes: Known
    cpus: Known
    from_hour: int
    to_hour: int
    instances_else: int


class ServiceScalingShape(Shape):
    """One service. `learned`: its forecast decides; until then the plain rules do. `fixed`: why
    Everup itself leaves its number as it is, "" where it may change it. `told`: all of it in
    sentences, `why` in one line."""

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
    learned: bool
    demand: DemandShape
    forecast: ForecastShape | None
    capacity: CapacityShape | None
    decision: ChoiceShape | None
    fixed: str
    queue_fault: str = Field(description="why its queue cannot be read now; '' where it can")
    stays_awake: str = Field(
        description="why it does not sleep though its owner lets it; '' for none"
    )
    size: SizeShape | None
    cost: CostShape
    recommendations: list[RecommendationShape] = Field(description="what saves most first")
    why: str
    told: list[str]


ScalingState = Literal["running", "learning", "waiting", "off"]


class ScalingShape(Shape):
    """auto_scaler. `state`: off (switched off), waiting (for the first look), learning (the plain
    rules still decide for some service whose number may change), running. `learned`: the forecast
    decides for each of these, and there is one. `decided` is what should have been, `decisions`
    what was done."""

    state: ScalingState
    at_s: Known
    learned: bool
    fault: str = Field(description="why nothing could be thought over lately; '' for nothing")
    services: dict[str, ServiceScalingShape]
    decided: list[ChosenShape] = Field(description="newest first")
    decisions: list[ActionStoryShape] = Field(description="newest first")
    override: str = Field(
        description="a Compose file to lay over yours, so that what was changed stays; '' for none"
    )
    recommended_override: str = Field(
        description="a Compose file of what is recommended; '' where nothing is"
    )


class DecisionsShape(Shape):
    """Newest first. `decided`: what should have been, whether or not anything was done about it;
    `decisions`: what was done, by whomever."""

    decided: list[ChosenShape]
    decisions: list[ActionStoryShape]


def foretold_shape(found: Foretold) -> ForetoldShape:
    """Quantiles by their names."""
    names = [f"p{share * 100:.0f}" for share in QUANTILES]
    told = dict(zip(names, found.values, strict=True)) if found.values else None
    return ForetoldShape(
        in_s=found.in_s,
        quantiles=told,
        coverage=found.coverage,
        settled=found.settled,
        loss=found.loss,
        loss_as_now=found.loss_as_now,
    )


def choice_shape(choice: ScalingChoice, waits: str = "") -> ChoiceShape:
    """With what it waits for."""
    return ChoiceShape(
        instances_now=choice.instances_now,
        instances=choice.instances,
        wished=choice.wished,
        floor=choice.floor,
        by=choice.by,
        text=choice.text,
        chance=choice.chance,
        capped=list(choice.capped),
        memory_bytes=choice.memory_bytes,
        cpus=choice.cpus,
        is_change=choice.is_change,
        waits=waits,
    )


def chosen_shape(chosen: ScalingChosen) -> ChosenShape:
    """As it was written down."""
    return ChosenShape(at_s=chosen.at_s, service=chosen.service, choice=choice_shape(chosen.choice))


def forecast_shape(story: Story) -> ForecastShape | None:
    """Null before anything was seen of it."""
    if story.ahead is None or story.soon is None:
        return None
    return ForecastShape(ahead=foretold_shape(story.ahead), soon=foretold_shape(story.soon))


def cost_shape(story: Story, currency: str) -> CostShape:
    """Present cost and waste."""
    found = story.cost
    return CostShape(
        per_hour=found.per_hour,
        per_month=found.per_month,
        waste_per_hour=found.waste_per_hour,
        waste_per_month=found.waste_per_month,
        waste_instances=found.waste_instances,
        unknown=list(found.unknown),
        currency=currency,
        text=found.text,
    )


def recommendation_shapes(story: Story) -> list[RecommendationShape]:
    """In their order."""
    return [
        RecommendationShape(
            kind=one.kind,
            service=one.service,
            text=one.text,
            saving_per_month=one.saving_per_month,
            risk=one.risk,
            chance=one.chance,
            instances=one.instances,
            memory_bytes=one.limits.memory_bytes,
            cpus=one.limits.cpus,
            from_hour=one.from_hour,
            to_hour=one.to_hour,
            instances_else=one.instances_else,
        )
        for one in story.recommendations
    ]
