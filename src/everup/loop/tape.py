"""The single answers of each service's probes, in memory: what a change is measured by.

Written by the samplers, read by `probation`. Bounded for each service; a ring of float64 times and
float32 latencies, negative for an answer that failed.
"""

from __future__ import annotations

import numpy as np

from everup.model.kinds import ProbeVerdict, is_known
from everup.model.observation import ProbeResult
from everup.rollback_manager.samples import Floats, samples
from everup.rollback_manager.samples import Samples as Answers

ANSWERS_MOST = 3000
"""For each service: four hours at one each five seconds, or twenty-five minutes at the pace of a
probation. 36 kB."""
FAILED = -1.0


class Tape:
    """By service; all of its instances together, as whoever asks meets any of them. Of an owner's
    own check it is how long that ran."""

    def __init__(self) -> None:
        self._kept: dict[str, _Ring] = {}

    def note(self, service: str, result: ProbeResult) -> None:
        """One more answer; what says nothing is left out."""
        if result.verdict is ProbeVerdict.PASS:
            latency_s = result.latency_s if is_known(result.latency_s) else result.took_s
        elif result.verdict is ProbeVerdict.FAIL:
            latency_s = FAILED
        else:
            return
        self._kept.setdefault(service, _Ring()).append(result.at_s, latency_s)

    def answers(self, service: str) -> Answers:
        """What is kept of it, oldest first; failed ones are errors without a latency."""
        ring = self._kept.get(service)
        if ring is None:
            return samples([], [])
        times_s, latency_s = ring.series()
        failed = latency_s < 0.0
        return samples(times_s, np.where(failed, np.nan, latency_s), errors=failed.astype(float))


class _Ring:
    def __init__(self) -> None:
        self._times = np.empty(ANSWERS_MOST, dtype=np.float64)
        self._latency = np.empty(ANSWERS_MOST, dtype=np.float32)
        self._next = self._count = 0

    def append(self, at_s: float, latency_s: float) -> None:
        self._times[self._next], self._latency[self._next] = at_s, latency_s
        self._next = (self._next + 1) % ANSWERS_MOST
        self._count = min(self._count + 1, ANSWERS_MOST)

    def series(self) -> tuple[Floats, Floats]:
        order = np.arange(self._next - self._count, self._next) % ANSWERS_MOST
        return self._times[order], self._latency[order].astype(np.float64)
