"""What runs now and has been well for long enough to be worth going back to. Pure.

Flows in: a look, what is remembered. Flows out: (service, version) of what should be kept and is
not yet, be it for the number of its instances alone. Called after each look by `loop.safe_points`,
which does the keeping.

| it has | it must have been well for |
|---|---|
| a probe, or a check of its owner's | two windows, each instance; the first one a moment |
| neither | as long as an unknown start-up may take, without dying |

What was changed is watched for `probation_s` before that, and must do no worse than before.

The first one is provisional: a change that comes soon after Everup can be gone back on. Later ones
must have begun with the configuration files that are there.
"""

from __future__ import annotations

from collections.abc import Sequence

from everup.model.assessment import Assessment
from everup.model.kinds import ONLY_TOLD, Condition, InstanceState, ProbeVerdict, is_known
from everup.model.observation import InstanceObservation, Observation
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import Memory, ServiceState, StackState
from everup.rollback_manager.probation import is_over_for


def worth_keeping(
    stack: Stack,
    observation: Observation,
    assessment: Assessment,
    state: StackState,
    memory: Memory,
    settings: Settings,
) -> Sequence[tuple[str, str]]:
    """Most important services first."""
    if observation.monitor.faults or observation.monitor.engine_fault or state.monitor_fault:
        return ()
    found = [
        (name, version)
        for name, spec in stack.services.items()
        if (version := _proven(spec, observation, assessment, state, memory, settings))
    ]
    return sorted(found, key=lambda pair: (-stack.services[pair[0]].priority, pair[0]))


def _proven(
    spec: ServiceSpec,
    observation: Observation,
    assessment: Assessment,
    state: StackState,
    memory: Memory,
    settings: Settings,
) -> str:
    """The version that is new and well; "" while there is none."""
    name, now_s = spec.name, observation.at_s
    seen, remembered = observation.services.get(name), state.service(name)
    if seen is None or not seen.is_known or not seen.instances or spec.is_one_shot:
        return ""
    versions = {one.instance.version for one in seen.instances}
    version = versions.pop()
    if versions or not version or version != remembered.version:
        return ""
    if remembered.safe_points and not _is_news(remembered, version, len(seen.instances)):
        return ""
    if remembered.safe_points and not all(_has_read_them(one) for one in seen.instances):
        return ""
    if name in state.in_flight or remembered.waits_for_a_person:
        return ""
    if remembered.safe_points and not is_over_for(remembered, now_s, settings):
        return ""
    found = assessment.relations.findings.get(name)
    if state.incident_on(name) is not None or (found is not None and found.cause not in ONLY_TOLD):
        return ""
    changed_s = observation.changes.get(name)
    if changed_s is not None and now_s - changed_s < settings.change_quiet_s:
        return ""
    if assessment.own.services[name].condition is not Condition.HEALTHY:
        return ""
    least_s = settings.two_windows_s if spec.probe else settings.start_period_unknown_s
    if spec.probe and not remembered.safe_points:
        least_s = 0.0
    since_s = memory.service(name).healthy_since_s
    if not is_known(since_s) or now_s - since_s < least_s:
        return ""
    return version if all(_is_proven(one, now_s, least_s) for one in seen.instances) else ""


def _is_news(remembered: ServiceState, version: str, count: int) -> bool:
    """Is it another version than was kept last, or another settled number of instances?"""
    newest = remembered.safe_points[-1]
    if newest.version != version:
        return True
    is_settled = not remembered.isolated and remembered.owed_undo is None
    return is_settled and remembered.counted in (0, count) and newest.instances != count


def _has_read_them(one: InstanceObservation) -> bool:
    """Did it begin with the files that are there? What was changed under it proves nothing: it may
    read them at its next start alone."""
    return not one.instance.files_changed_at_s > one.instance.started_at_s


def _is_proven(one: InstanceObservation, now_s: float, least_s: float) -> bool:
    if one.instance.state is not InstanceState.RUNNING:
        return False
    if one.probe is None:
        return now_s - one.instance.started_at_s >= least_s
    return one.probe.verdict is ProbeVerdict.PASS and now_s - one.probe.since_s >= least_s
