"""What our probes say of a target as a whole, as somebody who calls it would find it. Pure.

Flows in: its declaration and what a look saw of it. Flows out: an `Answering`. Called by
`loop.breakers`. A target is as good as the best of its instances: who spreads calls, or has a
router, reaches that one.
"""

from __future__ import annotations

from everup.dependency_monitor.breaker import Answering
from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict, is_known
from everup.model.observation import InstanceObservation, ServiceObservation
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec

NOBODY = "no instance of it runs"
UNKNOWN_YET = Answering()


def can_be_asked(spec: ServiceSpec) -> bool:
    """Do probes say anything of it?"""
    return spec.probe is not None


def answering(
    spec: ServiceSpec,
    seen: ServiceObservation | None,
    at_s: float,
    down_since_s: float,
    settings: Settings,
    *,
    is_coming: bool = False,
) -> Answering:
    """At the moment of the look. `down_since_s`: since when none of its instances was seen to run;
    each interval of close samples since then counts for a failed probe. `is_coming`: it starts, or
    recovers, and that it does not answer says nothing yet."""
    if seen is None or not seen.is_known or spec.is_one_shot:
        return UNKNOWN_YET
    running = [one for one in seen.instances if one.instance.state is InstanceState.RUNNING]
    if not running:
        lasts_s = at_s - down_since_s if is_known(down_since_s) else 0.0
        count = int(lasts_s / settings.close_sample_interval_s)
        return Answering(ProbeVerdict.FAIL, count, at_s, down_since_s, NOBODY)
    each = [_one(spec, one, at_s, settings) for one in running]
    if good := [one for one in each if one.verdict is ProbeVerdict.PASS]:
        return max(good, key=lambda one: one.in_a_row)
    if is_coming or any(one.verdict is not ProbeVerdict.FAIL for one in each):
        return UNKNOWN_YET  # it may be coming, or nobody has asked
    return min(each, key=lambda one: one.in_a_row)


def _one(spec: ServiceSpec, one: InstanceObservation, at_s: float, settings: Settings) -> Answering:
    if spec.probe is None or one.goes_unasked:
        began_s = one.instance.started_at_s
        ran_s = at_s - began_s if is_known(began_s) else 0.0
        if ran_s < settings.verify_window_s:
            return UNKNOWN_YET
        return Answering(ProbeVerdict.PASS, settings.success_threshold, at_s, began_s)
    probe = one.probe
    if probe is None:
        return UNKNOWN_YET
    if probe.verdict is ProbeVerdict.PASS:
        return Answering(probe.verdict, probe.successes_in_a_row, probe.at_s, probe.since_s)
    if probe.verdict is ProbeVerdict.FAIL:
        count, since_s = probe.failures_in_a_row, probe.since_s
        return Answering(probe.verdict, count, probe.at_s, since_s, probe.detail[:100])
    return Answering(probe.verdict, 0, UNKNOWN)
