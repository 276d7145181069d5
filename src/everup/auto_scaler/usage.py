"""What one service was seen to use, as far as its size hangs on it: `Usage`. Pure.

Flows in: at each sight what its largest instance uses, its limits, deaths for lack of memory.
Flows out: peaks, percentiles, what a limit must cover, how long it was watched. Called by the loop
for each service and look; read by `vertical`. `pack` and `unpack` carry it over a restart.

Memory counts by the peak of each window, CPU by every sample, since too little of the one kills and
too little of the other only slows. A peak is forgotten after `PEAKS` windows in which something was
seen. What was not seen is no sight: it neither ages nor counts as watched.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

from everup.auto_scaler.bursts import Bursts, Past
from everup.auto_scaler.heights import FIRST_BYTES
from everup.auto_scaler.histogram import Histogram, numbers
from everup.auto_scaler.sight import BLOCKS, Pace, Sight
from everup.model.kinds import UNKNOWN

PEAKS = 8
"""Windows whose peaks are kept: with a window of a day, a week and a day (as Kubernetes' VPA)."""
RISES_WINDOWS = 16
"""Half-life of the heights of rises, which tell of the service and not of the week."""
STAYS_BLOCKS = 4
"""What was above its calm level for so many blocks is at a new level."""
FIRST_CORES = 0.01
RECENT_MOST = 256


@dataclass(slots=True)
class Usage:
    """The memory of one service. Bytes, cores, seconds of time."""

    pace: Pace
    memory: Histogram = field(init=False)
    cpu: Histogram = field(init=False)
    bursts: Bursts = field(init=False)
    peaks: deque[float] = field(default_factory=lambda: deque(maxlen=PEAKS - 1))
    wanted: deque[float] = field(default_factory=lambda: deque(maxlen=BLOCKS))
    recent: deque[tuple[float, float, float]] = field(
        default_factory=lambda: deque(maxlen=RECENT_MOST)
    )
    window_at_s: float = UNKNOWN
    window_peak: float = UNKNOWN
    block_at_s: float = UNKNOWN
    block_wanted: float = 0.0
    wanted_now: float = UNKNOWN
    peak_bytes: float = UNKNOWN  # of the latest windows
    memory_bytes: float = UNKNOWN
    seen_at_s: float = UNKNOWN  # when memory was last seen
    seen_s: float = 0.0  # for how long it was
    version_seen_s: float = 0.0
    unbroken_s: float = 0.0
    version: str = ""
    memory_limit_bytes: float = UNKNOWN
    memory_limit_since_s: float = UNKNOWN
    memory_grew_s: float = UNKNOWN
    cpus: float = UNKNOWN
    cpus_since_s: float = UNKNOWN
    cpu_at_s: float = UNKNOWN
    cpu_seen_s: float = 0.0
    cpu_most_cores: float = 0.0  # of this version: its start is among it, if it was seen
    killed_at_bytes: float = UNKNOWN  # the limit at which it died for lack of memory
    killed_at_s: float = UNKNOWN
    killed_version: str = ""

    def __post_init__(self) -> None:
        pace = self.pace
        self.memory = Histogram(FIRST_BYTES, pace.half_life_s)
        self.cpu = Histogram(FIRST_CORES, pace.half_life_s)
        self.bursts = Bursts(RISES_WINDOWS * pace.window_s, STAYS_BLOCKS * pace.block_s)

    def observe(self, sight: Sight) -> None:
        """Take in one look. Looks that are not later than the last one are left out."""
        at_s = sight.at_s
        if at_s <= self.seen_at_s or at_s <= self.cpu_at_s:
            return
        if sight.version != self.version:
            if sight.version and self.version:
                self.cpu_most_cores = 0.0
                # of the other one: this one may have died of less
                self.memory_limit_bytes = UNKNOWN
            self.version, self.version_seen_s = sight.version, 0.0
        self._limits(sight)
        if sight.out_of_memory > 0:
            self._killed(sight)
        if sight.cpu_cores == sight.cpu_cores:
            since_s = at_s - self.cpu_at_s
            weight = since_s if since_s <= self.pace.gap_s else self.pace.reaction_s / 2
            self.cpu.add(sight.cpu_cores, weight, at_s)
            self.cpu_at_s = at_s
            self.cpu_seen_s += weight
            self.cpu_most_cores = max(self.cpu_most_cores, sight.cpu_cores)
        if sight.memory_bytes == sight.memory_bytes:
            self._memory(at_s, sight.memory_bytes, sight.cpu_cores)

    def is_stale(self, now_s: float) -> bool:
        """Is what was seen last too old to take anything away by it?"""
        return not 0.0 <= now_s - self.seen_at_s <= self.pace.gap_s

    @property
    def killed_bytes(self) -> float:
        """The limit at which it was killed, as long as it says something: another version is held
        to it until its own peaks are known."""
        is_over = self.killed_version != self.version
        if is_over and self.version_seen_s >= PEAKS * self.pace.window_s:
            return UNKNOWN
        return self.killed_at_bytes

    @property
    def most_wanted(self) -> float:
        """The most that a limit had to cover, at any moment of the latest window."""
        return max(self.block_wanted, max(self.wanted, default=0.0))

    def _limits(self, sight: Sight) -> None:
        if sight.memory_limit_bytes == sight.memory_limit_bytes:
            if sight.memory_limit_bytes != self.memory_limit_bytes:
                self.memory_limit_since_s = sight.at_s
            if sight.memory_limit_bytes > self.memory_limit_bytes:
                self.memory_grew_s = sight.at_s
            self.memory_limit_bytes = sight.memory_limit_bytes
        if sight.cpus == sight.cpus:
            if sight.cpus != self.cpus:
                self.cpus_since_s = sight.at_s
            self.cpus = sight.cpus

    def _killed(self, sight: Sight) -> None:
        """It needed at least its limit, whatever was seen of it before."""
        limit = self.memory_limit_bytes
        if not math.isfinite(limit):
            return
        is_same = self.killed_version == sight.version and self.killed_at_bytes > limit
        if not is_same:
            self.killed_at_bytes = limit
        self.killed_at_s, self.killed_version = sight.at_s, sight.version
        self._peak(sight.at_s, limit)

    def _memory(self, at_s: float, value: float, cores: float) -> None:
        since_s = at_s - self.seen_at_s
        if since_s <= self.pace.gap_s:
            self.seen_s += since_s
            self.version_seen_s += since_s
            self.unbroken_s += since_s
        else:
            self.unbroken_s = 0.0
            if not since_s <= self.pace.lookahead_s:
                self.recent.clear()
                self.bursts.begin_anew(at_s, self.peak_bytes)
        self.seen_at_s, self.memory_bytes = at_s, value
        self._peak(at_s, value)
        past, trend = self._past(at_s, value)
        self.bursts.observe(at_s, value, past, self.peak_bytes)
        self.wanted_now = self.bursts.wanted(value, self.peak_bytes)
        if not self.bursts.is_usual(value, self.peak_bytes):  # else its growth ends by itself
            self.wanted_now = max(self.wanted_now, value + trend)
        self._block(at_s)
        self._remember(at_s, value, cores)

    def _peak(self, at_s: float, value: float) -> None:
        """VPA's way: one sample a window, which grows as its peak does."""
        begins_s = at_s - at_s % self.pace.window_s
        if begins_s != self.window_at_s:
            if self.window_peak == self.window_peak:
                self.peaks.append(self.window_peak)
            self.window_at_s, self.window_peak = begins_s, value
            self.memory.add(value, 1.0, begins_s)
            self.peak_bytes = max(value, max(self.peaks, default=value))
        elif value > self.window_peak:
            self.memory.replace(self.window_peak, value, 1.0, begins_s)
            self.window_peak = value
            self.peak_bytes = max(self.peak_bytes, value)

    def _block(self, at_s: float) -> None:
        begins_s = at_s - at_s % self.pace.block_s
        if begins_s != self.block_at_s:
            if self.block_at_s == self.block_at_s:
                self.wanted.append(self.block_wanted)
                self.bursts.close(self.seen_s)
            self.block_at_s, self.block_wanted = begins_s, 0.0
        self.block_wanted = max(self.block_wanted, self.wanted_now)

    def _past(self, at_s: float, now: float) -> tuple[Past, float]:
        """The lookahead behind, and how much more is used after the next one, if use grew in every
        third of this one (by means)."""
        oldest_s, newest_s = at_s - self.pace.lookahead_s, at_s - self.pace.reaction_s
        third_s = self.pace.lookahead_s / 3
        first_s, second_s = oldest_s + third_s, oldest_s + 2 * third_s
        most, least, sums, counts = -math.inf, math.inf, [0.0, 0.0, now], [0, 0, 1]
        for seen_s, value, _ in self.recent:
            if seen_s < oldest_s:
                continue
            if seen_s <= newest_s:
                most, least = max(most, value), min(least, value)
            part = 0 if seen_s < first_s else 1 if seen_s < second_s else 2
            sums[part] += value
            counts[part] += 1
        past = Past() if most == -math.inf else Past(most, least)
        if not (counts[0] and counts[1]):
            return past, 0.0
        means = [total / count for total, count in zip(sums, counts, strict=True)]
        return past, 3.0 * max(0.0, min(means[1] - means[0], means[2] - means[1]))

    def _remember(self, at_s: float, value: float, cores: float) -> None:
        """At most two samples a reaction; of closer ones the larger."""
        recent = self.recent
        if recent and at_s - recent[-1][0] < self.pace.reaction_s / 2:
            last_s, most, most_cores = recent[-1]
            recent[-1] = (last_s, max(most, value), max(most_cores, cores))
            return
        recent.append((at_s, value, cores))
        while recent[0][0] < at_s - self.pace.lookahead_s:
            recent.popleft()

    def pack(self) -> dict[str, object]:
        """Plain values, for JSON; None is no number. The last minutes are not kept."""
        kept: dict[str, object] = {name: _plain(getattr(self, name)) for name in _PLAIN}
        kept |= {"peaks": list(self.peaks), "wanted": list(self.wanted)}
        kept |= {name: getattr(self, name).pack() for name in _PARTS}
        return kept

    @classmethod
    def unpack(cls, packed: Mapping[str, object], pace: Pace) -> Usage:
        """What `pack` gave; whatever is not that is as if it had never been seen."""
        made = cls(pace)
        for name in _PLAIN:
            value = packed.get(name)
            if isinstance(value, str) is isinstance(getattr(made, name), str):
                if isinstance(value, str | int | float):
                    setattr(made, name, value if isinstance(value, str) else float(value))
        made.peaks.extend(numbers(packed.get("peaks"), PEAKS - 1))
        made.wanted.extend(numbers(packed.get("wanted"), BLOCKS))
        for name in _PARTS:
            part = packed.get(name)
            if isinstance(part, Mapping):
                getattr(made, name).unpack(part)
        return made


_PARTS = ("memory", "cpu", "bursts")
_PLAIN = tuple(
    f.name for f in fields(Usage) if f.name not in {*_PARTS, "pace", "peaks", "wanted", "recent"}
)


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
