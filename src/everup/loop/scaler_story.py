"""What is thought of a service's size, and what it costs, gathered for whoever shows it.

Flows in: the scaler's opinions, the latest look, the declaration. Flows out: a Story, or its Cost
alone. Called by the API and the metrics; it changes nothing and decides nothing, and works as well
in observe mode and before anything was learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from everup.auto_scaler import ServiceScale, rule_for
from everup.auto_scaler.advice import Cap
from everup.auto_scaler.amounts import CORES, PER_SECOND
from everup.auto_scaler.cost import recommend
from everup.auto_scaler.hours import hours, idle_steps
from everup.auto_scaler.rules import Rule
from everup.auto_scaler.scaler import ServiceScaler, Unit
from everup.auto_scaler.spend import NO_SIZE, Cost, CostInput, Size, cost
from everup.auto_scaler.story import Story, foretold
from everup.loop import scaling
from everup.loop.scaler import Scaler
from everup.model.axis import Axis
from everup.model.kinds import (
    UNKNOWN,
    ActionKind,
    DependencyKind,
    InstanceState,
    Mode,
    is_known,
)
from everup.model.observation import Observation
from everup.model.runtime import RuntimeManifest
from everup.model.scaling import Refusal
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.safety import mode_in_force

PER: Mapping[Unit, str] = {Unit.NOTHING: "", Unit.REQUESTS: PER_SECOND, Unit.CORES: CORES}
TRUE_PACE = 1.0
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Around:
    """What a story is gathered from. `at_s`: of the look; `local_at_s`: the same on the wall's
    clock, by which hours of the day are told. `queue_faults`, `stay_awake`: service → why its queue
    cannot be read, and why it does not sleep."""

    stack: Stack
    settings: Settings
    manifest: RuntimeManifest
    scaler: Scaler
    observation: Observation
    at_s: float = UNKNOWN
    queue_faults: Mapping[str, str] = field(default_factory=dict)
    stay_awake: Mapping[str, str] = field(default_factory=dict)


def story(around: Around, name: str, seen: ServiceScale) -> Story:
    """Of one service; `seen`: how many there are, and of what size."""
    spec, scaler = around.stack.services[name], around.scaler.scaler(name)
    opinion = around.scaler.opinions.get(name)
    one = cost_input(around, name, seen)
    unit = Unit.NOTHING if scaler is None else scaler.unit
    settings = around.settings
    planner = None if scaler is None else scaler.planner
    return Story(
        name=name,
        instances=seen.instances,
        rule=_rule(rule_for(spec)),
        fixed=fixed(around, spec),
        cost=cost(one, around.stack.prices),
        recommendations=recommend(one, around.stack.prices),
        is_learned=is_learned(around.scaler, name),
        unit=str(unit),
        per=PER[unit],
        demand=UNKNOWN if opinion is None else opinion.demand,
        capacity=None if opinion is None else opinion.capacity,
        ahead=None if planner is None else foretold(planner.ahead, settings.scale_lookahead_s),
        soon=None
        if planner is None
        else foretold(planner.soon, planner.soon.after * settings.scale_interval_s),
        choice=None if opinion is None else opinion.choice,
        advice=None if opinion is None else opinion.advice,
        waits=around.scaler.waiting.get(name, ""),
        unread=around.queue_faults.get(name, ""),
        stays_awake=around.stay_awake.get(name, ""),
    )


def spent(around: Around, name: str, seen: ServiceScale) -> Cost:
    """What it costs now."""
    return cost(cost_input(around, name, seen, has_hours=False), around.stack.prices)


def is_learned(scaler: Scaler, name: str) -> bool:
    """Does the forecast decide? It does once it is warm and something is known of what one instance
    carries, be it so far."""
    known, opinion = scaler.scaler(name), scaler.opinions.get(name)
    return (
        known is not None
        and opinion is not None
        and known.planner.is_warm
        and opinion.unit is not Unit.NOTHING
        and is_known(opinion.capacity.lower)
    )


def fixed(around: Around, spec: ServiceSpec) -> str:
    """Why Everup itself gives it no other number; "" where it may."""
    if not around.settings.auto_scaling_enabled:
        return "auto scaling is switched off"
    if spec.is_stateful:
        return "it keeps data, and grows in size alone"
    if rule_for(spec).axis not in (Axis.COUNT, Axis.BOTH):
        return "by its nature, or its owner's word, it does not grow in number"
    if stands := _stands_against_copies(around, spec):
        return f"{stands[0].name}: {stands[0].text}"
    if not spec.has_bounds:
        rule, text = rule_for(spec), "its owner declares no bounds (instances: min and max"
        if (rule.least, rule.most) != (spec.min_instances, spec.max_instances):
            text += f"; usual here are {rule.least} and {rule.most}"
        return f"{text})"
    return ""


def cost_input(
    around: Around, name: str, seen: ServiceScale, *, has_hours: bool = True
) -> CostInput:
    """One service over the last day, as far as it was seen. `has_hours` False: without what is only
    of use for recommendations, which takes most of the time."""
    stack, spec = around.stack, around.stack.services[name]
    scaler, opinion = around.scaler.scaler(name), around.scaler.opinions.get(name)
    advised = NO_SIZE
    if opinion is not None:
        advice, unsure = opinion.advice, (Cap.TOO_LITTLE_SEEN, Cap.NOT_SEEN)
        advised = Size(
            UNKNOWN if advice.cpu_capped_by in unsure else advice.cpu_limit_cores,
            UNKNOWN if advice.capped_by in unsure else advice.memory_limit_bytes,
        )
    carries = UNKNOWN if opinion is None else opinion.capacity.lower
    means, days = _hours(around, scaler) if has_hours else ((), 0.0)
    return CostInput(
        name=name,
        instances=seen.instances if seen.running else 0,  # what is stopped takes nothing
        declared=spec.instances,
        least=spec.min_instances if spec.has_bounds else 0,
        most=spec.max_instances if spec.has_bounds else 0,
        needs=() if scaler is None else scaler.needs.values,
        limit=Size(seen.cpus, seen.memory_limit_bytes),
        use=_use(around.observation, name),
        peak=_peak(scaler),
        advised=advised,
        needed_by=_needed_by(stack, name) if has_hours else (),
        hourly=means,
        per_instance=carries,
        days_seen=days,
        idle_s=_idle_s(around.settings, scaler) if has_hours else 0.0,
        can_stop=not spec.is_stateful,
        can_copy=_can_copy(around, spec) if has_hours else True,
        has_count=_has_count(spec),
        is_followed=_is_followed(around, spec) if has_hours else False,
        has_plan=spec.scaling is not None and bool(spec.scaling.planned),
        may_sleep=spec.scaling is not None and spec.scaling.idle_s > 0,
    )


def _needed_by(stack: Stack, name: str) -> tuple[str, ...]:
    return tuple(
        other
        for other in stack.dependents_of(name)
        if any(
            d.target == name and d.kind is DependencyKind.HARD
            for d in stack.services[other].depends_on
        )
    )


def _stands_against_copies(around: Around, spec: ServiceSpec) -> tuple[Refusal, ...]:
    kind, settings = ActionKind.SCALE_OUT, around.settings
    return scaling.stands_against(kind, around.stack, spec.name, settings, around.manifest)


def _has_count(spec: ServiceSpec) -> bool:
    return not spec.is_stateful and rule_for(spec).axis in (Axis.COUNT, Axis.BOTH)


def _can_copy(around: Around, spec: ServiceSpec) -> bool:
    return _has_count(spec) and not _stands_against_copies(around, spec)


def _is_followed(around: Around, spec: ServiceSpec) -> bool:
    """Does Everup give it its number by itself?"""
    mode = mode_in_force(around.stack, around.observation, spec.name, ActionKind.SCALE_IN)
    return mode is Mode.AUTO and not fixed(around, spec)


def _use(observation: Observation, name: str) -> Size:
    """Mean of those that run."""
    seen = observation.services.get(name)
    running = (
        []
        if seen is None
        else [one for one in seen.instances if one.instance.state is InstanceState.RUNNING]
    )
    cores = [one.cpu_ratio for one in running if is_known(one.cpu_ratio)]
    memory = [one.instance.memory_bytes for one in running if is_known(one.instance.memory_bytes)]
    return Size(_mean(cores), _mean(memory))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else UNKNOWN


def _peak(scaler: ServiceScaler | None) -> Size:
    if scaler is None:
        return NO_SIZE
    return Size(scaler.usage.cpu.percentile(1.0), scaler.usage.peak_bytes)


def _hours(around: Around, scaler: ServiceScaler | None) -> tuple[tuple[float, ...], float]:
    """(Means by hour of the local day, days of them); of days of another length nothing is said."""
    is_day = around.settings.time_scale == TRUE_PACE
    if scaler is None or not is_day or not is_known(around.at_s):
        return (), 0.0
    found = hours(scaler.planner.past, _ahead_of_utc(around.at_s))
    return found.means, float(found.days)


def _ahead_of_utc(at_s: float) -> int:
    """Whole hours; of zones that are half an hour off, the nearest."""
    offset = datetime.fromtimestamp(at_s, UTC).astimezone().utcoffset()
    return 0 if offset is None else round(offset.total_seconds() / HOUR_S)


def _idle_s(settings: Settings, scaler: ServiceScaler | None) -> float:
    """At true pace, as `recommend` has it."""
    if scaler is None or scaler.unit is not Unit.REQUESTS:
        return 0.0
    return idle_steps(scaler.planner.past) * settings.scale_interval_s / settings.time_scale


def _rule(rule: Rule) -> str:
    bands = [f"CPU {rule.cpu.out:.0%}/{rule.cpu.into:.0%}"]
    if rule.memory is not None:
        bands.append(f"memory {rule.memory.out:.0%}/{rule.memory.into:.0%}")
    return f"{', '.join(bands)} ({rule.source})"
