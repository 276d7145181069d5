"""One service as the auto_scaler knows it: what it learned, and what it would have now. Pure but
for the memory that it keeps.

Flows in: a StepSight after each step of time, the past first. Flows out: a ScalingChoice, with what
it rests on. Called by `loop.scaler` live and by replay, with the same words. Nothing here knows
whether the gate lets anything be.

What is asked of a service is counted in requests where a router counts them, else in processors
that it uses; the second says nothing of how long answers take, so that one instance is taken to
carry what the rule allows it to use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum

from everup.auto_scaler import triggers
from everup.auto_scaler.advice import Bounds, Cap, SizeAdvice
from everup.auto_scaler.amounts import CORES, PER_SECOND
from everup.auto_scaler.arbiter import Part, Ruling, Trigger, Wish, arbitrate
from everup.auto_scaler.capacity import Capacity, CapacityModel, Glimpse
from everup.auto_scaler.cheapest import needed
from everup.auto_scaler.demand.past import DAY
from everup.auto_scaler.ease import Ease, alone, is_calm
from everup.auto_scaler.knee import default_target_s
from everup.auto_scaler.needs import Needs
from everup.auto_scaler.planner import (
    TARGET_OF_EASE,
    UNIT,
    By,
    CountPlan,
    CountPlanner,
    CountView,
)
from everup.auto_scaler.rules import Rule
from everup.auto_scaler.shadow import TARGET
from everup.auto_scaler.sight import Pace, Sight
from everup.auto_scaler.usage import Usage
from everup.auto_scaler.vertical import recommend
from everup.model.axis import Axis
from everup.model.kinds import UNKNOWN, is_known
from everup.model.scaling import ScalingChoice
from everup.model.settings import Settings
from everup.model.sizing import Band, ScalingSpec
from everup.model.stack import Limits

DAY_S = 86_400.0
ONE_PROCESSOR = 1.0
BEYOND_DECLARED = 2.0
ENGINES_LEAST_BYTES = 6.0 * 1024 * 1024
"""Docker takes no lower limit of memory, and refuses a Compose file that has one."""
BY_SIZE = "size"
TOO_SHORT = "seen for too short a time to take any away"
NO_QUEUE = "its queue cannot be read now: nothing is removed"
ALARM_SHARE = 2.0 / 3.0
"""Once a capacity is learned a processor is an alarm only so far between the rule's bound and its
limit: a service that its processor bounds is used beyond the rule, and well."""
ALARMS_MOST = 64
UNIT_LEAST = 1e-12
"""Of demand: a quotient of what is hardly more than nothing is nothing, and has no logarithm."""
ANSWERS_LEAST = 20.0
"""In a step, for their mean to be beyond its target."""


class Unit(StrEnum):
    """In what demand is counted."""

    NOTHING = ""
    REQUESTS = "requests/s"
    CORES = "cores"


@dataclass(frozen=True, slots=True)
class StepSight:
    """One step of one service; NaN: not seen. `demand` in `unit`, of all instances. Of use, means
    of the instances that run; of memory the largest. `starts_s`: how long a start takes."""

    at_s: float
    instances: int
    ready: int
    demand: float = UNKNOWN
    unit: Unit = Unit.NOTHING
    latency_s: float = UNKNOWN
    errors_ratio: float = UNKNOWN
    waiting: float = UNKNOWN
    queue: float = UNKNOWN
    cpu_cores: float = UNKNOWN
    cpus: float = UNKNOWN
    memory_ratio: float = UNKNOWN
    memory_bytes: float = UNKNOWN
    memory_limit_bytes: float = UNKNOWN
    out_of_memory: int = 0
    version: str = ""
    starts_s: float = UNKNOWN


def believed(sight: StepSight) -> StepSight:
    """Without what cannot be: what is negative, endless or absurd was not seen, and no limit is
    zero."""
    changes: dict[str, float] = {}
    for name, least, most in RANGES:
        value = getattr(sight, name)
        if value == value and not least <= value <= most:
            changes[name] = UNKNOWN
    return replace(sight, **changes) if changes else sight  # type: ignore[arg-type]


VALUE_MOST = 1e15
CPUS_LEAST = 1e-3
RANGES: tuple[tuple[str, float, float], ...] = (
    *((name, 0.0, VALUE_MOST) for name in ("demand", "latency_s", "waiting", "queue", "cpu_cores")),
    ("errors_ratio", 0.0, 1.0),
    ("memory_ratio", 0.0, VALUE_MOST),
    ("memory_bytes", 1.0, VALUE_MOST),  # whatever runs uses some
    ("cpus", CPUS_LEAST, math.inf),
    ("memory_limit_bytes", 1.0, math.inf),
    ("starts_s", 0.0, math.inf),
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be changed of it now, and between which bounds. `planned`: at least so many, as its
    owner knows beforehand; 0: nothing is planned. `changed`: when its number, its memory and its
    processors were last changed. `leaks`: its memory is foretold to run out, or did lately."""

    axis: Axis
    least: int
    most: int
    declared: Limits
    planned: int = 0
    count_changed_s: float = UNKNOWN
    memory_changed_s: float = UNKNOWN
    cpus_changed_s: float = UNKNOWN
    leaks: bool = False


