"""What scaling may change of a service now, and between which bounds. Pure.

Flows in: what is declared, the state, the runtime's manifest, the look. Flows out: Allowed.
Called by `scaler`, and by `sleep` for what its owner has planned.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from everup.auto_scaler.rules import rule_for
from everup.auto_scaler.scaler import Allowed
from everup.loop import scaling
from everup.loop.context import local_time
from everup.loop.look import Look
from everup.loop.scaler_sight import starts_s
from everup.model.axis import Axis
from everup.model.kinds import UNKNOWN, ActionKind, Cause, Origin
from everup.model.prediction import PredictionEnding
from everup.model.scaling import COUNTS, SIZES
from everup.model.stack import ServiceSpec
from everup.model.state import PastAction

if TYPE_CHECKING:
    from everup.loop.control import Control

DAY_S = 86_400.0


def allowed(control: Control, look: Look, spec: ServiceSpec, *, leaks: bool = False) -> Allowed:
    """What may be changed of it. Without declared bounds its number is its owner's."""
    settings, remembered = control.settings, control.state.service(spec.name)
    axis = rule_for(spec).axis
    manifest = control.runtime.manifest
    has_count = axis in (Axis.COUNT, Axis.BOTH) and spec.has_bounds and not spec.is_stateful
    has_count = has_count and not any(
        scaling.stands_against(kind, control.stack, spec.name, settings, manifest)
        for kind in COUNTS
    )
    has_size = axis in (Axis.SIZE, Axis.BOTH)
    has_size = has_size and manifest.can(scaling.NEEDS[ActionKind.SCALE_UP])
    if has_count:
        axis = Axis.BOTH if has_size else Axis.COUNT
    else:
        axis = Axis.SIZE if has_size else Axis.NONE
    past = [p for p in remembered.past if p.has_happened]
    counts, sizes = ([p for p in past if p.kind in kinds] for kinds in (COUNTS, SIZES))
    # where its number follows demand we leave its processors alone: a person alone changes them
    of_cpus = [p for p in sizes if p.origin is Origin.PERSON] if has_count else sizes
    there = _there(look, spec)
    return Allowed(
        axis,
        spec.min_instances if spec.has_bounds else there,
        spec.max_instances if spec.has_bounds else there,
        spec.limits,
        planned(control, look, spec),
        _latest_s(counts),
        _latest_s(sizes),
        _latest_s(of_cpus),
        leaks,
    )


def _latest_s(past: Iterable[PastAction]) -> float:
    return max((one.ended_at_s for one in past), default=UNKNOWN)


def leakers(control: Control, at_s: float) -> set[str]:
    """Services whose memory is foretold to run out, or that died so within a day."""
    state = control.state
    since_s = at_s - DAY_S * control.settings.time_scale
    incidents = {one.service for one in state.incidents.values() if one.cause is Cause.LEAK}
    predictions = [
        *state.predictions.values(),
        *(
            one
            for one in state.past_predictions
            if one.ending is PredictionEnding.HIT and one.settled_at_s > since_s
        ),
    ]
    return incidents | {one.service for one in predictions if one.cause is Cause.LEAK}


def _there(look: Look, spec: ServiceSpec) -> int:
    seen = look.observation.services.get(spec.name)
    return spec.instances if seen is None else max(1, len(seen.instances))


def planned(control: Control, look: Look, spec: ServiceSpec) -> int:
    """At least so many now, or by the time that an instance which is ordered now takes work."""
    if spec.scaling is None or not spec.scaling.planned:
        return 0
    most = 0
    for in_s in (0.0, starts_s(spec, control)):
        minute, weekday = local_time(control, look.at_s + in_s)
        for one in spec.scaling.planned:
            if one.window.covers(minute, weekday, spec.name):
                most = max(most, one.instances)
    return most
