"""Health score 0–1 of every service, with the named contributions that make it up.

Flows in: the observation, the stack as declared, who is stopped on purpose, what is usual at this
hour. Flows out: OwnHealth. An instance scores the product of (1 − weight × badness) over its known
signals, so each signal's influence is bounded by its weight and the score is smooth in its inputs.
A dead instance is 0, an instance nobody could look at is unknown. A service scores the mean of
those that are wanted.

What is learned, or nearly used up (`wear`), has small weights: together with everything else that
can be said of an instance whose probe passes, the product stays above 0.4, the score from which
something is done about it. Slow beyond the declared and slow beyond the usual are one story: only
the worse of the two counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from everup.model.assessment import Contribution, OwnHealth, ServiceHealth
from everup.model.kinds import (
    UNKNOWN,
    Condition,
    InstanceState,
    ProbeVerdict,
    Purpose,
    is_known,
)
from everup.model.observation import InstanceObservation, Observation, ServiceObservation
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import StackState, as_remembered
from everup.predictive_monitor.startup import settling
from everup.predictive_monitor.wear import Habit, pressed_share, unusual, used_up

PROBE_WEIGHT = 0.85
LATENCY_WEIGHT = 0.25
MEMORY_WEIGHT = 0.25
EXITS_WEIGHT = 0.15
UNUSUAL_WEIGHT = 0.08
USED_UP_WEIGHT = 0.08
MEMORY_COMFORT = 0.85
CANNOT_PROGRESS = frozenset("TtZ")
"""Stopped or a zombie: where nobody can ask, the kernel's word stands in for a probe."""
HARMLESS_LATENCY = 0.5  # share of the probe's time-out that counts as quick enough


class Factor(NamedTuple):
    """What one signal leaves of the score, 0–1."""

    signal: str
    value: float
    factor: float
    text: str = ""


class Usually(NamedTuple):
    """How long its answers usually take, and how much of a slowness the machine explains, 0–1."""

    habit: Habit | None = None
    pressed: float = 0.0


NOTHING_USUAL = Usually()


NO_HABITS: Mapping[str, Habit] = {}


def score(
    stack: Stack,
    observation: Observation,
    state: StackState,
    settings: Settings,
    habits: Mapping[str, Habit] = NO_HABITS,
) -> OwnHealth:
    """Score every declared service. `habits`: how long its answers usually take at this hour."""
    return OwnHealth(
        {
            name: _score_service(
                as_remembered(spec, state.service(name)),
                observation,
                state,
                settings,
                habits.get(name),
            )
            for name, spec in stack.services.items()
        }
    )


def _score_service(
    spec: ServiceSpec,
    observation: Observation,
    state: StackState,
    settings: Settings,
    habit: Habit | None,
) -> ServiceHealth:
    seen = observation.services.get(spec.name)
    if seen is None or not seen.is_known:
        return ServiceHealth(spec.name, UNKNOWN, Condition.UNKNOWN)
    if not any(_is_up(i) for i in seen.instances):
        return _not_running(spec, seen, state)
    settled = _settling(spec, seen, observation, state, settings)
    pressed = pressed_share(observation.host.pressure_ratio, settings.host_pressure_ratio)
    usual = Usually(habit, pressed)
    factors: dict[str, Factor] = {}
    total, is_whole, unread = 0.0, True, 0
    for instance in seen.instances:
        if _is_unread(instance, spec):
            unread += 1
            continue
        own = 1.0
        for found in _factors(instance, spec, seen, settings, usual):
            own *= found.factor
            worst = factors.get(found.signal)
            if worst is None or found.factor < worst.factor:
                factors[found.signal] = found
        total += own
        is_whole = is_whole and own == 1.0
    wanted = state.service(spec.name).count_of(spec.instances)
    judged = max(wanted, len(seen.instances)) - unread
    value = total / judged if judged else UNKNOWN
    condition = _condition(spec, settled, value, settings)
    if unread and condition is Condition.HEALTHY:
        condition = Condition.UNKNOWN
    contributions = () if is_whole else _contributions(value, factors)
    return ServiceHealth(spec.name, value, condition, contributions)


def _settling(
    spec: ServiceSpec,
    seen: ServiceObservation,
    observation: Observation,
    state: StackState,
    settings: Settings,
) -> set[Condition]:
    """What its instances are on the way to being well."""
    is_pressed = observation.host.pressure_ratio >= settings.host_pressure_ratio
    remembered = state.service(spec.name)
    found = (
        settling(i, spec, remembered, observation.at_s, settings, is_host_pressed=is_pressed)
        for i in seen.instances
    )
    return {condition for condition in found if condition is not None}


def _not_running(spec: ServiceSpec, seen: ServiceObservation, state: StackState) -> ServiceHealth:
    dead = (Contribution("running", 0.0, 1.0, "no instance is running"),)
    if state.service(spec.name).purpose is Purpose.STOPPED:
        return ServiceHealth(spec.name, 0.0, Condition.STOPPED, dead)
    if any(i.instance.state is InstanceState.PAUSED for i in seen.instances):
        return ServiceHealth(spec.name, 0.0, Condition.PAUSED, dead)
    exits = [i.instance.exit for i in seen.instances if i.instance.exit is not None]
    if spec.is_one_shot and exits and all(e.code in (0, None) for e in exits):
        return ServiceHealth(spec.name, 1.0, Condition.HEALTHY)
    return ServiceHealth(spec.name, 0.0, Condition.DOWN, dead)


