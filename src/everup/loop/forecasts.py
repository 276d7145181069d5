"""Forecasts that are kept to be judged, also those far below what is acted upon.

Flows in: each look's predictions, failures and endings. Flows out: `ForecastsSettled`, at most one
an hour. Called by `accounting`. Volatile: what is open when Everup ends is not judged at all.

Kept are, for each service that runs and has not failed: one forecast an hour, whatever it says and
0 where nothing is foretold, spread over the hour by service; and in each episode the first forecast
in each tenth from 0.05 on, before the calibration. A forecast came true when the service failed, or
a prediction of it was a hit, within the horizon behind it. It is set aside when something was done
to the service meanwhile, it was changed, failed in a way that no look could foresee, or could not
be seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from everup.loop.fold_accuracy import added_to
from everup.model import entries as e
from everup.model.accuracy import Failure, ForecastTally
from everup.model.assessment import Predictions
from everup.model.kinds import UNKNOWN, is_known
from everup.model.observation import Observation
from everup.model.prediction import PredictionEnding
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import StackState
from everup.predictive_monitor.accuracy import tenth_of

HOUR_S = 3600.0
EPISODE_FROM = 0.05
PENDING_MOST = 32
"""Open forecasts of one service; more are not kept."""
NOBODY_CAN_SAY = frozenset({PredictionEnding.AVERTED, PredictionEnding.VOID})


class Open(NamedTuple):
    """A forecast whose future has not come. `raw`: without a calibration; 0: of nothing."""

    at_s: float
    p: float
    raw: float


@dataclass(slots=True)
class _Service:
    due_s: float
    pending: list[Open] = field(default_factory=list)
    said: set[int] = field(default_factory=set)  # tenths of this episode
    highest: list[tuple[float, float]] = field(default_factory=list)


class Forecasts:
    """Of one stack."""

    def __init__(self, stack: Stack, settings: Settings) -> None:
        self._hour_s = HOUR_S * settings.time_scale
        self._horizon_s = settings.prediction_horizon_s
        self._services: dict[str, _Service] = {}
        self._names = tuple(n for n, spec in stack.services.items() if not spec.is_one_shot)
        self._tallies: dict[tuple[str, int], ForecastTally] = {}
        self._raw: dict[int, ForecastTally] = {}
        self._set_aside = 0
        self._flushed_s = UNKNOWN

    def forget(self) -> None:
        """History broke: nobody knows what happened meanwhile."""
        self._set_aside += sum(len(s.pending) for s in self._services.values())
        self._services.clear()

    def before(self, now_s: float) -> Mapping[str, float]:
        """Service → the highest probability foretold within the horizon."""
        since_s = now_s - self._horizon_s
        return {
            name: max((p for at_s, p in known.highest if at_s >= since_s), default=0.0)
            for name, known in self._services.items()
            if known.highest
        }

    def settle(
        self,
        observation: Observation,
        state: StackState,
        failures: Iterable[Failure],
        endings: Iterable[e.PredictionSettled],
    ) -> None:
        """What has been decided by now."""
        now_s = observation.at_s
        came, nobody_knows = self._events(now_s, observation, state, failures, endings)
        for name, known in self._services.items():
            if not known.pending:
                continue
            left = []
            for one in known.pending:
                if name in came and one.at_s < came[name] <= one.at_s + self._horizon_s:
                    self.count(name, one, came=True)
                elif nobody_knows.get(name, UNKNOWN) > one.at_s:  # never so for NaN
                    self._set_aside += 1
                elif now_s > one.at_s + self._horizon_s:
                    self.count(name, one, came=False)
                else:
                    left.append(one)
            known.pending = left

    def _events(
        self,
        now_s: float,
        observation: Observation,
        state: StackState,
        failures: Iterable[Failure],
        endings: Iterable[e.PredictionSettled],
    ) -> tuple[dict[str, float], dict[str, float]]:
        came: dict[str, float] = {}
        nobody_knows: dict[str, float] = {}
        for ending in endings:
            if ending.ending is PredictionEnding.HIT:
                came[ending.service] = now_s
            elif ending.ending in NOBODY_CAN_SAY:
                nobody_knows[ending.service] = now_s
        for failure in failures:
            (nobody_knows if failure.left_out else came)[failure.service] = failure.at_s
        for name, known in self._services.items():
            if not known.pending:
                continue
            seen, past = observation.services.get(name), state.service(name).past
            if seen is None or not seen.is_known or name in state.in_flight:
                nobody_knows[name] = now_s
            times = [past[-1].ended_at_s] if past else []
            times.append(observation.changes.get(name, UNKNOWN))
            times.append(nobody_knows.get(name, UNKNOWN))
            nobody_knows[name] = max((t for t in times if is_known(t)), default=UNKNOWN)
        return came, nobody_knows

    def count(self, name: str, one: Open, *, came: bool) -> None:
        """This one is settled."""
        said = _tally(name, one.p, came=came)
        known = self._tallies.get((name, said.tenth))
        self._tallies[name, said.tenth] = said if known is None else added_to(known, said)
        if one.raw > 0.0:
            raw = _tally("", one.raw, came=came)
            before = self._raw.get(raw.tenth)
            self._raw[raw.tenth] = raw if before is None else added_to(before, raw)

    def keep(
        self,
        observation: Observation,
        predictions: Predictions,
        failed: Iterable[str],
        state: StackState,
    ) -> None:
        """The forecasts of this look that are worth keeping."""
        now_s, foretold = observation.at_s, _likeliest(predictions)
        ill = frozenset(failed)
        for index, name in enumerate(self._names):
            known = self._services.get(name)
            if known is None:
                # Spread over the hour, so that a thousand are not all kept in one look.
                share = (index + 1) / len(self._names)
                known = self._services[name] = _Service(now_s + share * self._hour_s)
            p, raw = foretold.get(name, (0.0, 0.0))
            if raw >= EPISODE_FROM:
                known.highest = [
                    (t, q) for t, q in known.highest if t >= now_s - self._horizon_s and q > p
                ]
                known.highest.append((now_s, p))
            elif known.highest and known.highest[-1][0] < now_s - self._horizon_s:
                known.highest, known.said = [], set()
            # By tenths of what would be said without a calibration: it changes, these do not.
            is_first = raw >= EPISODE_FROM and tenth_of(raw) not in known.said
            if not is_first and now_s < known.due_s:
                continue
            seen = observation.services.get(name)
            if name in ill or name in state.in_flight or seen is None or not seen.is_known:
                continue
            if now_s >= known.due_s:
                known.due_s = now_s + self._hour_s
            if is_first:
                known.said.add(tenth_of(raw))
            if len(known.pending) < PENDING_MOST:
                known.pending.append(Open(now_s, min(1.0, max(0.0, p)), raw))

    def flush(self, now_s: float) -> list[e.Entry]:
        """What was counted, once an hour."""
        if not is_known(self._flushed_s):
            self._flushed_s = now_s
        if now_s - self._flushed_s < self._hour_s or not (self._tallies or self._set_aside):
            return []
        entry = e.ForecastsSettled(
            now_s,
            tuple(self._tallies[key] for key in sorted(self._tallies)),
            self._set_aside,
            tuple(self._raw[tenth] for tenth in sorted(self._raw)),
        )
        self._tallies, self._raw, self._set_aside, self._flushed_s = {}, {}, 0, now_s
        return [entry]


def _tally(name: str, p: float, *, came: bool) -> ForecastTally:
    return ForecastTally(name, tenth_of(p), 1, int(came), p, (p - float(came)) ** 2)


def _likeliest(predictions: Predictions) -> Mapping[str, tuple[float, float]]:
    """Service → the highest probability that is foretold for it, and what it was without a
    calibration."""
    found: dict[str, tuple[float, float]] = {}
    for one in predictions.items:
        raw = one.raw if is_known(one.raw) else one.probability
        found[one.service] = max(found.get(one.service, (0.0, 0.0)), (one.probability, raw))
    return found


def of_services(tallies: Iterable[ForecastTally]) -> tuple[ForecastTally, ...]:
    """One for each service and tenth."""
    found: defaultdict[tuple[str, int], list[ForecastTally]] = defaultdict(list)
    for one in tallies:
        found[one.service, one.tenth].append(one)
    added = []
    for key in sorted(found):
        first, *rest = found[key]
        for more in rest:
            first = added_to(first, more)
        added.append(first)
    return tuple(added)
