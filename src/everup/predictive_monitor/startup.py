"""Is an instance still coming up? It is then left alone, whatever its owner's check says. Pure.

Flows in: one instance, its declaration, what earlier start-ups took, the time. Flows out: STARTING,
RECOVERING or None. Called by `score`.

    start ──────────── start period ──────────────────▶ (past its bound a person is told: causes)
    STARTING           RECOVERING while it works and does not answer
      │ first good answer: over, for this life
      │ its check says no for the whole threshold, and it is idle or says no itself: over
"""

from __future__ import annotations

import math

from everup.model.kinds import Condition, InstanceState, ProbeVerdict, is_known
from everup.model.observation import Heard, InstanceObservation
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec
from everup.model.state import ServiceState

LEARNED_FACTOR = 2.0
LEARNED_QUANTILE = 0.99


def start_period_s(spec: ServiceSpec, remembered: ServiceState, settings: Settings) -> float:
    """Declared; else twice the 99th percentile of earlier start-ups, and never less than what an
    unknown one gets."""
    if spec.start_period_s:
        return spec.start_period_s
    took_s = sorted(remembered.startups_s)
    if not took_s:
        return settings.start_period_unknown_s
    slowest_s = took_s[math.ceil(LEARNED_QUANTILE * len(took_s)) - 1]
    most_s = spec.recovery_most_s or settings.recovery_most_s
    learned_s = min(LEARNED_FACTOR * slowest_s, most_s)
    return max(settings.start_period_unknown_s, learned_s)


def settling(
    observed: InstanceObservation,
    spec: ServiceSpec,
    remembered: ServiceState,
    now_s: float,
    settings: Settings,
    *,
    is_host_pressed: bool = False,
) -> Condition | None:
    """STARTING or RECOVERING; None: what its check says is to be believed."""
    probe, instance = observed.probe, observed.instance
    if instance.state is not InstanceState.RUNNING or spec.probe is None or observed.goes_unasked:
        return None
    if probe is not None and probe.verdict is ProbeVerdict.RECOVERING:
        return Condition.RECOVERING
    was_coming = probe is not None and is_known(probe.recovering_since_s)
    if has_been_well(observed, remembered) and not was_coming:
        return None
    age_s = now_s - instance.started_at_s
    if not is_known(age_s) and not was_coming:
        return None
    is_over = _is_proven_over(observed, settings, spec, is_host_pressed=is_host_pressed)
    if not is_over and not was_coming and age_s < start_period_s(spec, remembered, settings):
        return Condition.STARTING
    if (
        is_over
        or probe is None
        or probe.verdict is not ProbeVerdict.FAIL
        or (probe.heard is Heard.ANSWER)
    ):
        return None
    return Condition.RECOVERING


def has_been_well(observed: InstanceObservation, remembered: ServiceState) -> bool:
    """Has its probe ever passed in this life, as far as we saw or wrote down?"""
    if observed.probe is not None and observed.probe.has_ever_passed:
        return True
    instance = observed.instance
    return remembered.lives.get(instance.name) == instance.identity


def _is_proven_over(
    observed: InstanceObservation,
    settings: Settings,
    spec: ServiceSpec,
    *,
    is_host_pressed: bool,
) -> bool:
    """Its check has said no often enough, *and* it says no itself or does nothing at all.

    On a host that is short of CPU a short rest proves nothing; one of `busy_lasts_s` does, but for
    what keeps data: a replay may wait for its archive for as long.
    """
    probe = observed.probe
    if probe is None or probe.verdict is not ProbeVerdict.FAIL:
        return False
    if probe.failures_in_a_row < settings.failure_threshold:
        return False
    if probe.heard is Heard.ANSWER:
        return True
    if is_host_pressed and spec.is_stateful:
        return False
    needed_s = settings.busy_lasts_s if is_host_pressed else settings.hang_lasts_s
    return observed.read_at_s - observed.idle_since_s >= needed_s
