"""What is wrong with one service by its own symptoms: crash, hang, failing check, full disk.

Flows in: one service's observation and health. Flows out: a Finding, or None. Whether another
service explains it is decided in `relate`; what may be done about it is decided elsewhere.

Hung means proven: a failing probe *and* a process that cannot progress, for `hang_lasts_s`. A
process that uses CPU or I/O is busy, and a busy one gets `busy_lasts_s` before its owner's own
check alone is believed. While the host, or the process, is short of CPU, silence without that proof
says nothing, and once a process has the processor again its time counts anew. Trouble lasted until
it was last seen, not until now: we may have been held up.

A probe that nobody declared is believed like a busy one's, `busy_lasts_s` long, unless the kernel
proves the hang: that is not its word alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from everup.dependency_monitor.disks import full_disk, has_lasted, of_the_dead, with_disk
from everup.model.assessment import Finding, ServiceHealth
from everup.model.disk import Disk
from everup.model.kinds import CANNOT_HEAR, Cause, Condition, InstanceState, ProbeVerdict, is_known
from everup.model.observation import (
    SAYS_NO,
    Exit,
    Heard,
    InstanceObservation,
    ServiceObservation,
)
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec

WAITS = frozenset("D")
TOLD = CANNOT_HEAR | WAITS
DEATHS_NAMED_MOST = 3
PRESUMED_WISHES = frozenset({0, 130, 143, 137})
SETTLING = (Condition.STARTING, Condition.RECOVERING, Condition.PAUSED, Condition.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known around the service: do hard dependents suffer, the time, and whether the host
    is so short of CPU that a late answer proves nothing."""

    now_s: float
    has_suffering_dependent: bool
    is_host_pressed: bool = False


def find(
    spec: ServiceSpec,
    seen: ServiceObservation,
    health: ServiceHealth,
    around: Surroundings,
    settings: Settings,
) -> Finding | None:
    """The service's own finding, with no regard to what it depends on."""
    if health.condition is Condition.STOPPED:
        return Finding(
            spec.name,
            Cause.STOPPED_ON_PURPOSE,
            "it was stopped on purpose",
            around.now_s,
            0.0,
            is_confirmed=True,
        )
    if health.condition is Condition.PAUSED or not seen.is_known:
        return None
    dead = [i for i in seen.instances if i.instance.state is InstanceState.EXITED]
    if dead or health.condition is Condition.DOWN:
        found = _dead(spec, seen, dead, around, settings)
        if found is not None:
            return found
    if health.condition is Condition.RECOVERING:
        return _recovering(spec, seen, health, around, settings)
    if health.condition in SETTLING:
        return None
    return _not_answering(spec, seen, health, around, settings)


def _dead(
    spec: ServiceSpec,
    seen: ServiceObservation,
    dead: list[InstanceObservation],
    around: Surroundings,
    settings: Settings,
) -> Finding | None:
    dead = _by_themselves(spec, dead)
    exits = [i.instance.exit for i in dead if i.instance.exit is not None]
    last = max(exits, key=lambda e: e.at_s) if exits else None
    if spec.is_one_shot and (last is None or last.code in (0, None)):
        return None
    since_s = last.at_s if last is not None else around.now_s
    names = tuple(sorted(i.instance.name for i in dead))
    how = last.text if last is not None else "it is not running"
    doubt = _may_be_a_wish(spec, last, around, settings)
    if doubt:
        return Finding(
            spec.name,
            Cause.CRASH,
            f"{how}; {doubt}",
            since_s,
            0.0,
            is_confirmed=False,
            confidence=0.3,
            instances=names,
            is_presumed_meant=around.has_suffering_dependent and not spec.heal_when_stopped,
        )
    recent = [e for e in seen.exits if around.now_s - e.at_s <= settings.crash_loop_window_s]
    if len(recent) >= settings.crash_loop_exits:
        text = _deaths(recent, settings.crash_loop_window_s)
        found = Finding(spec.name, Cause.CRASH_LOOP, text, since_s, 0.0, instances=names)
    else:
        found = Finding(spec.name, Cause.CRASH, how, since_s, 0.0, instances=names)
    disk = of_the_dead(spec, dead, last, settings)
    return found if disk is None else with_disk(found, disk)


