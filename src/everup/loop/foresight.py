"""Foresight: the latest predictions, made anew with each sample and kept in between.

Flows in: what a look saw, the ring, how unusual services are, a learned model. Flows out:
Predictions, and when to look again: what climbs is looked at once per sample, not once per tick.
Called by `assess`; `predict` and `combine` are the pure parts, this only remembers their answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from everup.loop.history_ring import HistoryRing
from everup.loop.tuning import calibration_of
from everup.model.assessment import Predictions
from everup.model.kinds import ONLY_TOLD, UNKNOWN, Cause
from everup.model.learned import Craft
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import StackState
from everup.predictive_monitor import combine, moving, predict
from everup.predictive_monitor.combine import Learned
from everup.predictive_monitor.learned import FEATURES, FailureModel, rows_of_ring
from everup.predictive_monitor.learned.rows import STEP_SAMPLES

CONFIRMED_S = 15.0
"""So long a line must have foretold something before it is said."""
SAMPLES_MOST = 30
"""That are remembered of one line."""


def failure_model(content: bytes) -> FailureModel:
    """One that can serve here.

    Raises:
        ValueError: why it cannot.
    """
    model = FailureModel.unpack(content)
    if model.features != FEATURES:
        raise ValueError("it was trained on other features than this Everup has")
    return model


class Foresight:
    """`again_s`: when the next look is wanted; NaN when there is no hurry. `anomalies`: service →
    its level as a share of the bound from which it is told, set by whoever knows."""

    def __init__(self) -> None:
        self.predictions = Predictions()
        self.again_s = UNKNOWN
        self.anomalies: Mapping[str, float] = {}
        self._made_at_s = UNKNOWN
        self._lately: Mapping[tuple[str, Cause], tuple[tuple[float, float], ...]] = {}
        self._model: FailureModel | None = None
        self._version = ""
        self._learned: Learned | None = None
        self._learned_at_s = UNKNOWN

    def serve(self, craft: Craft, content: bytes | None) -> str:
        """Have this model serve from the next sample on, or none; why it cannot, "" if it does."""
        if craft is Craft.FAILURE:
            return self._serve_failure(content)
        return ""

    def _serve_failure(self, content: bytes | None) -> str:
        self._model = self._learned = None
        self._learned_at_s = UNKNOWN
        if content is None:
            return ""
        try:
            model = failure_model(content)
        except ValueError as error:
            return str(error)
        self._version = f"{Craft.FAILURE}-{hashlib.sha256(content).hexdigest()[:10]}"
        self._model = model
        return ""

    def look(
        self,
        stack: Stack,
        observation: Observation,
        ring: HistoryRing,
        state: StackState,
        settings: Settings,
    ) -> Predictions:
        """What is foretold now. Without a new sample nothing is new."""
        if ring.last_s != self._made_at_s:
            self._made_at_s = ring.last_s
            found = self._confirmed(predict(stack, observation, ring, state, settings), settings)
            self.predictions = combine(
                found,
                stack,
                observation.at_s,
                settings,
                anomalies=self.anomalies,
                learned=self._by_model(ring, settings),
                calibration=calibration_of(settings, state),
            )
            is_strained = any(s.cause not in ONLY_TOLD for s in self.predictions.strains)
            is_moving = bool(moving(ring)) or is_strained
            self.again_s = ring.last_s + settings.sample_interval_s if is_moving else UNKNOWN
        return self.predictions

    def _confirmed(self, found: Predictions, settings: Settings) -> Predictions:
        """What lines foretell, as far as they have done so for a while: the least of the last
        seconds, and of two samples. One odd sample makes no prediction."""
        at_s, for_s = self._made_at_s, CONFIRMED_S * settings.time_scale
        lately: dict[tuple[str, Cause], tuple[tuple[float, float], ...]] = {}
        items = []
        for item in found.items:
            if item.cause in ONLY_TOLD:
                items.append(item)
                continue
            key = (item.service, item.cause)
            before = self._lately.get(key, ())
            lately[key] = (*before[-SAMPLES_MOST:], (at_s, item.probability))
            is_old = len(before) > 0 and at_s - before[0][0] >= for_s
            least = [p for t, p in before if at_s - t <= for_s]
            if is_old:
                said = min([before[-1][1], item.probability, *least])
                items.append(replace(item, probability=said))
        self._lately = lately
        return replace(found, items=tuple(items))

    def _by_model(self, ring: HistoryRing, settings: Settings) -> Learned | None:
        """What the model says, once in each step of its rows: between two of them little changes,
        and the features of a thousand services take a while."""
        if self._model is None:
            return None
        since_s = ring.last_s - self._learned_at_s
        if self._learned is None or not 0.0 <= since_s < STEP_SAMPLES * settings.sample_interval_s:
            said = self._model.probabilities(
                rows_of_ring(ring, settings.sample_interval_s).astype("float64")
            )
            by_service = dict(zip(ring.services, said.tolist(), strict=True))
            self._learned = Learned(self._version, self._model.base_rate, by_service)
            self._learned_at_s = ring.last_s
        return self._learned
