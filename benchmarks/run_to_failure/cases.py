"""What happens to which service: 30 failures and 30 look-alikes, each drawn from its seed. Pure.

Everything is a level, a share of a limit, over true minutes since all was well: 1 is the failure.
A failure leaves its base at `onset_min` and is at its limit `lasts_min` later, in six shapes;
a look-alike rises for a harmless reason. What the levels are of is the driver's matter.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

ROUND_MIN = 44.0
"""True minutes of a round."""
NOISE_STEP_MIN = 1.0 / 6.0


class Kind(StrEnum):
    """What runs out."""

    MEMORY = "memory"
    DISK = "disk"
    FILES = "open files"
    CONNECTIONS = "connections"
    LATENCY = "latency"
    QUEUE = "accept queue"


class Shape(StrEnum):
    """How it rises."""

    LINEAR = "linear"
    ACCELERATING = "accelerating"
    STEPWISE = "stepwise"
    NOISY = "noisy"
    TOOTHED = "teeth on a rising floor"
    DRIFT = "thermal-like drift"
    # look-alikes
    TEETH = "collected teeth"
    PEAK = "nightly peak"
    DEPLOY = "deploy step"
    WARM_UP = "cache warm-up"


M, D, F, C, L, Q = Kind
FAILURES: tuple[tuple[Kind, Shape], ...] = (
    *(((M, Shape.LINEAR),) * 4),
    *(((M, Shape.ACCELERATING),) * 3),
    *(((M, Shape.STEPWISE),) * 3),
    *(((M, Shape.NOISY),) * 3),
    *(((M, Shape.TOOTHED),) * 2),
    *((D, Shape.LINEAR), (D, Shape.STEPWISE), (D, Shape.ACCELERATING)),
    *((F, Shape.LINEAR), (F, Shape.NOISY), (F, Shape.ACCELERATING)),
    *((C, Shape.LINEAR), (C, Shape.NOISY), (C, Shape.STEPWISE)),
    *((L, Shape.LINEAR), (L, Shape.NOISY), (L, Shape.DRIFT), (L, Shape.DRIFT)),
    *((Q, Shape.LINEAR), (Q, Shape.NOISY)),
)
LOOK_ALIKES: tuple[tuple[Kind, Shape], ...] = (
    *(((M, Shape.TEETH),) * 6),
    *(((M, Shape.PEAK),) * 4),
    *(((M, Shape.DEPLOY),) * 3),
    *(((M, Shape.WARM_UP),) * 4),
    *((D, Shape.TEETH), (D, Shape.DEPLOY), (D, Shape.WARM_UP)),
    *((F, Shape.PEAK), (F, Shape.WARM_UP)),
    *((C, Shape.PEAK), (C, Shape.WARM_UP)),
    *((L, Shape.PEAK), (L, Shape.PEAK), (L, Shape.DEPLOY), (L, Shape.TEETH)),
    *((Q, Shape.PEAK), (Q, Shape.WARM_UP)),
)
BASES: dict[Kind, tuple[float, float]] = {
    M: (0.25, 0.5),
    D: (0.3, 0.6),
    F: (0.2, 0.5),
    C: (0.2, 0.5),
    L: (0.08, 0.25),
    Q: (0.05, 0.2),
}
NOISES: dict[Kind, float] = {M: 0.004, D: 0.001, F: 0.006, C: 0.015, L: 0.015, Q: 0.02}
"""Usual noise of a level; five times as much where the shape is noisy or a drift, at most 0.04."""


@dataclass(frozen=True, slots=True)
class Case:
    """One service's hour. `height`: what a look-alike rises by; of teeth, how high they are.
    `bend`: the power of an accelerating rise, or how crooked a drift is."""

    seed: int
    kind: Kind
    shape: Shape
    fails: bool
    base: float
    onset_min: float
    lasts_min: float
    height: float
    period_min: float
    bend: float
    steps: int
    noise: float

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.seed}: {self.kind}, {self.shape}"

    def mean_level(self, at_min: float) -> float:
        """Without noise."""
        after = max(0.0, at_min - self.onset_min)
        share = after / self.lasts_min
        teeth = self.height * ((at_min / self.period_min) % 1.0)
        match self.shape:
            case Shape.LINEAR | Shape.NOISY:
                return self.base + (1.0 - self.base) * share
            case Shape.ACCELERATING:
                return float(self.base + (1.0 - self.base) * share**self.bend)
            case Shape.STEPWISE:
                return self.base + (1.0 - self.base) * math.floor(share * self.steps) / self.steps
            case Shape.TOOTHED:
                return self.base + (1.0 - self.base - self.height) * share + teeth
            case Shape.DRIFT:
                risen = math.expm1(self.bend * min(share, 3.0)) / math.expm1(self.bend)
                return self.base + (1.0 - self.base) * risen
            case Shape.TEETH:
                return self.base + teeth
            case Shape.PEAK:
                return self.base + self.height * math.sin(math.pi * min(1.0, share)) ** 2
            case Shape.DEPLOY:
                return self.base + self.height * min(1.0, after / 0.5)
            case Shape.WARM_UP:
                return self.base - self.height * math.expm1(-after / (0.2 * self.lasts_min))

    def levels(self) -> NDArray[np.float64]:
        """Every ten true seconds, with noise: partly of each moment, partly of what lasts."""
        rng = np.random.default_rng(self.seed)
        count = int(2 * ROUND_MIN / NOISE_STEP_MIN)
        white = rng.normal(0.0, 1.0, count)
        lasting = np.zeros(count)
        for at, kick in enumerate(rng.normal(0.0, 1.0, count)[1:], 1):
            lasting[at] = 0.8 * lasting[at - 1] + 0.6 * kick
        noise = self.noise * (0.8 * white + 0.6 * lasting)
        mean = np.array([self.mean_level(at * NOISE_STEP_MIN) for at in range(count)])
        return np.asarray(np.maximum(0.0, mean + noise))

    def reaches_limit_min(self) -> float:
        """When it fails, noise aside; infinite for a look-alike."""
        return self.onset_min + self.lasts_min if self.fails else math.inf


def case(seed: int, kind: Kind, shape: Shape, *, fails: bool) -> Case:
    """Drawn from the seed, and from nothing else."""
    rng = random.Random(f"run-to-failure {seed}")
    base = rng.uniform(*BASES[kind])
    lasts_min = math.exp(rng.uniform(math.log(12.0), math.log(30.0)))
    room = 1.0 - base
    height = rng.uniform(0.35, 0.75) * room
    if shape in (Shape.TEETH, Shape.TOOTHED):
        height = rng.uniform(0.3, 0.6) * room if shape is Shape.TEETH else rng.uniform(0.1, 0.2)
    is_noisy = shape in (Shape.NOISY, Shape.DRIFT)
    return Case(
        seed=seed,
        kind=kind,
        shape=shape,
        fails=fails,
        base=base,
        onset_min=rng.uniform(8.0, 12.0),
        lasts_min=lasts_min,
        height=height,
        period_min=rng.uniform(2.0, 6.0),
        bend=rng.uniform(1.5, 2.5),
        steps=rng.randint(8, 20),
        noise=min(0.04, 5.0 * NOISES[kind]) if is_noisy else NOISES[kind],
    )


def cases(first_seed: int, *, quick: bool = False) -> list[Case]:
    """All 60, each with the seed after the one before; `quick`: every fifth of them."""
    failing = [case(first_seed + i, *each, fails=True) for i, each in enumerate(FAILURES)]
    alike = [case(first_seed + 30 + i, *each, fails=False) for i, each in enumerate(LOOK_ALIKES)]
    return [*failing[::5], *alike[::5]] if quick else [*failing, *alike]


def assigned(cases: Sequence[Case], services: Sequence[str]) -> dict[str, Case]:
    """Service → its case, drawn from the first seed."""
    chosen = list(services)
    random.Random(f"services {cases[0].seed}").shuffle(chosen)
    return dict(zip(chosen, cases, strict=False))