def _by_themselves(spec: ServiceSpec, dead: list[InstanceObservation]) -> list[InstanceObservation]:
    """Those that nobody asked to end, where there are such: a copy that somebody stopped neither
    hides another's crash nor is started with it."""
    if spec.heal_when_stopped:
        return dead
    return [i for i in dead if i.instance.exit is None or not i.instance.exit.asked] or dead


def _deaths(recent: Sequence[Exit], window_s: float) -> str:
    """`exited with 3, 3 times within 60 s`; each by its name where they differ."""
    told = [e.text for e in sorted(recent, key=lambda e: e.at_s)]
    parts = [(text, len(list(same))) for text, same in groupby(told)]
    if len(parts) == 1 or len(parts) > DEATHS_NAMED_MOST:
        return f"{told[-1]}, {len(told)} times within {window_s:g} s"
    named = [text if count == 1 else f"{text} {_times(count)}" for text, count in parts]
    return f"{', then '.join(named)}, within {window_s:g} s"


def _times(count: int) -> str:
    return {2: "twice", 3: "three times", 4: "four times"}.get(count, f"({count} times)")


def _may_be_a_wish(
    spec: ServiceSpec, last: Exit | None, around: Surroundings, settings: Settings
) -> str:
    if last is None or last.is_out_of_memory:
        return ""
    if spec.heal_when_stopped:
        if last.asked and around.now_s - last.at_s < settings.change_quiet_s:
            return f"somebody asked it to end ({last.asked}); whoever replaces it stops it first"
        return ""
    if last.asked:
        return f"somebody asked it to end ({last.asked})"
    if not last.was_witnessed and last.code is not None and abs(last.code) in PRESUMED_WISHES:
        return "nobody saw it happen, so it is presumed to be intended"
    if last.code == 0:
        if is_known(last.ran_s) and last.ran_s <= settings.start_period_unknown_s:
            return f"it counts as done, since it ran for {last.ran_s:.0f} s only"
        if not around.has_suffering_dependent:
            return "it counts as done, since nobody who needs it suffers"
    return ""


def _recovering(
    spec: ServiceSpec,
    seen: ServiceObservation,
    health: ServiceHealth,
    around: Surroundings,
    settings: Settings,
) -> Finding:
    """Not sick; confirmed only when it takes longer than its owner, or we, would believe."""
    first = min(
        (i for i in seen.instances if i.instance.state is InstanceState.RUNNING and i.probe),
        key=_coming_since_s,
    )
    assert first.probe is not None
    since_s = min(_coming_since_s(first), around.now_s)
    is_word = first.probe.verdict is ProbeVerdict.RECOVERING
    said = first.probe.detail if is_word else f"works, and has not been well: {first.probe.detail}"
    is_silent = not is_known(first.probe.recovering_since_s)
    default_s = settings.recovery_silent_most_s if is_silent else settings.recovery_most_s
    bound_s = spec.recovery_most_s or default_s
    return Finding(
        spec.name,
        Cause.RECOVERING,
        f"{first.instance.name}: {said}",
        since_s,
        health.score,
        is_confirmed=around.now_s - since_s >= bound_s,
        process_state=first.instance.process_state,
        instances=(first.instance.name,),
        bound_s=bound_s,
    )


def _coming_since_s(observed: InstanceObservation) -> float:
    """Since when it says so; one that says nothing: since it started. One that was well is last."""
    probe = observed.probe
    if probe is not None and is_known(probe.recovering_since_s):
        return probe.recovering_since_s
    if probe is not None and not probe.has_ever_passed and is_known(observed.instance.started_at_s):
        return observed.instance.started_at_s
    return float("inf")


