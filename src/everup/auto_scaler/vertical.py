"""How large one instance should be: `recommend(usage, ...) -> SizeAdvice`. Pure.

Flows in: what was seen (`usage`), what is declared, the owner's bounds. Flows out: requests, limits
and the range that the numbers leave, with the reason, and what held them. Called by the loop;
`arbiter` decides whether anything comes of it, and the gate whether the host bears it.

Requests are the 90th percentile with 15 % above, as in Kubernetes' VPA, and so are the bounds that
close in as more is seen (lower: median, upper: 95th percentile times 1 + 1/windows). A memory limit
covers, whatever else, the peak of the latest windows with a margin and the last size at which it
died for lack of memory by a fifth and 100 MiB; as far as its declared one, also leaps as they must
be reckoned with (`bursts`) and growth over the lookahead. It grows at once. It shrinks after a
whole window, a step at a time, to the most that it had to cover in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from everup.auto_scaler.advice import NO_BOUNDS, Bounds, Cap, Range, SizeAdvice
from everup.auto_scaler.histogram import Histogram
from everup.auto_scaler.sight import Pace, Sight
from everup.auto_scaler.sizes import GROWTH, GROWTH_LEAST_BYTES, MARGIN, mib
from everup.auto_scaler.usage import Usage
from everup.model.kinds import UNKNOWN
from everup.model.settings import Settings
from everup.model.stack import Limits

__all__ = ["Bounds", "Cap", "Pace", "Range", "Sight", "SizeAdvice", "Usage", "recommend"]

NO_LIMITS = Limits()
REQUEST_SHARE, LIMIT_SHARE = 0.9, 0.99
AHEAD = 0.05
"""What is called for at once is passed by so much, lest the next sight calls again; a limit that
grew within a window grows by that at least."""
VERSION_SHARE = 0.25
"""Of a window: so long each new version keeps what is declared, though the service is known."""
STEP_MOST = 0.3
"""No shrinking takes more than this share at once."""
STILL_BLOCKS = 3
"""Of a window: so long a limit stays before it shrinks again."""
CALM_SHARE = 0.98
"""How far the peak stays below where the rest of Everup calls memory short."""
TOO_LITTLE = "seen for too short a time to take anything away"
CPU_SHORT = 0.9
CPU_LEAST = 0.1
"""Of a processor: a start that nobody has seen may need more than all that was seen, and would take
for ever with the little that work needs."""
CPU_GROWTH = 1.25
"""What is throttled shows no more than its limit: how much it needs is found step by step."""


@dataclass(frozen=True, slots=True)
class _Limit:
    value: float
    cap: Cap
    why: str
    is_short: bool = False


def recommend(
    usage: Usage,
    now_s: float,
    declared: Limits = NO_LIMITS,
    bounds: Bounds = NO_BOUNDS,
    settings: Settings | None = None,
) -> SizeAdvice:
    """`declared`: the limits that its owner gave one instance. `settings`: for where memory counts
    as short; without, as `usage` was made with."""
    pace = usage.pace if settings is None else Pace.of(settings)
    memory = _bounded(
        _memory(usage, now_s, declared.memory_bytes, bounds.memory_most_bytes, pace),
        usage.memory_limit_bytes,
        bounds.memory_least_bytes,
    )
    cpu = _bounded(_cpu(usage, now_s, bounds.cpus_most, pace), usage.cpus, bounds.cpus_least)
    memory_range = _range(usage.memory, usage.seen_s, pace)
    cpu_range = _range(usage.cpu, usage.cpu_seen_s, pace)
    return SizeAdvice(
        memory_request_bytes=_request(memory_range, memory.value),
        memory_limit_bytes=memory.value,
        cpu_request_cores=_request(cpu_range, cpu.value),
        cpu_limit_cores=cpu.value,
        memory_range=memory_range,
        cpu_range=cpu_range,
        memory_now_bytes=usage.memory_limit_bytes,
        cpu_now_cores=usage.cpus,
        reason=f"memory: {memory.why}; cpus: {cpu.why}",
        capped_by=memory.cap,
        cpu_capped_by=cpu.cap,
        confidence=usage.seen_s / (usage.seen_s + pace.window_s),
        is_memory_short=memory.is_short,
        is_cpu_short=cpu.is_short,
    )


def floor_bytes(usage: Usage, pace: Pace, declared: float = UNKNOWN) -> float:
    """No limit is ever advised below this: the observed peak and the last death for lack of memory,
    each with its margin. NaN: nothing was seen. What it died of says nothing against more that its
    owner gave it: that version had less, or we had lowered its limit."""
    peak = usage.peak_bytes * max(MARGIN, 1.0 / (CALM_SHARE * pace.short_above))
    killed = usage.killed_bytes
    if killed == killed:
        larger = max(killed * GROWTH, killed + GROWTH_LEAST_BYTES)
        killed = min(larger, declared) if declared >= killed * GROWTH else larger
        return killed if peak != peak else max(peak, killed)
    return peak


def _memory(usage: Usage, now_s: float, declared: float, most: float, pace: Pace) -> _Limit:
    now, floor = usage.memory_limit_bytes, floor_bytes(usage, pace, declared)
    if not math.isfinite(now):
        is_none = now == math.inf
        return _Limit(now, Cap.NO_LIMIT if is_none else Cap.NOT_SEEN, "there is no limit to follow")
    if floor != floor:
        return _Limit(now, Cap.NOT_SEEN, "nothing was seen of its use")
    top = declared if math.isfinite(declared) else now
    need, at_once = max(floor, min(usage.most_wanted, top)), min(usage.wanted_now, top)
    if usage.killed_bytes < declared < math.inf:
        need = max(need, declared)  # it died of less than its owner gave it: no second try of that
    why, cap = f"peak {mib(usage.peak_bytes)}, {mib(need)} with room", Cap.NOTHING
    if usage.most_wanted > top >= floor:
        cap = Cap.DECLARED
    if not _is_known(usage, pace) and top >= need:
        need, cap, why = top, Cap.TOO_LITTLE_SEEN, TOO_LITTLE
        if top > now:
            why = f"{mib(top)} as declared, until more was seen"
    is_short = floor > now * CALM_SHARE or at_once > now
    if need > now * (1.0 + pace.tolerance) or (need > now and is_short):
        is_growing = now_s - usage.memory_grew_s < pace.window_s
        ahead = (now if is_growing else at_once) * (1.0 + AHEAD)
        wanted = max(need, min(ahead, top))
        if wanted > most:
            wanted, cap = max(most, now), Cap.MOST
        is_pressed = usage.memory_bytes > pace.short_above * now or usage.killed_bytes >= now
        return _Limit(wanted, cap, why, is_pressed)
    if need >= now * (1.0 - pace.tolerance):
        is_small = cap is Cap.NOTHING and need != now
        return _Limit(now, Cap.TOLERANCE if is_small else cap, why)
    return _shrunk(_Limit(now, cap, why), need, usage.memory_limit_since_s, now_s, usage, pace)


def _is_known(usage: Usage, pace: Pace) -> bool:
    """The service for a whole window, and this version of it for a part."""
    is_old = usage.version_seen_s >= VERSION_SHARE * pace.window_s
    return is_old and usage.seen_s >= pace.window_s


def _shrunk(
    held: _Limit, need: float, since_s: float, now_s: float, usage: Usage, pace: Pace
) -> _Limit:
    """Only what is being seen, and was for a window, takes anything away. `held`: as it is."""
    if usage.is_stale(now_s):
        return replace(held, cap=Cap.NOT_SEEN, why="nothing was seen lately")
    if not _is_known(usage, pace) or usage.unbroken_s < pace.block_s:
        return replace(held, cap=Cap.TOO_LITTLE_SEEN, why=TOO_LITTLE)
    if not now_s - since_s >= STILL_BLOCKS * pace.block_s:
        return replace(held, cap=Cap.STILL)
    wanted = max(need, held.value * (1.0 - STEP_MOST))
    return replace(held, value=wanted, cap=Cap.STEP if wanted > need else held.cap)


def _cpu(usage: Usage, now_s: float, most: float, pace: Pace) -> _Limit:
    now = usage.cpus
    if not math.isfinite(now):
        is_none = now == math.inf
        return _Limit(now, Cap.NO_LIMIT if is_none else Cap.NOT_SEEN, "there is no limit to follow")
    if usage.cpu.is_empty:
        return _Limit(now, Cap.NOT_SEEN, "nothing was seen of their use")
    need = MARGIN * usage.cpu.percentile(LIMIT_SHARE)
    why = f"{need:.2f} with room"
    lately = _lately(usage, now_s, pace)
    if lately >= CPU_SHORT * now:
        wanted = max(now * CPU_GROWTH, need)
        cap = Cap.MOST if wanted > most else Cap.NOTHING
        wanted = max(now, most) if wanted > most else wanted
        return _Limit(wanted, cap, f"{lately:.2f} of {now:g} are used", is_short=True)
    if need >= now * (1.0 - pace.tolerance):
        return _Limit(now, Cap.NOTHING if need == now else Cap.TOLERANCE, why)
    if not now_s - usage.cpu_at_s <= pace.gap_s or usage.cpu_seen_s < pace.window_s:
        return _Limit(now, Cap.TOO_LITTLE_SEEN, TOO_LITTLE)
    least = min(now, max(CPU_LEAST, MARGIN * usage.cpu_most_cores))
    if least > need:
        why += f", and {least:.2f} for the most that it has used"
        if least >= now * (1.0 - pace.tolerance):
            return _Limit(now, Cap.TOLERANCE, why)
    held = _Limit(now, Cap.NOTHING, why)
    return _shrunk(held, max(need, least), usage.cpus_since_s, now_s, usage, pace)


def _lately(usage: Usage, now_s: float, pace: Pace) -> float:
    """The least use of the last third of the lookahead: all of it was at least that. 0: unknown."""
    since_s = now_s - pace.lookahead_s / 3
    used = [cores for at_s, _, cores in usage.recent if at_s >= since_s and cores == cores]
    return min(used) if len(used) > 2 else 0.0


def _range(histogram: Histogram, seen_s: float, pace: Pace) -> Range:
    """VPA's: the upper one is endless at first, and both close in as more is seen."""
    windows = max(seen_s, pace.reaction_s) / pace.window_s
    return Range(
        lower=MARGIN * histogram.percentile(0.5) * (1.0 + 0.001 / windows) ** -2.0,
        target=MARGIN * histogram.percentile(REQUEST_SHARE),
        upper=MARGIN * histogram.percentile(0.95) * (1.0 + 1.0 / windows),
    )


def _request(found: Range, limit: float) -> float:
    """Never above the limit; unknown while nothing was seen."""
    return min(found.target, limit) if limit == limit else found.target


def _bounded(advice: _Limit, now: float, least: float) -> _Limit:
    """Shrinking ends at what the owner wants at least."""
    if advice.value < now and advice.value < least:
        return _Limit(min(now, least), Cap.LEAST, advice.why, advice.is_short)
    return advice