def _condition(
    spec: ServiceSpec, settled: set[Condition], value: float, settings: Settings
) -> Condition:
    threshold = (
        settings.health_threshold if spec.health_threshold is None else spec.health_threshold
    )
    for condition in (Condition.RECOVERING, Condition.STARTING):
        if condition in settled:
            return condition
    if not is_known(value):
        return Condition.UNKNOWN
    if value >= threshold:
        return Condition.HEALTHY
    return Condition.DEGRADED if value >= settings.graceful_restart_below else Condition.UNHEALTHY


def instance_score(
    observed: InstanceObservation,
    spec: ServiceSpec,
    seen: ServiceObservation,
    settings: Settings,
    usual: Usually = NOTHING_USUAL,
) -> float:
    """0–1 for one instance; a dead one is 0, one that could not be asked is unknown."""
    if not _is_up(observed):
        return 0.0
    if _is_unread(observed, spec):
        return UNKNOWN
    return math.prod(f.factor for f in _factors(observed, spec, seen, settings, usual))


def _is_unread(observed: InstanceObservation, spec: ServiceSpec) -> bool:
    """It runs and could be asked, but nobody knows what it says."""
    if spec.probe is None or observed.goes_unasked or not _is_up(observed):
        return False
    return observed.probe is None or observed.probe.verdict is ProbeVerdict.UNKNOWN


def _is_up(observed: InstanceObservation) -> bool:
    return observed.instance.state is InstanceState.RUNNING


def _factors(
    observed: InstanceObservation,
    spec: ServiceSpec,
    seen: ServiceObservation,
    settings: Settings,
    usual: Usually,
) -> list[Factor]:
    if not _is_up(observed):
        return [Factor("running", 0.0, 0.0)]
    found: list[Factor] = []
    probe = observed.probe
    if probe is not None:
        badness = probe_badness(observed, settings)
        _add(found, "probe", float(probe.failures_in_a_row), badness, PROBE_WEIGHT)
        if spec.probe is not None and probe.verdict is ProbeVerdict.PASS:
            _add_latency(found, probe.latency_s, spec.probe.timeout_s, usual)
        if probe.verdict is ProbeVerdict.FAIL and _cannot_progress(observed, settings):
            _add(found, "progress", 0.0, 1.0, PROBE_WEIGHT)  # a second proof beside the first
    elif (spec.probe is None or observed.goes_unasked) and _cannot_progress(observed, settings):
        _add(found, "progress", 0.0, 1.0, PROBE_WEIGHT)
    full = (observed.memory_ratio - MEMORY_COMFORT) / (1.0 - MEMORY_COMFORT)
    _add(found, "memory", observed.memory_ratio, full, MEMORY_WEIGHT)
    worn = used_up(observed)
    if worn is not None:
        _add(found, worn.signal, worn.value, worn.badness, USED_UP_WEIGHT, worn.text)
    exits = len(seen.exits)
    if exits:
        _add(found, "exits", float(exits), exits / settings.crash_loop_exits, EXITS_WEIGHT)
    return found


def _add_latency(found: list[Factor], latency_s: float, timeout_s: float, usual: Usually) -> None:
    """Late by what was declared, or by what is usual: the worse of the two counts."""
    quick_s = HARMLESS_LATENCY * timeout_s
    late = (latency_s - quick_s) / max(1e-9, timeout_s - quick_s)
    _add(found, "response_time", latency_s, late, LATENCY_WEIGHT)
    worn = unusual(latency_s, usual.habit, timeout_s, usual.pressed)
    if worn.badness > 0.0:
        taken = LATENCY_WEIGHT * min(1.0, max(0.0, late))
        rest = (1.0 - UNUSUAL_WEIGHT * worn.badness) / (1.0 - taken)
        found.append(Factor(worn.signal, worn.value, min(1.0, rest), worn.text))


def _cannot_progress(observed: InstanceObservation, settings: Settings) -> bool:
    """Stopped, a zombie, or waiting for a device for as long as a hang must last."""
    letter = observed.instance.process_state or "?"
    idle_s = observed.read_at_s - observed.idle_since_s
    return letter in CANNOT_PROGRESS or (letter == "D" and idle_s >= settings.hang_lasts_s)


def _add(
    found: list[Factor],
    signal: str,
    value: float,
    badness: float,
    weight: float,
    text: str = "",
) -> None:
    """A signal's factor; what is unknown has none."""
    if badness <= 0.0:
        found.append(Factor(signal, value, 1.0))
    elif badness > 0.0:
        found.append(Factor(signal, value, 1.0 - weight * min(1.0, badness), text))


def probe_badness(observed: InstanceObservation, settings: Settings) -> float:
    """0 well … 1 failing for the whole threshold; NaN while nothing is known."""
    probe = observed.probe
    if probe is None or probe.verdict is ProbeVerdict.UNKNOWN:
        return UNKNOWN
    if probe.verdict is ProbeVerdict.RECOVERING:
        return 0.5
    if probe.verdict is ProbeVerdict.FAIL:
        return min(1.0, probe.failures_in_a_row / settings.failure_threshold)
    if probe.successes_in_a_row >= settings.success_threshold or not probe.error_ratio > 0:
        return 0.0
    return 1.0 - probe.successes_in_a_row / settings.success_threshold


def _contributions(value: float, factors: Mapping[str, Factor]) -> tuple[Contribution, ...]:
    """Split the lost health over the signals by their share of its logarithm."""
    logs = {s: -math.log(max(f.factor, 1e-6)) for s, f in factors.items()}
    total = sum(logs.values())
    lost = 1.0 - value
    if total <= 0:
        return ()
    return tuple(
        Contribution(signal, factors[signal].value, lost * share / total, factors[signal].text)
        for signal, share in sorted(logs.items(), key=lambda item: -item[1])
        if share > 0
    )
