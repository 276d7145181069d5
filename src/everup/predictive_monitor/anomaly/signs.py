"""The members: how unusual is the newest value of each stream, looked at in many simple ways. Pure.

Flows in: the past of each stream, oldest first, the newest value, its time of day as a profile has
it. Flows out: `[stream, member]`, 0 and more, each on a scale of its own; NaN = cannot be told.
What they mean for this stream is for `tails` to say. None was chosen, left out or weighed by its
success on one data set; `docs/anomalies.md` tells what was tried.

"Settled" is the past without its last SETTLING rows, so that what goes on just now is compared with
what was before it. All spreads are interquartile ranges in standard deviations of a normal law,
with a floor, so that an idle stream does not make a whisper a shout. Members that look at several
rows look at calmed values (`windows.calmed`): one lone spike never echoes through them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.predictive_monitor.anomaly.windows import (
    Ordered,
    calmed,
    mean_of,
    trailing_means,
)

Floats = NDArray[np.float32]

PAST_ROWS = 512
SETTLING_ROWS = 48
SETTLED_LEAST = 64
"""With fewer settled rows, all of the past stands in for them; with fewer rows at all, nothing is
said."""
STARTING_LEAST = 20

MEMBERS = (
    "off_16_rows",  # from the median of the last 16 rows
    "off_64_rows",
    "off_settled",  # from the median of all that is settled
    "shift_12_rows",  # the mean of the last 12 rows, from the settled median
    "shift_48_rows",
    "spread_24_rows",  # the spread of the last 24 rows, up or down
    "roughness_12_rows",  # the mean change from row to row, up or down
    "beyond_past",  # outside of the range of the last PAST_ROWS
    "beyond_ever",  # outside of the range of its whole life
    "time_of_day",  # from what is usual at this hour
    "spectral_residual",  # the newest value stands out of its spectrum
    "relative_entropy",  # the values of the last 36 rows fall otherwise among the settled ones
    "shape_12_rows",  # no earlier stretch looks like the last 12 rows
    "shape_48_rows",
)

NORMAL_IQR = 1.349
NORMAL_90 = 3.29
"""What the interquartile range and the range from 5 % to 95 % are of a normal law, in its standard
deviations."""
SPREAD_FLOOR_SHARE = 0.1
LEVEL_FLOOR_SHARE = 1e-3
TINY = 1e-9
SPECTRUM_ROWS = 64
ENTROPY_ROWS = 36
ENTROPY_EDGES = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """What the members look at: `past [stream, PAST_ROWS]` and the newest value; the lowest and
    highest of its life; how far this hour's usual value is off, in its own spread."""

    past: Floats
    value: Floats
    lowest: Floats
    highest: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """What is usual for a stream: order of its settled rows, middle, spread, the smallest spread
    that counts."""

    order: Ordered
    rows: Floats
    middle: Floats
    spread: Floats
    floor: Floats


def settled_of(past: Floats) -> Settled:
    """The settled part of the past, or all of it while that is short."""
    rows = past[:, :-SETTLING_ROWS].copy()
    is_young = np.isfinite(rows).sum(axis=1) < SETTLED_LEAST
    if is_young.any():
        # The oldest rows of a young stream are unknown, so that its newest fit into their place.
        rows[is_young] = past[is_young, SETTLING_ROWS:]
    order = Ordered.of(rows)
    middle = order.quantile(0.5)
    floor = TINY + LEVEL_FLOOR_SHARE * np.nan_to_num(np.abs(middle))
    wide = (order.quantile(0.95) - order.quantile(0.05)) / NORMAL_90
    spread = (order.quantile(0.75) - order.quantile(0.25)) / NORMAL_IQR
    spread = np.maximum(np.maximum(spread, SPREAD_FLOOR_SHARE * wide), floor)
    unknown = ~order.enough(STARTING_LEAST)
    spread = np.where(unknown, np.nan, spread)
    return Settled(order, rows, middle, spread.astype(np.float32), floor.astype(np.float32))


def signs_of(given: Given, settled: Settled) -> Floats:
    """Every member but the time of day, which needs a memory of its own: that one is NaN."""
    whole = np.concatenate([given.past, given.value[:, None]], axis=1)
    calm = calmed(whole)
    found: dict[str, Floats] = {
        "off_16_rows": _off(given, settled, 16),
        "off_64_rows": _off(given, settled, 64),
        "off_settled": np.abs(given.value - settled.middle) / settled.spread,
        "shift_12_rows": np.abs(mean_of(calm[:, -12:]) - settled.middle) / settled.spread,
        "shift_48_rows": np.abs(mean_of(calm[:, -48:]) - settled.middle) / settled.spread,
        "spread_24_rows": _spread_change(calm, settled, 24),
        "roughness_12_rows": _roughness_change(calm, settled, 12),
        "spectral_residual": _spectral_residual(calm, given.value, settled),
        "relative_entropy": _relative_entropy(whole, settled),
        "shape_12_rows": _newness(calm, settled, points=12, every=1),
        "shape_48_rows": _newness(trailing_means(calm, 6), settled, points=8, every=6),
    }
    found |= _beyond(given, settled)
    return in_order(found, len(given.value))


def in_order(found: Mapping[str, Floats], streams: int) -> Floats:
    """`[stream, member]` in the order of MEMBERS; what is not there is unknown."""
    unknown = np.full(streams, np.nan, dtype=np.float32)
    return np.stack([found.get(name, unknown) for name in MEMBERS], axis=1).astype(np.float32)


