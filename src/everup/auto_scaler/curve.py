"""Latency against the rate of one instance as a queue draws it, fitted to what was seen. Pure.

Flows in: mean rates with their latencies and how much each weighs, the target, the latency without
load. Flows out: the rate at which the curve crosses the target, with bounds. Called by `capacity`.

An instance is taken for a queue with c places, each busy for the latency without load, b. By
Little's law it is full at the rate μ = c/b, and the mean answer takes about

    latency(r) = b · (1 + v/c · ρ^(√(2(c+1))−1) / (1−ρ)),   ρ = r/μ

after Sakasegawa (1977, "An approximation formula L_q ≈ αρ^β/(1−ρ)"), where v says how unevenly work
comes and lasts: a half for work that always takes the same time, one for exponential times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GRID = 28
REACH = 8.0  # how far beyond what was seen a curve is looked for
UNEVEN_LEAST, UNEVEN_MOST = 0.5, 5.0
ROUGHNESS = 0.05  # relative: by how much a true service departs from any such curve
SHORT_OF_BROKEN = 0.3  # a logarithm: a single slow row below the broken rate is noise up to here
ONE_SIDED_90 = 1.2816**2  # χ² with one degree of freedom, one-sided 90 %
BISECTIONS = 9
_UNIT: Floats = np.linspace(0.0, 1.0, GRID)


@dataclass(frozen=True, slots=True)
class Seen:
    """Points of the curve, by rising rate. All of one length."""

    rates: Floats  # per second and instance
    logs: Floats  # natural logarithms of latencies in seconds
    errors: Floats  # their standard errors


@dataclass(frozen=True, slots=True)
class Fit:
    """Rates at which the curve crosses the target: the best one and one-sided bounds of 90 %.
    `upper` is infinite where nothing that was seen bends the curve."""

    best: float
    lower: float
    upper: float


def rising(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The nearest sequence, by weighted least squares, that never falls: neighbours that do are
    pooled (Ayer et al. 1955). Weights are above zero."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        mean, total, count = value, weight, 1
        while blocks and blocks[-1][0] >= mean:
            before, heavy, several = blocks.pop()
            mean = (mean * total + before * heavy) / (total + heavy)
            total += heavy
            count += several
        blocks.append((mean, total, count))
    return [mean for mean, _, count in blocks for _ in range(count)]


def single_place(base_s: float, target_s: float) -> float:
    """The rate that even one place carries within the target, at uneven service times (variance
    three times the squared mean), and at most 60 % of its time; 0 where the target is out of reach.

    Pollaczek-Khinchine: latency = b · (1 + 2 · ρ/(1−ρ)).
    """
    if not target_s > base_s > 0:
        return 0.0
    room = (target_s / base_s - 1) / 2
    return min(0.6, room / (1 + room)) / base_s


def fit(seen: Seen, base_s: float, target_s: float, broken: float) -> Fit | None:
    """The crossing of the target, or None where no curve can be drawn: too few points, or a target
    below the latency without load. `broken`: the rate from which on it was seen to be beyond the
    target; infinite when it was not."""
    ceiling = np.log(target_s)
    within = (seen.rates < broken) & (seen.logs < ceiling + SHORT_OF_BROKEN)
    if np.count_nonzero(within) < 3 or not target_s > base_s > 0:
        return None
    highest = float(seen.rates[within][-1])
    is_open = broken > highest * REACH
    end = highest * REACH if is_open else broken * 1.6
    full = highest * 1.005 * (end / highest / 1.005) ** _UNIT
    places = np.maximum(1.0, full * base_s)
    steep = np.sqrt(2 * (places + 1)) - 1
    x = _waits(seen.rates[None, :] / full[:, None], places[:, None], steep[:, None])
    base, uneven = _drawn(x[:, within], seen, within)
    drawn = np.log(base[:, None] * (1 + uneven[:, None] * x))
    # Beyond the target a queue grows as long as it lasts: how far beyond says nothing of the curve.
    off = np.where(within, seen.logs - drawn, np.maximum(0.0, ceiling - drawn))
    off_by = ((off / seen.errors) ** 2).sum(axis=1)
    at = _crossing(base, uneven / places, steep, target_s) * full
    likely = off_by <= off_by.min() + ONE_SIDED_90
    best = int(off_by.argmin())
    upper = np.inf if is_open and likely[-1] else float(at[likely].max())
    return Fit(float(at[best]), float(at[likely].min()), upper)


def _waits(load: Floats, places: Floats, steep: Floats) -> Floats:
    """Time waited, in units of the latency without load, at v = 1."""
    below = np.minimum(load, 0.999)
    found: Floats = below**steep / (places * (1 - below))
    return found


def _drawn(x: Floats, seen: Seen, within: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Base and unevenness of each row by weighted least squares of relative errors, the unevenness
    held to what queues have."""
    latency = np.exp(seen.logs[within])
    weight = 1 / (seen.errors[within] * latency) ** 2
    total = weight.sum()
    mean_x, mean_y = x @ weight / total, latency @ weight / total
    off = x - mean_x[:, None]
    spread = np.maximum((off**2) @ weight, 1e-300)
    slope = (off * (latency - mean_y)) @ weight / spread
    base = np.maximum(mean_y - slope * mean_x, mean_y * 1e-3)
    uneven = np.clip(slope / base, UNEVEN_LEAST, UNEVEN_MOST)
    shape = 1 + uneven[:, None] * x
    return ((shape * latency) @ weight) / ((shape**2) @ weight), uneven


def _crossing(base: Floats, share: Floats, steep: Floats, target_s: float) -> Floats:
    """The load, 0 to 1, at which each curve reaches the target; `share` is v/c."""
    room = np.maximum(target_s / base - 1, 1e-9) / share
    low, high = np.zeros_like(base), np.ones_like(base)
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        is_below = middle**steep < room * (1 - middle)
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return low
