"""Foresight: the latest predictions, made anew with each sample and kept in between.

Flows in: what a look saw, the ring. Flows out: Predictions, and when to look again: what
climbs is looked at once per sample, not once per tick. Called by `assess`; `predict` is the pure
part, this only remembers its answer.
"""

from __future__ import annotations

from everup.loop.history_ring import HistoryRing
from everup.model.assessment import Predictions
from everup.model.kinds import ONLY_TOLD, UNKNOWN
from everup.model.learned import Craft
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import StackState
from everup.predictive_monitor import moving, predict


class Foresight:
    """`again_s`: when the next look is wanted; NaN when there is no hurry."""

    def __init__(self) -> None:
        self.predictions = Predictions()
        self.again_s = UNKNOWN
        self._made_at_s = UNKNOWN

    def serve(self, craft: Craft, content: bytes | None) -> str:
        """Have this model serve from the next sample on, or none; why it cannot, "" if it does."""
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
            self.predictions = predict(stack, observation, ring, state, settings)
            is_strained = any(s.cause not in ONLY_TOLD for s in self.predictions.strains)
            is_moving = bool(moving(ring)) or is_strained
            self.again_s = ring.last_s + settings.sample_interval_s if is_moving else UNKNOWN
        return self.predictions
