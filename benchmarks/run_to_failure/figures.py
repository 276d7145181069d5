"""What alarms and forecasts were worth: recall, precision, lead, Brier, reliability. Pure.

Times are true minutes. An alarm begins where it stands after five minutes without; it is right when
its service fails within 15 minutes of that beginning, whatever it stood for later. A failure is
foreseen when a right alarm began five minutes before it or earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.run_to_failure.cases import Case

HORIZON_MIN = 15.0
LEAD_LEAST_MIN = 5.0
QUIET_MIN = 5.0
FORECAST_EVERY_MIN = 5.0
FORECAST_FROM_MIN = 10.0
RESAMPLES = 2000
TENTHS = 10


def beginnings(on_min: Iterable[float], until_min: float = float("inf")) -> list[float]:
    """Where alarms begin, of the moments at which one stands, before that time."""
    found: list[float] = []
    last = float("-inf")
    for at_min in on_min:
        if at_min >= until_min:
            break
        if at_min - last > QUIET_MIN:
            found.append(at_min)
        last = at_min
    return found


@dataclass(frozen=True, slots=True)
class Score:
    """One way to raise alarms, over all cases that count. `early`: of the false alarms, those of
    services that failed later than the horizon; `leads_min`: of right alarms, the first of each."""

    name: str
    failures: int
    foreseen: int
    alarms: int
    right: int
    early: int
    leads_min: tuple[float, ...]

    @property
    def recall(self) -> float:
        """Of the failures, with five minutes to go or more."""
        return self.foreseen / self.failures if self.failures else float("nan")

    @property
    def precision(self) -> float:
        """Of the alarms."""
        return self.right / self.alarms if self.alarms else float("nan")


def score(
    name: str,
    alarms: Mapping[str, Sequence[float]],
    cases: Mapping[str, Case],
    failed_min: Mapping[str, float],
) -> Score:
    """`alarms`: service → beginnings; those of services without a case count as well."""
    foreseen = right = early = many = 0
    leads: list[float] = []
    for service, begins in alarms.items():
        fails_min = failed_min.get(service, float("inf"))
        own = [fails_min - at for at in begins if at < fails_min]
        many += len(own)
        hits = [lead for lead in own if lead <= HORIZON_MIN]
        right += len(hits)
        early += sum(np.isfinite(lead) for lead in own) - len(hits)
        if hits and service in cases:
            leads.append(max(hits))
            foreseen += max(hits) >= LEAD_LEAST_MIN
    failures = sum(service in failed_min for service in cases)
    return Score(name, failures, foreseen, many, right, int(early), tuple(sorted(leads)))


@dataclass(frozen=True, slots=True)
class Forecast:
    """What was foretold of one case at one moment, and what came."""

    service: str
    at_min: float
    probability: float
    came: bool


def forecasts(
    told: Iterable[tuple[float, str, float]],
    cases: Mapping[str, Case],
    failed_min: Mapping[str, float],
    ends_min: float,
) -> list[Forecast]:
    """Every five minutes of each service that has not failed, as long as a horizon lies ahead.

    `told`: when, service, probability; 0 where nothing was told in the minute before.
    """
    by_service: dict[str, list[tuple[float, float]]] = {}
    for at_min, service, probability in told:
        by_service.setdefault(service, []).append((at_min, probability))
    found = []
    for service in cases:
        fails_min = failed_min.get(service, float("inf"))
        for at_min in np.arange(
            FORECAST_FROM_MIN, ends_min - HORIZON_MIN + 1e-9, FORECAST_EVERY_MIN
        ):
            if at_min >= fails_min:
                break
            lately = [p for t, p in by_service.get(service, ()) if at_min - 0.5 <= t <= at_min]
            came = fails_min <= at_min + HORIZON_MIN
            found.append(Forecast(service, float(at_min), lately[-1] if lately else 0.0, came))
    return found


@dataclass(frozen=True, slots=True)
class Calibration:
    """Brier score and that of always saying the base rate, each with a 95 % interval, and how the
    difference stands; the curve: (said, came, count) by tenths; the error is its mean distance."""

    count: int
    base_rate: float
    brier: float
    brier_low: float
    brier_high: float
    base_brier: float
    gain_low: float
    gain_high: float
    error: float
    curve: tuple[tuple[float, float, int], ...]


def calibration(found: Sequence[Forecast], seed: int = 0) -> Calibration:
    """Resampled by service, since forecasts of one service belong together."""
    p = np.array([f.probability for f in found])
    came = np.array([f.came for f in found], dtype=float)
    owners = np.array([f.service for f in found])
    rows = [np.flatnonzero(owners == name) for name in sorted(set(owners))]
    rng = np.random.default_rng(seed)
    drawn, gains = [], []
    for _ in range(RESAMPLES):
        chosen = np.concatenate([rows[i] for i in rng.integers(0, len(rows), len(rows))])
        brier = float(np.mean((p[chosen] - came[chosen]) ** 2))
        drawn.append(brier)
        gains.append(float(np.var(came[chosen])) - brier)
    curve = []
    tenths = np.minimum((p * TENTHS).astype(int), TENTHS - 1)
    for tenth in range(TENTHS):
        mine = tenths == tenth
        if np.any(mine):
            curve.append((float(p[mine].mean()), float(came[mine].mean()), int(mine.sum())))
    return Calibration(
        count=len(found),
        base_rate=float(came.mean()),
        brier=float(np.mean((p - came) ** 2)),
        brier_low=float(np.quantile(drawn, 0.025)),
        brier_high=float(np.quantile(drawn, 0.975)),
        base_brier=float(np.var(came)),
        gain_low=float(np.quantile(gains, 0.025)),
        gain_high=float(np.quantile(gains, 0.975)),
        error=sum(abs(said - came) * count for said, came, count in curve) / len(found),
        curve=tuple(curve),
    )
