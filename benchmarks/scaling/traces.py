"""Demand, in steps of 15 s: from files, or made from a seed so that the benchmark runs anywhere.

A file is `NAME.csv.gz` with a header and rows of `t,rps`: seconds in equal steps, and requests a
second.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEP_S = 15
DAY = 86_400 // STEP_S
SUFFIX = ".csv.gz"


def read(folder: Path) -> Mapping[str, Floats]:
    """Name → demand of each step.

    Raises:
        ValueError: there is none, or one is not of equal steps of a multiple of 15 s.
    """
    files = sorted(folder.glob(f"*{SUFFIX}"))
    if not files:
        raise ValueError(f"no *{SUFFIX} in {folder}")
    return {path.name.removesuffix(SUFFIX): _demand(path) for path in files}


def _demand(path: Path) -> Floats:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2)
    steps = np.diff(rows[:, 0]) if len(rows) > 1 else np.zeros(1)
    step_s = round(float(steps[0]))
    if step_s <= 0 or step_s % STEP_S or np.abs(steps - step_s).max() > 0.5:
        raise ValueError(f"{path}: rows of equal steps of a multiple of {STEP_S} s are needed")
    return np.repeat(np.maximum(rows[:, 1], 0.0), step_s // STEP_S)


def made(seed: int = 0, days: int = 5) -> Mapping[str, Floats]:
    """Five kinds of demand, each with noise of its own."""
    rng = np.random.default_rng(seed)
    at = np.arange(days * DAY) / DAY
    wave = 1.0 + 0.6 * np.sin(2 * np.pi * (at - 0.3)) + 0.15 * np.sin(4 * np.pi * at)
    minutes = np.arange(len(at)) // (60 // STEP_S)
    wander = np.exp(np.cumsum(rng.normal(0, 0.002, len(at))) * 0.5)
    bursts = np.ones(len(at))
    for start in rng.integers(0, len(at), 12 * days):
        length = int(rng.integers(20, 60))
        bursts[start : start + length] *= float(rng.uniform(1.5, 4.0))
    steps = np.repeat(rng.lognormal(0, 0.25, len(at) // 20 + 1), 20)[: len(at)]
    flash = 1.0 + 5.0 * np.exp(-0.5 * ((at % 2.0 - 1.2) / 0.02) ** 2)
    return {
        "made_daily": _noisy(rng, 200 * wave, minutes),
        "made_wander": _noisy(rng, 150 * wave**0.5 * np.clip(wander, 0.2, 5), minutes),
        "made_bursts": _noisy(rng, 90 * bursts, minutes),
        "made_steps": _noisy(rng, 80 * wave * steps, minutes),
        "made_flash": _noisy(rng, 90 * wave * flash, minutes),
    }


def _noisy(rng: np.random.Generator, mean: Floats, minutes: NDArray[np.int64]) -> Floats:
    """Counted per minute, as most demand is."""
    by_minute = np.bincount(minutes, mean) / np.bincount(minutes)
    counted = rng.poisson(by_minute * 60.0) / 60.0
    return np.asarray(counted[minutes], dtype=np.float64)
