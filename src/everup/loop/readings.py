"""Folding single answers and listings into readings. Pure; called by the desk."""

from __future__ import annotations

from dataclasses import dataclass, replace

from everup.model.kinds import CANNOT_HEAR, UNKNOWN, InstanceState, ProbeVerdict, is_known
from everup.model.observation import SAYS_NO, Instance, ProbeReading, ProbeResult

IDLE_CPU_RATIO = 0.005
IDLE_BLIND_CPU_RATIO = 0.0005  # where nobody can see its I/O: whoever does I/O needs a little CPU
CLOCK_TICK_S = 0.01  # what a process has used is told in these
STARVED_LEAST_RATIO = 0.1  # of the time it must have waited for a processor, to be starved
STARVED_SHARE = 0.8  # of the processor time that it wanted, it did not get
READY = "R"  # the state letter of who runs, or could
ERROR_MEMORY = 20  # answers over which the error ratio is smoothed


def fold_probe(known: ProbeReading | None, result: ProbeResult) -> ProbeReading:
    """The reading after one more answer. An unknown answer breaks no run: it says nothing."""
    if known is None or not is_known(known.at_s):
        known = ProbeReading(since_s=result.at_s)
    if result.verdict is ProbeVerdict.UNKNOWN:
        return replace(known, verdict=ProbeVerdict.UNKNOWN, at_s=result.at_s, detail=result.detail)
    failed = result.verdict is ProbeVerdict.FAIL
    passed = result.verdict is ProbeVerdict.PASS
    is_same = (failed and known.failures_in_a_row > 0) or (passed and known.successes_in_a_row > 0)
    coming_s = known.recovering_since_s
    if passed:
        coming_s = UNKNOWN
    elif result.verdict is ProbeVerdict.RECOVERING and not is_known(coming_s):
        coming_s = result.at_s
    ratio = known.error_ratio if is_known(known.error_ratio) else 0.0
    is_doubted = known.is_doubted and not passed
    counted = 0 if is_doubted else result.in_a_row  # whoever counts does not know of the doubt
    began_s = result.at_s if is_doubted else _began(result)
    told_s = UNKNOWN
    if failed and result.heard in SAYS_NO:
        told_s = known.told_since_s if is_same else began_s
        told_s = told_s if is_known(told_s) else result.at_s
    return ProbeReading(
        verdict=result.verdict,
        at_s=result.at_s,
        latency_s=result.latency_s,
        detail=result.detail,
        failures_in_a_row=(counted or known.failures_in_a_row + 1) if failed else 0,
        successes_in_a_row=(result.in_a_row or known.successes_in_a_row + 1) if passed else 0,
        since_s=known.since_s if is_same else began_s,
        error_ratio=ratio + (float(failed) - ratio) / ERROR_MEMORY,
        has_ever_passed=known.has_ever_passed or passed,
        heard=result.heard,
        recovering_since_s=coming_s,
        is_doubted=is_doubted,
        told_since_s=told_s,
        certificate_ends_s=(
            result.certificate_ends_s
            if is_known(result.certificate_ends_s)
            else known.certificate_ends_s
        ),
    )


def _began(result: ProbeResult) -> float:
    """When the run began that this answer is the first seen one of."""
    return result.since_s if is_known(result.since_s) else result.at_s