@dataclass(frozen=True, slots=True)
class Opinion:
    """All that is thought of it at one moment."""

    at_s: float
    choice: ScalingChoice
    plan: CountPlan
    advice: SizeAdvice
    ruling: Ruling
    capacity: Capacity
    unit: Unit
    demand: float
    latency_s: float
    rules: triggers.PlainWish
    may_count: bool  # its number may be changed

    @property
    def is_size_for_later(self) -> bool:
        """Another size that nothing is short for now."""
        is_size = self.choice.is_change and self.choice.instances == self.choice.instances_now
        return is_size and not self.advice.is_memory_short

    @property
    def is_slow(self) -> bool:
        """Do answers take longer than they should, as its trigger says?"""
        return self.rules.trigger == "latency" and self.plan.wanted > self.choice.instances_now


class ServiceScaler:
    """Of one service. `rule`: in force until more is known, and as alarms afterwards."""

    def __init__(self, spec: ScalingSpec, rule: Rule, settings: Settings, at_s: float) -> None:
        self._spec, self._rule, self._settings = spec, rule, settings
        self._step_s = settings.scale_interval_s
        day_s = DAY_S * settings.time_scale
        self.planner = self._planner(self._steps(settings.start_period_unknown_s), at_s)
        self.capacities = CapacityModel(day_s, self._step_s)
        self.usage = Usage(Pace.of(settings))
        self.needs = Needs()
        self._high = _higher(rule)
        queue = spec.queue
        self._targets = triggers.Targets(
            spec.latency_target_s, UNKNOWN if queue is None else queue.per_instance
        )
        self._limits = triggers.Limits(
            settings.scale_down_window_s,
            settings.scale_interval_s,
            settings.scale_up_most_ratio,
            settings.scale_up_most_count,
        )
        self._stable = triggers.Stabiliser()
        self._alarms: list[tuple[float, triggers.PlainWish]] = []
        self._ease = Ease(settings.scale_down_window_s)
        self._unit = Unit.NOTHING
        self._version = ""
        self._since_s = UNKNOWN

    @property
    def unit(self) -> Unit:
        """In what its demand is counted."""
        return self._unit

    def follow(self, sight: StepSight, allowed: Allowed) -> None:
        """A step is over."""
        sight = believed(sight)
        if not is_known(self._since_s):
            self._since_s = sight.at_s
        self.usage.observe(
            Sight(
                sight.at_s,
                sight.memory_bytes,
                sight.cpu_cores,
                sight.memory_limit_bytes,
                sight.cpus,
                sight.out_of_memory,
                sight.version,
            )
        )
        if sight.unit is not Unit.NOTHING and sight.unit is not self._unit:
            self._begin_in(sight)
        if sight.version and self._version and sight.version != self._version:
            self.capacities.version_changed()
            self._ease.forget()
        self._version = sight.version or self._version
        if sight.unit is Unit.REQUESTS:
            self.capacities.take(
                Glimpse(
                    sight.at_s,
                    sight.ready,
                    sight.demand,
                    sight.latency_s,
                    sight.errors_ratio,
                    sight.waiting,
                    sight.cpu_cores,
                ),
                self._spec.latency_target_s,
                self._spec.errors_most,
            )
        if is_known(sight.starts_s):
            # one that came up only when load fell says nothing of how long a start takes
            starts_s = min(sight.starts_s, self._settings.scale_lookahead_s)
            self.planner.starts_in(self._steps(starts_s))
        demand = sight.demand if sight.unit is self._unit else UNKNOWN
        view = self._view(sight, allowed, self.capacity(sight))
        can_change = allowed.axis in (Axis.COUNT, Axis.BOTH)
        self.planner.follow(demand, view, foretells=can_change or self._unit is Unit.REQUESTS)
        is_told = is_known(demand) and is_known(view.carries)
        self.needs.take(needed(demand, view.carries) if is_told else UNKNOWN)

    def think(self, sight: StepSight, allowed: Allowed) -> Opinion:
        """What it should have now."""
        sight = believed(sight)
        capacity = self.capacity(sight)
        rules, alarm = self._rules(sight), self._alarm(sight)
        plan = self.planner.plan(self._view(sight, allowed, capacity, rules, alarm))
        if plan.wanted < sight.instances and (why := self._why_no_fewer(sight, capacity)):
            plan = replace(plan, wanted=sight.instances, by=By.HELD, text=why)
        advice = recommend(
            self.usage, sight.at_s, allowed.declared, _bounds(allowed), self._settings
        )
        if allowed.leaks and advice.capped_by is Cap.MOST:
            advice = replace(advice, capped_by=Cap.LEAK)
        asked = Wish(
            allowed.axis,
            plan.wanted - sight.instances,
            Trigger.CPU if self._unit is Unit.CORES else Trigger.THROUGHPUT,
            advice,
            allowed.count_changed_s,
            allowed.memory_changed_s,
            allowed.cpus_changed_s,
        )
        ruling = arbitrate(asked, sight.at_s, self._settings)
        return Opinion(
            at_s=sight.at_s,
            choice=_choice(sight, plan, advice, ruling),
            plan=plan,
            advice=advice,
            ruling=ruling,
            capacity=capacity,
            unit=self._unit,
            demand=sight.demand,
            latency_s=sight.latency_s,
            rules=rules,
            may_count=allowed.axis in (Axis.COUNT, Axis.BOTH),
        )

    def _why_no_fewer(self, sight: StepSight, capacity: Capacity) -> str:
        """The wishes of the window for less are those that were seen: a new life knows none of the
        minutes before it, in which more may have been needed. Requests say nothing of what waits in
        a queue. What is slow may have lost what it could carry, though it is no lack of it by what
        was learned: fewer would make it worse. "": nothing stands against it."""
        if sight.at_s - self._since_s < self._settings.scale_down_window_s:
            return TOO_SHORT
        if self._spec.queue is not None and not is_known(sight.queue):
            return NO_QUEUE
        target_s = self._spec.latency_target_s
        if not is_known(target_s):
            target_s = default_target_s(capacity.base_latency_s)
        if sight.latency_s > target_s and sight.demand * self._step_s >= ANSWERS_LEAST:
            return (
                f"answers take {sight.latency_s:.3g} s, over {target_s:.3g} s: nothing is removed"
            )
        return ""

    def skip(self, steps: int) -> None:
        """So many steps were seen by nobody."""
        if steps > 0:
            self.needs.take(UNKNOWN, steps)
        if steps * self._step_s > self.usage.pace.gap_s:
            self._since_s = UNKNOWN  # in the minutes before, more may have been needed
        self.planner.skip(steps)

    def capacity(self, sight: StepSight) -> Capacity:
        """What one instance carries, in the unit of its demand."""
        if self._unit is Unit.CORES:
            limit = sight.cpus if math.isfinite(sight.cpus) else ONE_PROCESSOR
            carries = self._rule.cpu.out * limit
            text = f"the rule lets one use {self._rule.cpu.out:.0%} of {limit:g} processors"
            return Capacity(carries, carries, carries, False, UNKNOWN, "rules", text)
        return self.capacities.capacity(
            self._spec.latency_target_s, self._spec.errors_most, sight.cpus
        )

    def _begin_in(self, sight: StepSight) -> None:
        """Demand is counted in something else from now on: what was learned of the other is of no
        use."""
        was_counted = self._unit is not Unit.NOTHING
        self._unit = sight.unit
        self._ease.forget()
        known = sight.demand if sight.demand > 0 else 1.0
        unit = max(UNIT_LEAST, UNIT * known / max(1, sight.ready))
        if was_counted:
            self.planner = self._planner(self.planner.soon.after - 1, sight.at_s)
        self.planner.past.unit = unit

    def _planner(self, starts_in: int, at_s: float) -> CountPlanner:
        settings = self._settings
        return CountPlanner(
            starts_in,
            ahead=self._steps(settings.scale_lookahead_s),
            place=int(at_s // self._step_s) % DAY,
            shortage_costs=settings.scale_shortage_costs,
        )

    def _steps(self, seconds: float) -> int:
        return max(1, math.ceil(seconds / self._step_s - 1e-6))

    def _wish(self, sight: StepSight, rule: Rule) -> triggers.PlainWish:
        limit = sight.cpus if math.isfinite(sight.cpus) else ONE_PROCESSOR
        waits = sight.queue / max(1, sight.ready)
        latency_s = sight.latency_s
        if sight.demand * self._step_s < ANSWERS_LEAST:  # a single slow one is no alarm
            latency_s = min(latency_s, self._targets.latency_s)
        reading = triggers.Reading(sight.cpu_cores / limit, sight.memory_ratio, latency_s, waits)
        tolerance = self._settings.scale_tolerance
        if sight.memory_limit_bytes == math.inf:  # without a limit it is no trigger
            rule = replace(rule, memory=None)
        return triggers.plain(reading, rule, self._targets, sight.instances, sight.ready, tolerance)

    def _rules(self, sight: StepSight) -> triggers.PlainWish:
        """What the plain rules want, after their window and limits."""
        wish = self._wish(sight, self._rule)
        steadied = triggers.step(
            self._stable, wish.wanted, sight.instances, sight.at_s, self._limits
        )
        self._stable = steadied.state
        return replace(wish, wanted=steadied.wanted)

    def _alarm(self, sight: StepSight) -> triggers.PlainWish | None:
        """The most that a trigger past its bound has wanted within the window for less."""
        wish = self._wish(sight, self._high)
        since_s = sight.at_s - self._settings.scale_down_window_s
        kept = [(at_s, one) for at_s, one in self._alarms if since_s < at_s <= sight.at_s]
        if wish.trigger and wish.wanted > sight.instances:
            kept.append((sight.at_s, wish))
        self._alarms = kept[-ALARMS_MOST:]
        return max((one for _, one in self._alarms), key=lambda one: one.wanted, default=None)

    def _target(self, capacity: Capacity) -> float:
        """Of processors the rule has said already how much is used."""
        if self._unit is Unit.CORES:
            return 1.0
        return TARGET if capacity.is_known else TARGET_OF_EASE

    def _counted_on(self, sight: StepSight, capacity: Capacity) -> float:
        """Of one instance, in the unit of its demand."""
        if self._unit is Unit.NOTHING:
            return UNKNOWN
        if capacity.is_known or not (sight.unit is self._unit is Unit.REQUESTS):
            return capacity.lower
        spec = self._spec
        felt = (sight.latency_s, capacity.base_latency_s, spec.latency_target_s)
        calm = is_calm(*felt, sight.waiting, sight.errors_ratio, spec.errors_most)
        rate = sight.demand / sight.ready if sight.ready > 0 else UNKNOWN
        found = self._ease.take(sight.at_s, capacity.lower, rate, is_calm=calm)
        least = alone(sight.latency_s, spec.latency_target_s, capacity) if calm else 0.0
        return max(found, least) if is_known(found) else found

    def _view(
        self,
        sight: StepSight,
        allowed: Allowed,
        capacity: Capacity,
        rules: triggers.PlainWish = triggers.NO_WISH,
        alarm: triggers.PlainWish | None = None,
    ) -> CountView:
        alarm = alarm or triggers.NO_WISH
        carries = self._counted_on(sight, capacity)
        most = self._spec.shortage_most
        return CountView(
            sight.instances,
            sight.ready,
            allowed.least,
            allowed.most,
            carries if carries > 0 else UNKNOWN,
            is_certain=capacity.is_known,
            target=self._target(capacity),
            rules=rules.wanted,
            rules_text=rules.text,
            alarm=alarm.wanted,
            alarm_text=alarm.text,
            planned=allowed.planned,
            chance_most=most if is_known(most) else 1.0,
            up_ratio=self._settings.scale_up_most_ratio,
            up_count=self._settings.scale_up_most_count,
            per=CORES if self._unit is Unit.CORES else PER_SECOND,
        )


def _higher(rule: Rule) -> Rule:
    """With the bound from which on a processor is an alarm: never below its owner's, who may have
    an instance use several."""
    out = rule.cpu.out
    return replace(rule, cpu=Band(out + max(0.0, 1.0 - out) * ALARM_SHARE, rule.cpu.into))


def _bounds(allowed: Allowed) -> Bounds:
    """Beyond what its owner declared only so far, lest one takes what others need. Of what leaks
    more memory puts off the end alone, and what is known of it is for recovery and its owner."""
    declared = allowed.declared
    return Bounds(
        memory_least_bytes=ENGINES_LEAST_BYTES,
        memory_most_bytes=declared.memory_bytes * (1.0 if allowed.leaks else BEYOND_DECLARED),
        cpus_most=declared.cpus * BEYOND_DECLARED,
    )


def _choice(sight: StepSight, plan: CountPlan, advice: SizeAdvice, ruling: Ruling) -> ScalingChoice:
    now, count = sight.instances, sight.instances
    memory = cpus = UNKNOWN
    by, text = str(plan.by), plan.text
    if ruling.part is Part.COUNT:
        count = now + ruling.delta
        text = f"{now} to {count} instances: {plan.text}"
    elif ruling.part is Part.MEMORY:
        memory, by, text = advice.memory_limit_bytes, BY_SIZE, advice.reason
    elif ruling.part is Part.CPUS:
        cpus, by, text = advice.cpu_limit_cores, BY_SIZE, advice.reason
    elif ruling.held is not Part.NONE:
        text = ruling.reason
    return ScalingChoice(
        now,
        count,
        by,
        text,
        plan.wished,
        plan.floor,
        plan.chance,
        tuple(str(cap) for cap in plan.capped),
        memory,
        cpus,
    )
