"""Where the targets end: what was proven of one instance, and where it was seen to break. Pure.

Flows in: rows of what was seen by rate, the owner's targets. Flows out: a Sight. What holds at a
rate is taken to hold below it, so that whatever the noise there is one rate up to which the targets
are kept. Called by `capacity`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from everup.auto_scaler.buckets import Row
from everup.auto_scaler.curve import ROUGHNESS, Seen, rising
from everup.model.kinds import UNKNOWN, is_known

PROOF, CALM_PROOF, BREAK_PROOF, BASE_PROOF = 2.0, 5.0, 3.0, 3.0
"""Intervals that it takes."""
POINTS_MOST = 20
Point = tuple[float, float, float, float]  # weight, rate, logarithm of the latency, its variance
FLAT = 1.3  # times the latency without load, up to which nothing is felt
ROOM_LEAST_S = 0.05
WAITING_CALM, WAITING_MOST = 0.5, 1.0  # entries of one instance
BADNESS_MOST, BADNESS_LEAST = 1.0, -2.0
"""Logarithms: one minute of a stall weighs no more than an answer at 2.7 times the target."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Rates per second and instance; 0: nothing is proven, infinite: nothing broke."""

    base_s: float  # latency without load; NaN where no latency is known
    target_s: float
    lowest: float = 0.0
    calm: float = 0.0  # up to here latency is flat, nothing waits, nothing fails
    proven: float = 0.0
    broken: float = math.inf
    strain: float = UNKNOWN  # latency at the proven rate against the one without load
    is_quiet: bool = True  # at the proven rate nothing waits and nothing fails


NOTHING = Sight(UNKNOWN, UNKNOWN)


def default_target_s(base_s: float) -> float:
    """The target where its owner declares none: the larger of twice the latency without load and
    50 ms more than it.

    At twice the time an answer waits as long as it is worked on: from there on the queue and no
    longer the work decides. A wait under 50 ms nobody notices, and for fast services alone the
    double would leave most of an instance unused.
    """
    return max(2 * base_s, base_s + ROOM_LEAST_S)


def sight(rows: Sequence[Row], latency_target_s: float, errors_most: float) -> Sight:
    """`rows` by rising rate; a target that is unknown is the default one."""
    if not rows:
        return NOTHING
    weights = [row.weight for row in rows]
    levels = _levels(rows)
    base_s = _base(rows, levels)
    target_s = latency_target_s if is_known(latency_target_s) else default_target_s(base_s)
    bad = [badness(row.mean_log, row.errors, row.waiting, target_s, errors_most) for row in rows]
    known = [index for index, value in enumerate(bad) if is_known(value)]
    smooth = rising([bad[index] for index in known], [weights[index] for index in known])
    good = [index for index, value in zip(known, smooth, strict=True) if value <= 0]
    beyond = [index for index, value in zip(known, smooth, strict=True) if value > 0]
    proven = _reached(rows, good, PROOF)
    lowest = rows[known[0]].rate if known else 0.0
    if proven is None:
        return Sight(base_s, target_s, lowest)
    is_broken = sum(weights[index] for index in beyond) >= BREAK_PROOF
    calm = _reached(rows, [i for i in good if _is_calm(rows[i], levels[i], base_s)], CALM_PROOF)
    top = rows[proven]
    return Sight(
        base_s,
        target_s,
        lowest,
        calm=rows[calm].rate if calm is not None else 0.0,
        proven=top.rate,
        broken=rows[beyond[0]].rate if is_broken else math.inf,
        strain=math.exp(levels[proven]) / base_s,
        is_quiet=not top.waiting > WAITING_CALM and not top.errors > errors_most / 2,
    )


def badness(
    log: float, errors: float, waiting: float, target_s: float, errors_most: float
) -> float:
    """How far beyond the targets, as a logarithm: above 0 is beyond, unknown where nobody can say.

    What waits is judged only where latency is unknown: at a router it is part of the latency."""
    found = UNKNOWN
    if is_known(log) and is_known(target_s):
        found = log - math.log(target_s)
    elif not is_known(log) and is_known(waiting):
        found = math.log((waiting + 0.5) / (WAITING_MOST + 0.5))
    if errors > errors_most:
        failing = max(0.1, math.log((errors + 1e-3) / (errors_most + 1e-3)))
        found = max(found, failing) if is_known(found) else failing
    return min(max(found, BADNESS_LEAST), BADNESS_MOST) if is_known(found) else UNKNOWN


def points(rows: Sequence[Row]) -> Seen:
    """Of rows with latency, what a curve is drawn through: at most so many, neighbours put together
    two by two from the lowest rates on, where a curve has the least to say."""
    told = [(r.weight, r.rate, r.mean_log, r.variance) for r in rows if is_known(r.log)]
    over = max(0, len(told) - POINTS_MOST)
    pairs = zip(told[: 2 * over : 2], told[1 : 2 * over : 2], strict=False)
    told = [_together(a, b) for a, b in pairs] + told[2 * over :]
    table = np.array(told, dtype=np.float64).reshape(-1, 4)
    weight, variance = table[:, 0], np.maximum(table[:, 3], 0.02**2)
    # A row of one interval has seen no variance yet: it is lent that of the others.
    lent = float(variance @ weight / weight.sum()) if told else 0.0
    spread = (variance * weight + lent * 4) / (weight + 4)
    rough = ROUGHNESS / np.minimum(weight, 1.0)  # what has nearly faded says nearly nothing
    return Seen(table[:, 1], table[:, 2], np.sqrt(spread / weight + rough**2))


def _together(a: Point, b: Point) -> Point:
    total = a[0] + b[0]
    rate, log, variance = ((a[0] * x + b[0] * y) / total for x, y in zip(a[1:], b[1:], strict=True))
    return total, rate, log, variance


def _levels(rows: Sequence[Row]) -> list[float]:
    """The rising logarithm of latency at each row; unknown where it is not known."""
    known = [index for index, row in enumerate(rows) if is_known(row.log)]
    smooth = rising([rows[i].mean_log for i in known], [rows[i].weight for i in known])
    found = [UNKNOWN] * len(rows)
    for index, value in zip(known, smooth, strict=True):
        found[index] = value
    return found


def _base(rows: Sequence[Row], levels: Sequence[float]) -> float:
    """Latency at the lowest rates, of so many intervals as say something."""
    weight, total = 0.0, 0.0
    for row, level in zip(rows, levels, strict=True):
        if not is_known(level):
            continue
        weight += row.weight
        total += row.weight * level
        if weight >= BASE_PROOF:
            break
    return math.exp(total / weight) if weight > 0 else UNKNOWN


def _is_calm(row: Row, level: float, base_s: float) -> bool:
    is_flat = not is_known(level) or level <= math.log(base_s * FLAT)
    return is_flat and not row.waiting > WAITING_CALM


def _reached(rows: Sequence[Row], among: Sequence[int], proof: float) -> int | None:
    """The highest of these rows that, with all above it, weighs enough."""
    weight = 0.0
    for index in reversed(among):
        weight += rows[index].weight
        if weight >= proof:
            return index
    return None