def _off(given: Given, settled: Settled, rows: int) -> Floats:
    order = Ordered.of(given.past[:, -rows:])
    spread = (order.quantile(0.75) - order.quantile(0.25)) / NORMAL_IQR
    spread = np.maximum(spread, np.maximum(SPREAD_FLOOR_SHARE * settled.spread, settled.floor))
    off = np.abs(given.value - order.quantile(0.5)) / spread
    return np.where(order.enough(rows // 2), off, np.nan)


def _spread_change(calm: Floats, settled: Settled, rows: int) -> Floats:
    order = Ordered.of(calm[:, -rows:])
    floor = SPREAD_FLOOR_SHARE * settled.spread
    spread = (order.quantile(0.75) - order.quantile(0.25)) / NORMAL_IQR + floor
    change = np.abs(np.log2(spread / (settled.spread + floor)))
    return np.where(order.enough(rows // 2), change, np.nan)


def _roughness_change(calm: Floats, settled: Settled, rows: int) -> Floats:
    steps = np.abs(np.diff(calm, axis=1))
    floor = 0.02 * settled.spread + settled.floor
    now, before = mean_of(steps[:, -rows:]), _mean_of_known(steps[:, :-rows])
    return np.asarray(np.abs(np.log2((now + floor) / (before + floor))))


def _mean_of_known(window: Floats) -> Floats:
    known = np.isfinite(window)
    count = known.sum(axis=1)
    total = np.where(known, window, 0.0).sum(axis=1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _beyond(given: Given, settled: Settled) -> dict[str, Floats]:
    past = given.past
    is_known = np.isfinite(past).any(axis=1)
    low = np.where(np.isfinite(past), past, np.inf).min(axis=1)
    high = np.where(np.isfinite(past), past, -np.inf).max(axis=1)
    found = {}
    for name, lowest, highest, is_there in (
        ("beyond_past", low, high, is_known),
        ("beyond_ever", given.lowest, given.highest, np.isfinite(given.lowest)),
    ):
        bottom, top = np.where(is_there, lowest, 0.0), np.where(is_there, highest, 0.0)
        out = np.maximum(np.maximum(given.value - top, bottom - given.value), 0.0)
        scaled = out / (top - bottom + settled.floor)
        found[name] = np.where(is_there & np.isfinite(settled.spread), scaled, np.nan)
    return found


def _spectral_residual(calm: Floats, value: Floats, settled: Settled) -> Floats:
    """After Ren and others (2019): what is left of the logarithm of the spectrum when its own mean
    over neighbours is taken away, back in time; how far the newest row stands out there."""
    rows = np.concatenate([calm[:, -SPECTRUM_ROWS:-1], value[:, None]], axis=1)
    is_whole = np.asarray(np.isfinite(rows).all(axis=1))
    centred = np.where(is_whole[:, None], rows, 0.0).astype(np.float64)
    centred -= centred.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centred, axis=1)
    size = np.abs(spectrum) + TINY
    logs = np.log(size)
    around = (np.roll(logs, 1, axis=1) + logs + np.roll(logs, -1, axis=1)) / 3.0
    back = np.abs(np.fft.irfft(np.exp(logs - around) * (spectrum / size), SPECTRUM_ROWS, axis=1))
    stands_out = back[:, -1] / (back[:, :-1].mean(axis=1) + TINY)
    weight = np.minimum(1.0, np.abs(centred[:, -1]) / (settled.spread + TINY))
    return np.where(is_whole, stands_out * weight, np.nan).astype(np.float32)


def _relative_entropy(whole: Floats, settled: Settled) -> Floats:
    """Kullback-Leibler divergence of the last rows from the settled ones, over bins between the
    quantiles of the latter."""
    edges = np.stack([settled.order.quantile(q) for q in ENTROPY_EDGES], axis=1)
    usual = _shares(settled.rows, edges)
    usual = (usual + 1.0) / (usual.sum(axis=1, keepdims=True) + len(ENTROPY_EDGES) + 1.0)
    now = _shares(whole[:, -ENTROPY_ROWS:], edges)
    count = now.sum(axis=1)
    now = (now + 3.0 * usual) / (count[:, None] + 3.0)
    divergence = (now * np.log(now / usual)).sum(axis=1)
    return np.where(count >= ENTROPY_ROWS // 2, divergence, np.nan).astype(np.float32)


def _shares(rows: Floats, edges: Floats) -> Floats:
    above = np.stack([(rows > edge[:, None]).sum(axis=1) for edge in edges.T], axis=1)
    known = np.isfinite(rows).sum(axis=1)[:, None]
    bounds = np.concatenate([known, above, np.zeros_like(known)], axis=1)
    return np.asarray(bounds[:, :-1] - bounds[:, 1:], dtype=np.float32)


def _newness(calm: Floats, settled: Settled, *, points: int, every: int) -> Floats:
    """Distance of the newest stretch from its nearest neighbour in the past, a discord when it is
    large (Keogh and others, 2005). Stretches that overlap the newest do not count."""
    span = points * every
    starts = calm.shape[1] - 2 * span + every
    if starts < 1:
        return np.full(len(calm), np.nan, dtype=np.float32)
    newest = calm[:, calm.shape[1] - 1 - (points - 1) * every :: every]
    total = np.zeros((len(calm), starts), dtype=np.float32)
    for point in range(points):
        step = calm[:, point * every : point * every + starts] - newest[:, point : point + 1]
        total += step * step
    nearest = np.where(np.isfinite(total), total, np.inf).min(axis=1)
    found = np.sqrt(nearest / points) / settled.spread
    return np.where(np.isfinite(nearest), found, np.nan).astype(np.float32)
