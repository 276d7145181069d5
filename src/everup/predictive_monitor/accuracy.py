"""How good predictions were: `accuracy(settled, failures, tallies) -> AccuracyReport`. Pure.

Flows in: predictions that were settled, failures that were met, tallies of forecasts. Flows out:
precision, recall, lead time, Brier score and the reliability curve, of all, of each service and of
each cause. Called by the API, the report, the metrics and replay. docs/accuracy.md defines it.

- precision = hits / (hits + late + false alarms). What was averted, and what nobody can say, is
  counted apart and is in neither part.
- recall = foreseen / failures that count. One foretold for sooner than it came is not foreseen.
- lead time: of failures that were foreseen, from the prediction to the failure.
- Brier = mean squared error of forecasts, beside that of always saying the share that came. By
  services and over all; a forecast of nothing has no cause, so there is none by causes.
- calibration error: mean distance between said and came over the tenths, weighed by their counts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

from everup.model.accuracy import (
    TENTHS,
    Accuracy,
    AccuracyReport,
    Failure,
    ForecastTally,
    SignalBefore,
    Tenth,
)
from everup.model.episode import quantile
from everup.model.kinds import UNKNOWN, is_known
from everup.model.prediction import MadePrediction, PredictionEnding

T = TypeVar("T", MadePrediction, Failure, ForecastTally)

MISSES_MOST = 100
MOVED_RATIO = 0.2
"""A signal moved when it ended this far from where it began, as a share of the larger one …"""
MOVED_LEAST = {
    "score": 0.05,
    "cpu_ratio": 0.1,
    "memory_ratio": 0.03,
    "memory_bytes": 1e6,
    "latency_s": 0.02,
    "error_ratio": 0.05,
    "probe_ok": 0.05,
    "instances_up": 0.5,
    "age_s": float("inf"),  # it grows by itself
}
"""… and at least by so much, where that is known: noise about nothing is no sign."""


def tenth_of(probability: float) -> int:
    """Its place in the reliability curve: 0 for 0–0.1 up to 9 for 0.9–1."""
    return min(TENTHS - 1, max(0, int(probability * TENTHS + 1e-9)))


def has_moved(one: SignalBefore) -> bool:
    """Did it end far from where it began?"""
    if not (is_known(one.first) and is_known(one.last)):
        return False
    by = abs(one.last - one.first)
    least = MOVED_LEAST.get(one.signal, 0.0)
    return by > 0 and by >= least and by >= MOVED_RATIO * max(abs(one.first), abs(one.last))


def accuracy(
    settled: Sequence[MadePrediction],
    failures: Sequence[Failure],
    tallies: Sequence[ForecastTally],
    *,
    since_s: float,
    until_s: float,
    set_aside: int = 0,
    still_open: int = 0,
    is_cut: bool = False,
) -> AccuracyReport:
    """Everything that was settled or met from `since_s` up to `until_s`."""
    settled = [p for p in settled if since_s <= p.settled_at_s <= until_s]
    failures = [f for f in failures if since_s <= f.at_s <= until_s]
    counted = [f for f in failures if not f.left_out]
    missed = [f for f in counted if not f.is_foreseen]
    names = {p.service for p in settled} | {f.service for f in counted}
    names |= {t.service for t in tallies if t.service}
    causes = {p.cause for p in settled} | {f.cause for f in counted}
    predictions, failed, told = _by_service(settled), _by_service(counted), _by_service(tallies)
    return AccuracyReport(
        since_s,
        until_s,
        _one("", settled, counted, tallies),
        tuple(_one(n, predictions[n], failed[n], told[n]) for n in sorted(names)),
        tuple(
            _one(
                cause,
                [p for p in settled if p.cause is cause],
                [f for f in counted if f.cause is cause],
                (),
            )
            for cause in sorted(causes)
        ),
        tuple(sorted(missed, key=lambda f: -f.at_s)[:MISSES_MOST]),
        dict(sorted(Counter(f.left_out for f in failures if f.left_out).items())),
        set_aside,
        still_open,
        is_cut or len(missed) > MISSES_MOST,
    )


def _by_service(items: Iterable[T]) -> defaultdict[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for item in items:
        found[item.service].append(item)
    return found


def is_late(made: MadePrediction) -> bool:
    """It came, but after the horizon that it was foretold for."""
    if made.ending is not PredictionEnding.HIT or not is_known(made.horizon_s):
        return False
    return made.settled_at_s - made.made_at_s > made.horizon_s


def _one(
    name: str,
    settled: Sequence[MadePrediction],
    counted: Sequence[Failure],
    tallies: Sequence[ForecastTally],
) -> Accuracy:
    endings = Counter(p.ending for p in settled)
    late = sum(map(is_late, settled))
    hits = endings[PredictionEnding.HIT] - late
    false_alarms = endings[PredictionEnding.FALSE_ALARM]
    foreseen = [f for f in counted if f.is_foreseen]
    early = sum(1 for f in counted if f.is_early)
    missed = [f for f in counted if not f.prediction_id]
    leads = [f.lead_s for f in foreseen if is_known(f.lead_s)]
    count = sum(t.count for t in tallies)
    rate = _ratio(sum(t.came for t in tallies), count)
    curve = reliability(tallies)
    return Accuracy(
        name=name,
        hits=hits,
        late=late,
        averted=endings[PredictionEnding.AVERTED],
        false_alarms=false_alarms,
        void=endings[PredictionEnding.VOID],
        failures=len(counted),
        foreseen=len(foreseen),
        early=early,
        missed=len(missed),
        unseen=sum(1 for f in missed if not f.anomalies and not any(map(has_moved, f.visible))),
        precision=_ratio(hits, hits + late + false_alarms),
        recall=_ratio(len(foreseen), len(counted)),
        lead_p10_s=quantile(leads, 0.1),
        lead_p50_s=quantile(leads, 0.5),
        lead_p90_s=quantile(leads, 0.9),
        forecasts=count,
        base_rate=rate,
        brier=_ratio(sum(t.squared for t in tallies), count),
        brier_of_base=rate * (1.0 - rate),
        calibration_error=_ratio(sum(t.count * abs(t.said - t.came) for t in curve), count),
        reliability=curve,
    )


def reliability(tallies: Iterable[ForecastTally]) -> tuple[Tenth, ...]:
    """The curve: what was said and what came, in each tenth in which anything was said."""
    found: defaultdict[int, list[ForecastTally]] = defaultdict(list)
    for tally in tallies:
        found[tally.tenth].append(tally)
    points = []
    for tenth, those in sorted(found.items()):
        count = sum(t.count for t in those)
        if count:
            said, came = sum(t.sum_p for t in those), sum(t.came for t in those)
            low, high = tenth / TENTHS, (tenth + 1) / TENTHS
            points.append(Tenth(low, high, count, said / count, came / count))
    return tuple(points)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else UNKNOWN
