"""From evidence to one probability: `combine(...) -> Predictions`. Pure.

Flows in: what the lines foretell (`predict`), how unusual each service is, what a learned model
says of it, who needs whom, the calibration. Flows out: the same predictions, with one probability
each and every contribution named in `evidence`; those that only a model makes; and who is
threatened by what it needs. Called by `loop.foresight`.

Evidence is added in log-odds, so that no order matters and nothing leaves 0–1:

    log-odds = trend prior + min(LIFTED_MOST, anomaly + LEARNED_SHARE · (learned − its base rate))

- An anomaly makes a failure that is foretold already likelier, by up to `ANOMALY_MOST`: it says
  that something is new, and not what. Alone it foretells nothing.
- A learned model counts by how much it departs from the rate of failures that it was trained on.
  It sees the same levels and slopes as the lines, so that only half of it is news.
- Where no line says anything, what the model says, unchanged, is a prediction of its own cause,
  `about_to_fail`: nobody knows of what, so that a person is told, and nothing is done.
- The calibration is applied last, to the sum. `raw` keeps what was there before: it is what the
  next calibration is learned from.

What a service needs is no evidence about itself: a dependent is `threatened`, by the probability of
who it needs times the weights on the way, and never in `items`, so that nothing acts on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from everup.model.assessment import Prediction, Predictions
from everup.model.kinds import ONLY_TOLD, UNKNOWN, Cause, DependencyKind, is_known
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.tuning import Calibration

WORTH_SAYING = 0.05
ANOMALY_FROM = 1.0
"""Of the bound from which it is told; below it, nothing is unusual."""
ANOMALY_EACH, ANOMALY_MOST = 0.5, 1.0
"""Log-odds for each time that the level exceeds its bound, and at most."""
LEARNED_SHARE = 0.5
LEARNED_MOST = 2.0
"""Log-odds: a model alone makes 50 % into 12 % at most, or into LIFTED_MOST above it."""
LIFTED_MOST = 1.5
"""Log-odds: what names no cause makes 50 % into 82 % at most, and 30 % into 66 %, all of it
together. A line that hardly rises is not acted upon because a service is strange."""
SURE = 0.99
"""Nothing here is surer than this: log-odds of 1 would end all argument."""
ANOMALOUS = 0.1
"""How likely something fails of which only an anomaly is known."""
STEPS_MOST = 8
"""So far along the needs a failure is followed."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What a model says: service → probability; `base_rate`: of failures in what it learned from;
    `version`: its name."""

    version: str
    base_rate: float
    probabilities: Mapping[str, float] = field(default_factory=dict)


def combine(
    found: Predictions,
    stack: Stack,
    now_s: float,
    settings: Settings,
    *,
    anomalies: Mapping[str, float] | None = None,
    learned: Learned | None = None,
    calibration: Calibration | None = None,
) -> Predictions:
    """`anomalies`: service → its level as a share of the bound from which it is told."""
    unusual = anomalies or {}
    items = [_one(item, unusual, learned) for item in found.items]
    if learned is not None:
        items += _own(found.items, stack, now_s, settings, unusual, learned)
    if calibration is not None and calibration.said:
        items = [_calibrated(item, calibration) for item in items]
    kept = tuple(item for item in items if before_calibration(item) >= WORTH_SAYING)
    return replace(found, items=kept, threatened=_threatened(kept, unusual, stack))


def before_calibration(item: Prediction) -> float:
    """What would be said without one: a low worth keeps nothing from being learned of it."""
    return item.raw if is_known(item.raw) else item.probability


def log_odds(probability: float) -> float:
    """Of a probability, drawn in to 1–99 %."""
    p = min(SURE, max(1.0 - SURE, probability))
    return math.log(p / (1.0 - p))


def probability_of(odds: float) -> float:
    """Of log-odds."""
    return 1.0 / (1.0 + math.exp(-min(50.0, max(-50.0, odds))))


def anomaly_odds(level: float) -> float:
    """What an anomaly of this level adds."""
    if not level >= ANOMALY_FROM:  # never so for NaN
        return 0.0
    return min(ANOMALY_MOST, ANOMALY_EACH * level)


def learned_odds(learned: Learned, service: str) -> float:
    """What the model adds about this service; NaN where it says nothing."""
    said = learned.probabilities.get(service, UNKNOWN)
    if not is_known(said):
        return UNKNOWN
    apart = log_odds(said) - log_odds(learned.base_rate)
    return min(LEARNED_MOST, max(-LEARNED_MOST, LEARNED_SHARE * apart))


def _one(item: Prediction, unusual: Mapping[str, float], learned: Learned | None) -> Prediction:
    """One that a line made, with what else is known of its service. A date stays what it is."""
    if item.cause in ONLY_TOLD:
        return item
    now, said = item.probability, []
    odds, version = log_odds(now), item.model_version
    if more := anomaly_odds(unusual.get(item.service, 0.0)):
        odds += more
        text = f"anomaly: {unusual[item.service]:.1f} times the level from which it is told"
        said.append(_said(text, now, probability_of(odds)))
        now = probability_of(odds)
    if learned is not None and is_known(more := learned_odds(learned, item.service)):
        odds = min(odds + more, log_odds(item.probability) + LIFTED_MOST)
        text = f"{learned.version}: {learned.probabilities[item.service]:.0%}"
        said.append(_said(text, now, probability_of(odds)))
        now, version = probability_of(odds), f"{version}+{learned.version}"
    if not said:
        return item
    return replace(
        item, probability=now, evidence=(*item.evidence, *said), model_version=version, raw=now
    )


def _said(text: str, before: float, after: float) -> str:
    return f"{text}; {before:.0%} becomes {after:.0%}"


def _own(
    items: Sequence[Prediction],
    stack: Stack,
    now_s: float,
    settings: Settings,
    unusual: Mapping[str, float],
    learned: Learned,
) -> list[Prediction]:
    """What only the model foretells: of services about which no line says anything."""
    spoken_for = {item.service for item in items if item.cause not in ONLY_TOLD}
    horizon_s = settings.prediction_horizon_s
    found = []
    for name in stack.services:
        said = learned.probabilities.get(name, UNKNOWN)
        if name in spoken_for or not said >= WORTH_SAYING:
            continue
        evidence = [
            f"it is as services were before they failed: {said:.0%} by {learned.version}, where "
            f"{learned.base_rate:.1%} is usual"
        ]
        now = said
        if more := anomaly_odds(unusual.get(name, 0.0)):
            now = probability_of(log_odds(said) + more)
            text = f"anomaly: {unusual[name]:.1f} times the level from which it is told"
            evidence.append(_said(text, said, now))
        found.append(
            Prediction(
                *(name, Cause.ABOUT_TO_FAIL, now, now_s, now_s + horizon_s / 2.0),
                *(tuple(evidence), learned.version, now_s),
                latest_s=now_s + horizon_s,
                horizon_s=horizon_s,
                raw=now,
            )
        )
    return found


def _calibrated(item: Prediction, calibration: Calibration) -> Prediction:
    if item.cause in ONLY_TOLD:
        return item
    worth = calibration.of(item.probability)
    text = f"calibration: of {calibration.settled} earlier forecasts those like it came so often"
    evidence = item.evidence
    if abs(worth - item.probability) >= 0.005:
        evidence = (*evidence, _said(text, item.probability, worth))
    return replace(item, probability=worth, evidence=evidence, raw=item.probability)


def _threatened(
    items: Sequence[Prediction], unusual: Mapping[str, float], stack: Stack
) -> tuple[Prediction, ...]:
    """Who would fail with what it needs: one for each dependent, by independent chances of all."""
    sources = _sources(items, unusual)
    if not sources:
        return ()
    needed_by: dict[str, list[tuple[str, float]]] = {}
    for spec in stack.services.values():
        for edge in spec.depends_on:
            if edge.kind is DependencyKind.HARD:
                way = (spec.name, min(1.0, max(0.0, edge.weight * edge.confidence)))
                needed_by.setdefault(edge.target, []).append(way)
    chances: dict[str, list[tuple[float, Prediction | None, str]]] = {}
    for name, (chance, item) in sources.items():
        for dependent, weight in _reached(name, needed_by).items():
            chances.setdefault(dependent, []).append((chance * weight, item, name))
    found = [_of_dependent(name, ways) for name, ways in chances.items()]
    return tuple(one for one in found if one is not None)


def _sources(
    items: Sequence[Prediction], unusual: Mapping[str, float]
) -> Mapping[str, tuple[float, Prediction | None]]:
    found: dict[str, tuple[float, Prediction | None]] = {
        name: (ANOMALOUS, None) for name, level in unusual.items() if level >= ANOMALY_FROM
    }
    for item in items:
        known = found.get(item.service)
        if item.cause not in ONLY_TOLD and (known is None or item.probability > known[0]):
            found[item.service] = (item.probability, item)
    return found


def _reached(source: str, needed_by: Mapping[str, list[tuple[str, float]]]) -> dict[str, float]:
    """Dependent → the product of the weights on the strongest way to it."""
    best = {source: 1.0}
    edge = {source: 1.0}
    for _ in range(STEPS_MOST):
        further: dict[str, float] = {}
        for name, weight in edge.items():
            for dependent, share in needed_by.get(name, ()):
                if weight * share > max(best.get(dependent, 0.0), further.get(dependent, 0.0)):
                    further[dependent] = weight * share
        if not further:
            break
        best.update(further)
        edge = further
    del best[source]
    return best


def _of_dependent(
    name: str, ways: Sequence[tuple[float, Prediction | None, str]]
) -> Prediction | None:
    spared = math.prod(1.0 - chance for chance, _, _ in ways)
    strongest = max(ways, key=lambda way: (way[0], way[2]))
    item = strongest[1]
    if 1.0 - spared < WORTH_SAYING or item is None:
        return None
    evidence = tuple(
        f"it needs {source}, which is {_is(one)}: {chance:.0%} by the weights on the way"
        for chance, one, source in sorted(ways, key=lambda way: (-way[0], way[2]))
        if chance >= 0.01
    )
    return replace(
        item,
        service=name,
        cause=Cause.DEPENDENCY_DOWN,
        probability=1.0 - spared,
        evidence=evidence,
        level=UNKNOWN,
        instance="",
        raw=UNKNOWN,
    )


def _is(item: Prediction | None) -> str:
    if item is None:
        return "not as it usually is"
    return f"foretold to fail ({item.cause}, {item.probability:.0%})"
