"""Habits: what is usual of each service at this hour, learned look by look, kept in the journal.

Flows in: samples, health, what earlier lives wrote down. Flows out: habits for the health score,
and `BaselineLearned`: after the first hour or so, and once a day after that, so that a restart of
ours forgets a day at most. `predictive_monitor.baselines` is the pure part. Called by `rooms` with
each sample, and by `assess` and `record`.

Who is unwell, or runs on a machine that is short of processors, teaches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from everup.loop.history_ring import HistoryRing
from everup.model.entries import BaselineLearned, Entry
from everup.model.history import INDEX, FloatArray, Signal
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import StackState
from everup.predictive_monitor import Baselines, Habit

DAY_S = 86_400.0
FIRST_KEPT_AT = 120
"""Samples from which a baseline is worth keeping."""
KEPT_IN_A_LOOK_MOST = 20
"""Entries of one look; the rest comes with the next one."""


class Habits:
    """Of one stack."""

    def __init__(self, stack: Stack, settings: Settings) -> None:
        self._settings = settings
        self._day_s = DAY_S * settings.time_scale
        self.baselines = Baselines(tuple(stack.services), day_s=self._day_s)
        self._has_remembered = False
        self._latency: Mapping[str, Habit] = {}

    def remember(self, state: StackState) -> None:
        """Go on from what the journal kept; once."""
        if self._has_remembered:
            return
        self._has_remembered = True
        for service, known in state.baselines.items():
            self.baselines.put(service, known.kept)

    def learn(
        self, at_s: float, observation: Observation, sample: FloatArray, ring: HistoryRing
    ) -> None:
        """One more sample, which is in the ring already."""
        settings = self._settings
        if not observation.host.pressure_ratio >= settings.host_pressure_ratio:
            passing = sample[INDEX[Signal.PROBE_OK]]
            is_well = (sample[INDEX[Signal.SCORE]] >= settings.health_threshold) & (
                np.isnan(passing) | (passing >= 1.0)
            )
            self.baselines.learn(at_s, sample, is_well, ring)
        usual = self.baselines.usual(Signal.LATENCY_S, at_s)
        known = np.flatnonzero(np.isfinite(usual.value))
        services = self.baselines.services
        self._latency = {
            services[i]: Habit(
                float(usual.value[i]), float(usual.spread[i]), float(usual.learned_from[i])
            )
            for i in known
        }

    def latency(self) -> Mapping[str, Habit]:
        """How long the answers of each service usually take, as of the latest sample; who is not in
        it is not known well enough."""
        return self._latency

    def due(self, at_s: float, state: StackState) -> list[Entry]:
        """What is to be kept now."""
        found: list[Entry] = []
        counts = self.baselines.counts(Signal.LATENCY_S)
        if not np.any(counts >= FIRST_KEPT_AT):
            counts = self.baselines.counts(Signal.CPU_RATIO)
        for place, service in enumerate(self.baselines.services):
            known = state.baselines.get(service)
            is_fresh = known is not None and 0.0 <= at_s - known.at_s < self._day_s
            if is_fresh or counts[place] < FIRST_KEPT_AT:
                continue
            found.append(BaselineLearned(at_s, service, self.baselines.take(service)))
            if len(found) >= KEPT_IN_A_LOOK_MOST:
                break
        return found
