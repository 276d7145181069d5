"""Folding single answers and listings into readings. Pure; called by the desk."""

from __future__ import annotations

from dataclasses import dataclass, replace

from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict, is_known
from everup.model.observation import SAYS_NO, Instance, ProbeReading, ProbeResult

IDLE_CPU_RATIO = 0.005
IDLE_BLIND_CPU_RATIO = 0.0005  # where nobody can see its I/O: whoever does I/O needs a little CPU
STARVED_LEAST_RATIO = 0.1  # of the time it must have waited for a processor, to be starved
STARVED_SHARE = 0.8  # of the processor time that it wanted, it did not get
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
    told_s = UNKNOWN
    if failed and result.heard in SAYS_NO:
        goes_on = is_same and is_known(known.told_since_s)
        told_s = known.told_since_s if goes_on else result.at_s
    ratio = known.error_ratio if is_known(known.error_ratio) else 0.0
    return ProbeReading(
        verdict=result.verdict,
        at_s=result.at_s,
        latency_s=result.latency_s,
        detail=result.detail,
        failures_in_a_row=(result.in_a_row or known.failures_in_a_row + 1) if failed else 0,
        successes_in_a_row=(result.in_a_row or known.successes_in_a_row + 1) if passed else 0,
        since_s=known.since_s if is_same else result.at_s,
        error_ratio=ratio + (float(failed) - ratio) / ERROR_MEMORY,
        has_ever_passed=known.has_ever_passed or passed,
        heard=result.heard,
        recovering_since_s=coming_s,
        told_since_s=told_s,
    )


def doubted(known: ProbeReading) -> ProbeReading:
    """The reading when its failures may have been ours: nothing is known, and no run goes on."""
    return replace(
        known,
        verdict=ProbeVerdict.UNKNOWN,
        detail="asked while our own senses failed",
        failures_in_a_row=0,
        since_s=known.at_s,
    )


@dataclass(frozen=True, slots=True)
class Usage:
    """What two listings of the same life say."""

    cpu_ratio: float = UNKNOWN
    memory_ratio: float = UNKNOWN
    idle_since_s: float = UNKNOWN
    queue_since_s: float = UNKNOWN
    starved_at_s: float = UNKNOWN


def first_usage(now: Instance) -> Usage:
    """What the first listing of a life says: memory against its limit."""
    return Usage(memory_ratio=_memory_ratio(now))


def _memory_ratio(now: Instance) -> float:
    return now.memory_bytes / now.memory_limit_bytes if now.memory_limit_bytes > 0 else UNKNOWN


def fold_usage(
    known: Usage, before: Instance, before_at_s: float, now: Instance, at_s: float
) -> Usage:
    """CPU of one core and idleness between two listings of one life, memory against its limit.

    Who wants the processor and does not get it is not idle.
    """
    memory = _memory_ratio(now)
    span_s = at_s - before_at_s
    if not span_s > 0:
        return Usage(memory_ratio=memory)
    cpu = (now.cpu_seconds - before.cpu_seconds) / span_s
    io_bytes = now.io_bytes - before.io_bytes
    waited = (now.waited_s - before.waited_s) / span_s
    is_starved = waited > STARVED_LEAST_RATIO and waited > STARVED_SHARE * (waited + cpu)
    starved_s = at_s if is_starved else known.starved_at_s
    idle_ratio = IDLE_CPU_RATIO if is_known(io_bytes) else IDLE_BLIND_CPU_RATIO
    works = cpu > idle_ratio or io_bytes > 0 or is_starved
    queue_s = _queue_since_s(known, before, before_at_s, now, at_s)
    if now.state is not InstanceState.RUNNING or not is_known(cpu) or works:
        return Usage(cpu, memory, UNKNOWN, queue_s, starved_s)
    since_s = known.idle_since_s if is_known(known.idle_since_s) else before_at_s
    return Usage(cpu, memory, since_s, queue_s, starved_s)


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