def doubted(known: ProbeReading) -> ProbeReading:
    """The reading when its failures may have been ours: nothing is known, and no run goes on."""
    return replace(
        known,
        verdict=ProbeVerdict.UNKNOWN,
        detail="asked while our own senses failed",
        failures_in_a_row=0,
        since_s=known.at_s,
        is_doubted=True,
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """What two listings of the same life say."""

    cpu_ratio: float = UNKNOWN
    memory_ratio: float = UNKNOWN
    idle_since_s: float = UNKNOWN
    queue_since_s: float = UNKNOWN
    starved_at_s: float = UNKNOWN
    stuck_since_s: float = UNKNOWN
    full_since_s: float = UNKNOWN
    received_per_s: float = UNKNOWN
    sent_per_s: float = UNKNOWN
    throttled_ratio: float = UNKNOWN


def first_usage(now: Instance, at_s: float) -> Usage:
    """What the first listing of a life says: memory against its limit, whether it can hear, and
    whether its disk is full."""
    return Usage(
        memory_ratio=_memory_ratio(now),
        stuck_since_s=_stuck_since_s(UNKNOWN, now, at_s),
        full_since_s=full_since_s(UNKNOWN, now, at_s),
    )


def full_since_s(known_s: float, now: Instance, at_s: float) -> float:
    """Since when every sight found its disk full; the same sight listed again adds no time."""
    if now.disk is None or not now.disk.is_full:
        return UNKNOWN
    seen_s = min(now.disk.at_s, at_s)
    return known_s if is_known(known_s) else seen_s


def _stuck_since_s(known_s: float, now: Instance, at_s: float) -> float:
    """Since when every sight found it unable to go on. What its container uses meanwhile says
    nothing: the owner's check runs in there too."""
    if (now.process_state or "?") not in CANNOT_HEAR:
        return UNKNOWN
    return known_s if is_known(known_s) else at_s


def _memory_ratio(now: Instance) -> float:
    return now.memory_bytes / now.memory_limit_bytes if now.memory_limit_bytes > 0 else UNKNOWN


def fold_usage(
    known: Usage, before: Instance, before_at_s: float, now: Instance, at_s: float
) -> Usage:
    """CPU of one core and idleness between two listings of one life, memory against its limit,
    whether its disk is full.

    Who wants the processor and does not get it is not idle. Two sights of the same moment tell
    no rates, and end nothing that lasted until then.
    """
    memory, full_s = _memory_ratio(now), full_since_s(known.full_since_s, now, at_s)
    span_s = at_s - before_at_s
    if not span_s > 0:
        lasts = known if span_s == 0 else Usage()
        return Usage(
            memory_ratio=memory,
            idle_since_s=lasts.idle_since_s if now.state is InstanceState.RUNNING else UNKNOWN,
            queue_since_s=lasts.queue_since_s,
            starved_at_s=lasts.starved_at_s,
            stuck_since_s=_stuck_since_s(lasts.stuck_since_s, now, at_s),
            full_since_s=full_s,
        )
    cpu = (now.cpu_seconds - before.cpu_seconds) / span_s
    io_bytes = now.io_bytes - before.io_bytes
    waited = (now.waited_s - before.waited_s) / span_s
    idle_ratio = IDLE_CPU_RATIO if is_known(io_bytes) else IDLE_BLIND_CPU_RATIO
    own_s = now.own_cpu_seconds - before.own_cpu_seconds
    uses_cpu = cpu > idle_ratio
    if is_known(own_s):  # less than nothing: a child ended that nobody waited for
        uses_cpu = not 0.0 <= own_s <= idle_ratio * span_s + CLOCK_TICK_S
    is_starved = waited > STARVED_LEAST_RATIO and waited > STARVED_SHARE * (waited + cpu)
    if is_known(cpu) and not uses_cpu:
        # The kernel books a wait only once it is over, and it may outlast several listings.
        is_starved = is_starved or before.process_state == now.process_state == READY
    starved_s = at_s if is_starved else known.starved_at_s
    works = uses_cpu or io_bytes > 0 or is_starved
    queue_s = _queue_since_s(known, before, before_at_s, now, at_s)
    stuck_s = _stuck_since_s(known.stuck_since_s, now, at_s)
    idle_s = UNKNOWN
    if now.state is InstanceState.RUNNING and is_known(cpu) and not works:
        idle_s = known.idle_since_s if is_known(known.idle_since_s) else before_at_s
    had, has = before.resources, now.resources
    return Usage(
        *(cpu, memory, idle_s, queue_s, starved_s, stuck_s, full_s),
        _per_s(had.received_bytes, has.received_bytes, span_s),
        _per_s(had.sent_bytes, has.sent_bytes, span_s),
        _per_s(had.throttled_s, has.throttled_s, span_s),
    )


def _per_s(before: float, now: float, span_s: float) -> float:
    """A total that went back was counted anew: nothing is known of this stretch."""
    return (now - before) / span_s if now >= before else UNKNOWN


def _queue_since_s(
    known: Usage, before: Instance, before_at_s: float, now: Instance, at_s: float
) -> float:
    """Since when clients wait and nobody was let in: a full queue grows no further, so that one
    which never shrinks says as much as one that grows."""
    if not now.accept_queue > 0:
        return UNKNOWN
    if not before.accept_queue > 0 or now.accept_queue < before.accept_queue:
        return at_s
    return known.queue_since_s if is_known(known.queue_since_s) else before_at_s
