"""How rare is a score, by its own past: `Tails.rarity(scores)`, then `Tails.learn(scores)`. Pure.

Flows in: scores of any scale, one per stream and member, 0 and more, NaN = unknown. Flows out:
−log10 of the chance that this member of this stream scores as high or higher: 2 is one row in a
hundred. So members of different nature, and streams of different temper, can be compared.

Each past is kept as counts per half octave of the score, between 2^-6 and 2^14. Within what was
often seen the chance is counted; beyond it the tail is taken as exponential in octaves (that is, a
power law in the score), with the mean excess as its scale. A few imagined rows stand in while
little was seen. Compare: anomaly likelihood (Ahmad and others, 2017) and peaks over threshold
(Siffer and others, 2017), which fit a Gaussian and a Pareto tail.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Counts = NDArray[np.uint16]

LOWEST_OCTAVE, HIGHEST_OCTAVE = -6.0, 14.0
BINS_PER_OCTAVE = 2
BINS = int((HIGHEST_OCTAVE - LOWEST_OCTAVE) * BINS_PER_OCTAVE)
TAIL_SHARE = 0.02
"""The tail begins where no more than this share of the past lies above."""
IMAGINED_ROWS = 5.0
IMAGINED_EXCESS = 0.6 * BINS_PER_OCTAVE
"""What the tail looks like before it was seen: a mean excess of 0.6 octaves."""
RARITY_MOST = 12.0
FULL = 2**14
"""When one bin has so many rows, all bins of that member are halved: the old past fades."""


AT_AND_ABOVE: Floats = np.tril(np.ones((BINS, BINS), dtype=np.float32))
STEPS_ABOVE: Floats = AT_AND_ABOVE @ AT_AND_ABOVE
"""Sums of all bins from one on, and sums of those, as one product each: the quickest way."""


@dataclass(slots=True, eq=False)
class Tails:
    """`counts [stream, member, bin]`: how often each height was seen."""

    counts: Counts

    @classmethod
    def new(cls, streams: int, members: int) -> Tails:
        """Nothing was seen yet."""
        return cls(np.zeros((streams, members, BINS), dtype=np.uint16))

    def rarity(self, scores: Floats) -> Floats:
        """−log10 of the tail probability; 0 where the score is unknown."""
        heights = _heights(scores)
        bins = heights.astype(np.int64)
        counts = self.counts.astype(np.float32)
        above, beyond = counts @ AT_AND_ABOVE, counts @ STEPS_ABOVE
        seen = above[..., 0]
        inside = _at(counts, bins)
        counted = _at(above, bins) - inside * (heights - bins)
        start = np.minimum((above > TAIL_SHARE * seen[..., None]).sum(axis=-1), BINS - 1)
        in_tail = _at(above, start)
        excess = _at(beyond, start) - 0.5 * in_tail + IMAGINED_EXCESS * IMAGINED_ROWS
        scale = excess / (in_tail + IMAGINED_ROWS)
        further = np.maximum(heights - start, 0.0) / scale
        is_tail = heights > start
        among = np.where(is_tail, in_tail, counted) + 0.5
        rarity = np.log10((seen + 1.0) / among) + np.where(is_tail, further, 0.0) / np.log(10.0)
        known = np.isfinite(scores)
        clipped = np.where(known, np.clip(rarity, 0.0, RARITY_MOST), 0.0)
        return np.asarray(clipped, dtype=np.float32)

    def learn(self, scores: Floats) -> None:
        """These scores are the past now; unknown ones teach nothing."""
        bins = _heights(scores).astype(np.int64)[..., None]
        known = np.isfinite(scores)[..., None]
        grown = np.take_along_axis(self.counts, bins, -1) + known.astype(np.uint16)
        np.put_along_axis(self.counts, bins, grown, -1)
        is_full = grown[..., 0] >= FULL
        if is_full.any():
            self.counts[is_full] //= 2


def _heights(scores: Floats) -> Floats:
    """Where among the bins a score stands; unknown ones at the lowest."""
    whole = np.where(np.isfinite(scores), scores, 0.0)
    octaves = np.log2(np.maximum(whole, 2.0**LOWEST_OCTAVE))
    heights = (octaves - LOWEST_OCTAVE) * BINS_PER_OCTAVE
    return np.asarray(np.clip(heights, 0.0, BINS - 1e-3), dtype=np.float32)


def _at(table: Floats, bins: NDArray[np.int64]) -> Floats:
    return np.asarray(np.take_along_axis(table, bins[..., None], -1)[..., 0])
