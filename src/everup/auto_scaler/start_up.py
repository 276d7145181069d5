"""How long an instance takes until it works, and what one costs that has nothing to do. Pure.

Flows in: seconds from the order until it was ready; rate, cores and bytes of an instance. Flows
out: a quantile of the start-up time, and what an idle instance uses. Called by `loop` and by
`capacity`; both are packed into plain values, so that they outlive a restart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from everup.model.kinds import UNKNOWN, is_known

STARTS_KEPT = 32
STARTS_TO_TRUST = 3
POINTS_TO_TRUST = 8.0
SPAN_LEAST = 0.2  # spread of the rates against their mean, below which no line can be drawn


class StartUp:
    """Learned start-up time of one service's instances, in seconds."""

    def __init__(self, fallback_s: float, seconds: Sequence[float] = ()) -> None:
        """`fallback_s`: what holds until a few starts were seen: the declared start period, or the
        setting for what declares none."""
        self.fallback_s = fallback_s
        self._seconds = [float(one) for one in seconds][-STARTS_KEPT:]

    @property
    def count(self) -> int:
        """Starts that are remembered."""
        return len(self._seconds)

    def take(self, seconds: float) -> None:
        """One start, from the order until it was ready; unknown or negative teaches nothing."""
        if math.isfinite(seconds) and seconds >= 0:
            self._seconds.append(float(seconds))
            del self._seconds[:-STARTS_KEPT]

    def quantile(self, share: float = 0.95) -> float:
        """Seconds that this share of starts does not exceed.

        Few starts say little: up to two of them only raise the fallback, and a share that lies
        beyond the slowest of n is that one and an n-th of it more.
        """
        if not self._seconds:
            return self.fallback_s
        seen = sorted(self._seconds)
        if len(seen) < STARTS_TO_TRUST:
            return max(self.fallback_s, seen[-1])
        rank = math.ceil(share * (len(seen) + 1))
        if rank <= len(seen):
            return seen[max(0, rank - 1)]
        return seen[-1] * (1 + 1 / len(seen))

    def pack(self) -> list[float]:
        """Plain values, oldest first."""
        return list(self._seconds)

    @classmethod
    def unpack(cls, packed: Sequence[float], fallback_s: float) -> StartUp:
        """What `pack` gave."""
        return cls(fallback_s, packed)


class Line:
    """A straight line y = intercept + slope · x by least squares, old points fading."""

    def __init__(self, sums: Sequence[float] = ()) -> None:
        """`sums`: weight, x, y, x², xy, y², and the time up to which they have faded."""
        self._sums = [float(one) for one in sums] if len(sums) == 7 else [0.0] * 7

    def take(self, x: float, y: float, at_s: float, half_life_s: float) -> None:
        """One point; unknown teaches nothing."""
        if not (math.isfinite(x) and math.isfinite(y)):
            return
        old = self._sums
        if at_s > old[6]:
            kept = 0.5 ** ((at_s - old[6]) / half_life_s)
            old = [*(one * kept for one in old[:6]), at_s]
        new = (1.0, x, y, x * x, x * y, y * y, 0.0)
        self._sums = [a + b for a, b in zip(old, new, strict=True)]

    def fade(self, weight_most: float) -> None:
        """Leave it no more weight than this."""
        if self._sums[0] > weight_most:
            kept = weight_most / self._sums[0]
            self._sums = [*(one * kept for one in self._sums[:6]), self._sums[6]]

    def drawn(self) -> tuple[float, float, float]:
        """(intercept, slope, share of the variance that it explains); unknown where the points are
        too few or too near each other."""
        weight, x, y, xx, xy, yy, _ = self._sums
        if weight < POINTS_TO_TRUST:
            return UNKNOWN, UNKNOWN, UNKNOWN
        mean_x, mean_y = x / weight, y / weight
        across, up = xx / weight - mean_x**2, yy / weight - mean_y**2
        if across <= (SPAN_LEAST * mean_x) ** 2 or mean_x <= 0:
            return UNKNOWN, UNKNOWN, UNKNOWN
        both = xy / weight - mean_x * mean_y
        slope = both / across
        explained = min(1.0, both * both / (across * up)) if up > 0 else 0.0
        return mean_y - slope * mean_x, slope, explained

    def pack(self) -> list[float]:
        """Plain values."""
        return list(self._sums)


class BaseCost:
    """What one instance of a service uses without any work: where cores and bytes, drawn against
    the rate, begin."""

    def __init__(self, half_life_s: float = 86_400.0) -> None:
        """`half_life_s`: after which an old point counts half."""
        self.half_life_s = half_life_s
        self._cores, self._bytes = Line(), Line()

    def take(self, at_s: float, rate: float, cores: float, memory_bytes: float) -> None:
        """Means of an interval, per instance; what is unknown teaches nothing."""
        self._cores.take(rate, cores, at_s, self.half_life_s)
        self._bytes.take(rate, memory_bytes, at_s, self.half_life_s)

    @property
    def cores(self) -> float:
        """Cores of an idle instance; unknown until a line can be drawn."""
        return _at_least_zero(self._cores.drawn()[0])

    @property
    def memory_bytes(self) -> float:
        """Bytes of an idle instance; unknown until a line can be drawn."""
        return _at_least_zero(self._bytes.drawn()[0])

    def pack(self) -> dict[str, list[float]]:
        """Plain values."""
        return {"cores": self._cores.pack(), "bytes": self._bytes.pack()}

    @classmethod
    def unpack(
        cls, packed: Mapping[str, Sequence[float]], half_life_s: float = 86_400.0
    ) -> BaseCost:
        """What `pack` gave."""
        found = cls(half_life_s)
        found._cores = Line(packed.get("cores", ()))
        found._bytes = Line(packed.get("bytes", ()))
        return found


def _at_least_zero(value: float) -> float:
    return max(0.0, value) if is_known(value) else UNKNOWN