def _not_answering(
    spec: ServiceSpec,
    seen: ServiceObservation,
    health: ServiceHealth,
    around: Surroundings,
    settings: Settings,
) -> Finding | None:
    sick: list[tuple[InstanceObservation, Cause, float, bool, bool]] = []
    full: dict[str, Disk] = {}
    for observed in seen.instances:
        if observed.instance.state is not InstanceState.RUNNING:
            continue
        judged = _judge_instance(spec, observed, around, settings)
        disk = full_disk(observed, settings)
        if judged is not None and disk is not None and not judged[3]:
            is_certain = judged[2] or has_lasted(observed, disk, settings)
            judged = (Cause.DISK_FULL, judged[1], is_certain, False)
            full[observed.instance.name] = disk
        if judged is not None:
            sick.append((observed, *judged))
    if not sick:
        return None
    first, cause, since_s, is_confirmed, is_proven = min(
        sick, key=lambda s: (not s[3], not s[4], s[2])
    )
    detail = first.probe.detail if first.probe is not None else "its dependents fail"
    letter = first.instance.process_state
    stuck = f", its process is in state {letter}" if letter and letter in TOLD else ""
    late = ""
    if cause is Cause.HANG and not is_proven:
        short = _short_of_cpu(first, around, settings)
        late = f"; {short}, so that a late answer proves nothing" if short else ""
    if cause is Cause.DISK_FULL:
        late = f"; {full[first.instance.name].text}"
    text = f"{first.instance.name}: {detail or 'its check fails'}{stuck}{late}"
    return Finding(
        spec.name,
        cause,
        text,
        since_s,
        health.score if len(seen.instances) == 1 else min(health.score, 0.15),
        is_confirmed=is_confirmed,
        is_proven=is_proven,
        process_state=letter,
        instances=tuple(
            sorted(s[0].instance.name for s in sick if s[1] is cause and s[3] is is_confirmed)
        ),
    )


def _judge_instance(
    spec: ServiceSpec, observed: InstanceObservation, around: Surroundings, settings: Settings
) -> tuple[Cause, float, bool, bool] | None:
    """(cause, since, is_confirmed, is_proven) of one running instance, None when it is well."""
    probe, read_s = observed.probe, observed.read_at_s
    idle_s, queue_s = read_s - observed.idle_since_s, read_s - observed.queue_since_s
    is_idle = idle_s >= settings.hang_lasts_s
    is_stuck = _is_stuck(observed.instance.process_state, is_idle=is_idle)
    if spec.probe is None or probe is None:
        if is_stuck and around.has_suffering_dependent and is_known(observed.idle_since_s):
            return Cause.HANG, observed.idle_since_s, is_idle, True
        return None
    if probe.verdict is not ProbeVerdict.FAIL:
        return None
    often = probe.failures_in_a_row >= settings.failure_threshold
    nobody_let_in = is_idle and queue_s >= settings.hang_lasts_s
    if is_stuck or (nobody_let_in and probe.heard is Heard.SILENCE):
        # On a machine short of CPU it may sleep because what it waits for is short of it.
        is_slow = around.is_host_pressed and not is_stuck
        needed_s = settings.busy_lasts_s if is_slow else settings.hang_lasts_s
        # The kernel's word is read more often than an owner's check is made, so that its time
        # counts where it is known: a check that failed before a short stop is no part of a hang.
        since_s = observed.stuck_since_s if is_known(observed.stuck_since_s) else probe.since_s
        return Cause.HANG, probe.since_s, read_s - since_s >= needed_s, True
    is_told, from_s = probe.heard in SAYS_NO, probe.since_s
    if is_told and is_known(probe.told_since_s):
        # A pause before its first no is another thing: what says no must say so all the time.
        from_s = probe.told_since_s
    elif not is_told and is_known(observed.starved_at_s):
        # What queued up meanwhile is answered first, to askers who left: all its time once more.
        from_s = max(from_s, observed.starved_at_s)
    is_quick = not spec.probe.is_inferred and (is_idle or is_told)
    needed_s = settings.hang_lasts_s if is_quick else settings.busy_lasts_s
    is_late = not is_told and bool(_short_of_cpu(observed, around, settings))
    is_confirmed = often and probe.at_s - from_s >= needed_s and not is_late
    cause = Cause.HANG if probe.heard is Heard.SILENCE else Cause.UNHEALTHY
    return cause, probe.since_s, is_confirmed, False


def _short_of_cpu(observed: InstanceObservation, around: Surroundings, settings: Settings) -> str:
    """Who lacks processor time, so that an answer comes late; "" when nobody does."""
    if observed.read_at_s - observed.starved_at_s < settings.hang_lasts_s:
        return "it waits for a processor"
    return "the machine is short of CPU" if around.is_host_pressed else ""


def _is_stuck(letter: str | None, *, is_idle: bool) -> bool:
    """By the kernel's own word. Waiting for a device is work until it lasts without progress."""
    return letter is not None and (letter in CANNOT_HEAR or (letter in WAITS and is_idle))
