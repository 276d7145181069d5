"""Verify: has what was done helped? `judge_expectation` is pure and asked in every look.

Flows in: ended actions from the inbox, actions in flight, the observation. Flows out: Finished and
Verified entries. Deadlines are in the journal, so a verification survives a restart.

Verified means: every declared instance runs, probes passed in a row over the window since the
action ended, the score is back above its threshold, and no dependent is worse than before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from everup.auto_scaler.sizes import mib
from everup.loop.look import Look
from everup.loop.new_lives import as_before, asked_to_end, new_ends, ran_once
from everup.loop.settle import ENDS_AND_STARTS, patience_s, settle
from everup.loop.sighting import sight
from everup.loop.wrong import SUPERSEDED
from everup.model.assessment import Assessment
from everup.model.decision import Expectation
from everup.model.disk import fullest
from everup.model.entries import Entry, Verified
from everup.model.evidence import (
    Evidence,
    Failed,
    OutcomeState,
    Passed,
    Pending,
    Verification,
)
from everup.model.kinds import (
    UNKNOWN,
    ActionKind,
    Cause,
    Condition,
    InstanceState,
    ProbeVerdict,
    is_known,
)
from everup.model.observation import (
    Exit,
    InstanceObservation,
    Observation,
    ServiceObservation,
)
from everup.model.scaling import SIZES, STARTS
from everup.model.settings import Settings
from everup.model.state import InFlight, Phase

if TYPE_CHECKING:
    from everup.loop.control import Control

ROOM_FOR = frozenset({Cause.DEMAND, Cause.REQUESTED})
WORSE_BY = 0.1  # a dependent must lose more than this to count as worse


async def verify(control: Control, look: Look) -> Look:
    """Write down what ended, settle what is unknown, and judge what waits for its proof."""
    entries: list[Entry] = []
    for finished in control.take_finished():
        entries.append(finished)
        if finished.outcome is OutcomeState.UNKNOWN:
            control.unsettled[finished.action_id] = finished.at_s
        if finished.outcome is OutcomeState.FAILED:
            control.follow_up(finished.service, finished.action_id)
    if entries:
        await control.write(entries)
    entries = []
    for service, flight in control.state.in_flight.items():
        if flight.phase is Phase.ACTING:
            entries += _settled(control, look, flight)
            continue
        verdict = judge_expectation(flight, look.observation, look.assessment, control.settings)
        if isinstance(verdict, Passed | Pending):
            verdict = control.mitigations.word(control, look, flight) or verdict
            verdict = control.scaler.word(look, flight) or verdict
        if isinstance(verdict, Pending):
            continue
        has_passed = isinstance(verdict, Passed)
        after = sight(control.stack, look.observation, look.assessment, service)
        evidence = Evidence(flight.before, control.during(flight.action_id), after, verdict.reason)
        entries.append(
            Verified(look.at_s, flight.action_id, service, has_passed, verdict.reason, evidence)
        )
        if not has_passed and not verdict.reason.startswith(SUPERSEDED):
            control.follow_up(service, flight.action_id)
    if entries:
        await control.write(entries)
        control.wake("an action ended")
    return look


def _settled(control: Control, look: Look, flight: InFlight) -> list[Entry]:
    """An action without outcome that nobody performs any more: look at the world."""
    since_s = control.unsettled.get(flight.action_id)
    if since_s is None or not control.desk.listed_after(since_s):
        return []
    seen = look.observation.services.get(flight.step.target)
    if seen is None:
        return []
    spec = control.stack.services[flight.step.target]
    finished = settle(flight, seen, look.at_s, patience_s(flight, spec, control.settings))
    if finished is None:
        return []
    control.unsettled.pop(flight.action_id, None)
    if not control.take_inherited(flight.action_id):
        # Ours ran out of time: it was tried for as long as it may last, which is an attempt.
        return [replace(finished, has_happened=True)]
    if finished.outcome is OutcomeState.FAILED and finished.has_happened:
        control.carry_on(flight)
    return [finished]


def judge_expectation(
    flight: InFlight, observation: Observation, assessment: Assessment, settings: Settings
) -> Verification:
    """Pending with what is missing, Passed, or Failed with the reason. What somebody else's change
    has cut off is superseded by it: nobody knows what it would have come to."""
    verdict = _judged(flight, observation, assessment, settings)
    changed_s = observation.changes.get(flight.step.target, float("-inf"))
    if isinstance(verdict, Failed) and changed_s > flight.done_at_s:
        who = f"somebody else's change of {flight.step.target}"
        return Failed(f"{SUPERSEDED}{who} before its proof")
    return verdict


def _judged(
    flight: InFlight, observation: Observation, assessment: Assessment, settings: Settings
) -> Verification:
    expected = flight.expectation
    now_s = observation.at_s
    seen = observation.services.get(expected.service)
    deadline_s = flight.done_at_s + expected.deadline_s
    if _says_it_is_coming(expected, observation, assessment):
        deadline_s += expected.settling_most_s
    is_late = now_s >= deadline_s
    if seen is None or not seen.is_known:
        return Failed("not seen again in time") if is_late else Pending("a listing")
    running = [i for i in seen.instances if i.instance.state is InstanceState.RUNNING]
    if not expected.is_up:
        if not running:
            return Passed("it is down, as wished")
        return Failed("it still runs") if is_late else Pending("its end")
    if how := asked_to_end(flight, seen):
        return Failed(f"{SUPERSEDED}somebody's {how} before its proof")
    if expected.runs_once:
        return ran_once(flight, seen, is_late=is_late)
    if expected.is_as_before:
        return as_before(flight, seen, now_s, is_late=is_late)
    if died := _died_again(flight, seen):
        return Failed(died)
    if sick := _ill_again(flight, observation, assessment, settings):
        return Failed(sick)
    missing = _missing(flight, observation, assessment)
    if not missing:
        return Passed(_proof(flight, observation, assessment))
    return Failed(f"not in time: {missing}") if is_late else Pending(missing)


def _died_again(flight: InFlight, seen: ServiceObservation) -> str:
    if _is_room_alone(flight):
        return ""
    died = [e for e in seen.exits if e.at_s > flight.done_at_s and _is_of(flight, e)]
    if died:
        return f"it {died[-1].text} again after {died[-1].at_s - flight.done_at_s:.1f} s"
    if ended := new_ends(flight, seen):
        return f"it {ended[-1].text} again after {ended[-1].ran_s:.1f} s"
    return ""


def _is_room_alone(flight: InFlight) -> bool:
    """Was only a limit raised? Who dies or is unwell meanwhile has not too much room, and taking it
    back would leave less in the very moment."""
    is_alone = flight.step.kind is ActionKind.SCALE_UP and not flight.step.parameters.get(STARTS)
    return is_alone and flight.cause in ROOM_FOR


def _ill_again(
    flight: InFlight, observation: Observation, assessment: Assessment, settings: Settings
) -> str:
    """Its start is over, and it says no itself, all of it in its new life: what is left of the
    time would not mend it. One that comes slowly, or is silent, has all of its time."""
    expected = flight.expectation
    if flight.step.kind not in ENDS_AND_STARTS or not is_known(flight.done_at_s):
        return ""
    found = assessment.relations.findings.get(expected.service)
    if found is None or found.cause is not Cause.UNHEALTHY or not found.is_confirmed:
        return ""
    if not found.is_root or not found.since_s > flight.done_at_s:
        return ""
    if observation.at_s < flight.done_at_s + expected.deadline_s - settings.verify_deadline_s:
        return ""
    if flight.step.instance and flight.step.instance not in found.instances:
        return ""
    lasts_s = observation.at_s - found.since_s
    return f"it is unhealthy again, for {lasts_s:.0f} s: {found.reason}"


def _is_of(flight: InFlight, death: Exit) -> bool:
    """Did an instance die that was acted upon? One that was left alone proves nothing."""
    target = flight.step.parameters.get("instance")
    return target is None or death.instance in ("", target)


def _says_it_is_coming(
    expectation: Expectation, observation: Observation, assessment: Assessment
) -> bool:
    """A database that replays its log after a start has not failed to start. One that stands still
    meanwhile has, and one that only works in silence gets no longer than anybody."""
    health = assessment.own.services.get(expectation.service)
    seen = observation.services.get(expectation.service)
    if health is None or seen is None or health.condition is not Condition.RECOVERING:
        return False
    return any(i.probe is not None and is_known(i.probe.recovering_since_s) for i in seen.instances)


def _other_than_expected(
    expected: Expectation, up: list[InstanceObservation], watched: list[InstanceObservation]
) -> str:
    """Another version, or another number of instances."""
    if expected.version and any(i.instance.version != expected.version for i in watched):
        return "what it went back to"
    if expected.instances and len(up) != expected.instances:
        return f"{expected.instances} running instances, there are {len(up)}"
    return ""


def _missing(flight: InFlight, observation: Observation, assessment: Assessment) -> str:
    if flight.expectation.no_worse:
        return _window(flight, observation) or _worse(flight.expectation, assessment)
    if flight.expectation.is_cut:
        return _cut(flight, observation, assessment)
    return _not_well(flight, observation, assessment)


def _not_well(flight: InFlight, observation: Observation, assessment: Assessment) -> str:
    expected = flight.expectation
    seen = observation.services[expected.service]
    up = [i for i in seen.instances if i.instance.state is InstanceState.RUNNING]
    target = flight.step.parameters.get("instance")
    watched = [i for i in up if target is None or i.instance.name == target]
    if not watched or (target is None and len(up) < len(seen.instances)):
        return "not every instance runs"
    if other := _other_than_expected(expected, up, watched):
        return other
    limits = _other_limit(watched, expected.memory_limit_bytes)
    by_limit = flight.step.kind in SIZES and flight.cause is Cause.REQUESTED
    if limits or by_limit or _is_room_alone(flight):
        return limits or _window(flight, observation)
    if waiting := _window(flight, observation):
        return waiting
    for instance in watched:
        probe = instance.probe
        if probe is None:
            continue
        if probe.verdict is not ProbeVerdict.PASS or probe.successes_in_a_row < expected.probes:
            return f"{expected.probes} good answers in a row of {instance.instance.name}"
        if observation.at_s - max(probe.since_s, flight.done_at_s) < expected.window_s:
            return f"good answers of {instance.instance.name} for {expected.window_s:g} s"
    if too_full := _too_full(watched, expected) or _too_full_a_disk(watched, flight):
        return too_full
    score = assessment.own.score(expected.service)
    if target is None and not score >= expected.score_least:
        return f"a score of {expected.score_least:g}, it is {score:.2f}"
    return _worse(expected, assessment)


def _window(flight: InFlight, observation: Observation) -> str:
    window_s = flight.expectation.window_s
    is_early = observation.at_s - flight.done_at_s < window_s
    return f"a window of {window_s:g} s" if is_early else ""


def _cut(flight: InFlight, observation: Observation, assessment: Assessment) -> str:
    """Nothing is asked of what is cut off; of what is left of its service, and of who needs it,
    that they are no worse for it."""
    expected = flight.expectation
    if waiting := _window(flight, observation):
        return waiting
    score = assessment.own.score(expected.service)
    if flight.step.instance and not score >= expected.score_least:
        return f"a score of {expected.score_least:g} without it, it is {score:.2f}"
    return _worse(expected, assessment)


def _other_limit(watched: list[InstanceObservation], wanted: float) -> str:
    """Who is not seen to have the limit that was set; infinite means none."""
    for one in watched if is_known(wanted) else ():
        has = one.instance.memory_limit_bytes
        is_so = has == wanted if wanted != float("inf") else not is_known(has)
        if not is_so:
            return f"the memory limit of {one.instance.name} to be seen as set"
    return ""


def _worse(expected: Expectation, assessment: Assessment) -> str:
    """Who is worse than before because of it, if anybody."""
    for name, before in expected.dependents_before.items():
        now = assessment.own.score(name)
        found = assessment.relations.findings.get(name)
        if is_known(before) and is_known(now) and now < before - WORSE_BY and found is not None:
            if expected.service in (*found.explained_by, name):
                return f"{name} is worse than before ({before:.2f} → {now:.2f})"
    for name, before in expected.behind_before.items():
        now = assessment.own.score(name)
        if is_known(before) and is_known(now) and now < before - WORSE_BY:
            return f"{name}, which stands behind the cache, is worse ({before:.2f} → {now:.2f})"
    return ""


def _too_full(watched: list[InstanceObservation], expected: Expectation) -> str:
    """Has the memory come down, or has the disk room, as expected? Unknown is not."""
    most = expected.memory_most
    if expected.has_room:
        return _without_room(watched)
    if not is_known(most):
        return ""
    for one in watched:
        if not one.memory_ratio <= most:
            now = f"it is {one.memory_ratio:.0%}" if is_known(one.memory_ratio) else "unknown"
            return f"memory of {one.instance.name} at most {most:.0%} of its limit, {now}"
    return ""


def _too_full_a_disk(watched: list[InstanceObservation], flight: InFlight) -> str:
    """Is there more room than before, by a sight that was made since?"""
    most = flight.expectation.disk_most
    for one in watched if is_known(most) else ():
        has = one.instance
        seen = [d for d in (has.disk, has.resources.layer) if d and d.at_s > flight.done_at_s]
        disk = fullest(seen)
        if disk is None:
            return f"a sight of the disk of {has.name}"
        if not 1.0 - disk.free_ratio <= most:
            return (
                f"the disk of {has.name} at most {most:.0%} full, it is {1.0 - disk.free_ratio:.0%}"
            )
    return ""


def _without_room(watched: list[InstanceObservation]) -> str:
    """Whose disk is full still? One that was never seen again is not proven to have room."""
    for one in watched:
        disk = one.instance.disk
        if disk is None:
            return f"a sight of the disk of {one.instance.name}"
        if disk.is_full:
            return f"room on the disk of {one.instance.name}: {disk.text}"
    return ""


def _room(flight: InFlight, observation: Observation) -> str:
    seen = observation.services[flight.expectation.service].instances
    disks = [d for i in seen for d in (i.instance.disk, i.instance.resources.layer)]
    has_layer = is_known(flight.expectation.disk_most)
    disk = fullest([d for d in (disks if has_layer else disks[::2]) if d is not None])
    return disk.text if disk is not None else ""


def _fullest(flight: InFlight, observation: Observation) -> float:
    target = flight.step.parameters.get("instance")
    seen = observation.services[flight.expectation.service].instances
    ratios = [i.memory_ratio for i in seen if target in (None, i.instance.name)]
    return max((r for r in ratios if is_known(r)), default=UNKNOWN)


def _proof(flight: InFlight, observation: Observation, assessment: Assessment) -> str:
    """Only what was really checked."""
    expected = flight.expectation
    if expected.no_worse:
        took_s = observation.at_s - flight.done_at_s
        return f"nobody is worse for it after {took_s:.1f} s"
    if expected.is_cut:
        took_s = observation.at_s - flight.done_at_s
        return f"cut off for {took_s:.1f} s, and nobody is worse for it"
    score = assessment.own.score(expected.service)
    took_s = observation.at_s - flight.done_at_s
    target = flight.step.parameters.get("instance")
    probed = [
        i.probe
        for i in observation.services[expected.service].instances
        if i.probe is not None and target in (None, i.instance.name)
    ]
    if probed:
        least = min(probe.successes_in_a_row for probe in probed)
        parts = [f"runs, {least} good answers in a row over {took_s:.1f} s"]
    else:
        parts = [f"runs for {took_s:.1f} s without dying again; it has no probe to ask"]
    if is_known(score):
        parts.append(f"score {score:.2f}")
    if is_known(expected.memory_most):
        parts.insert(0, f"memory down to {_fullest(flight, observation):.0%} of its limit")
    if expected.has_room or is_known(expected.disk_most):
        parts.insert(0, _room(flight, observation))
    if expected.instances:
        parts.insert(0, f"{expected.instances} instances")
    if is_known(expected.memory_limit_bytes):
        parts.insert(0, f"memory limit {mib(expected.memory_limit_bytes)}, read back")
    if expected.dependents_before:
        parts.append("no dependent worse")
    return f"{', '.join(parts)}; {observation.at_s - flight.intended_at_s:.1f} s after it began"
