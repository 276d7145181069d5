"""Everup's own decisions: the product's planner, fed step by step, with one configuration."""

from __future__ import annotations

from benchmarks.scaling.traces import STEP_S
from benchmarks.scaling.world import CAPACITY, LAG_STEPS, START_S, Sight
from everup.auto_scaler.planner import UNIT, CountPlanner, CountView

COUNT_MOST = 10_000


class Everup:
    """Sees what is there and what was asked; what one instance carries is known."""

    def __init__(self, capacity: float = CAPACITY) -> None:
        self._capacity = capacity
        self._planner = CountPlanner(START_S // STEP_S, unit=UNIT * capacity)
        self._views: list[CountView] = []

    def want(self, sight: Sight) -> int:
        if sight.step == LAG_STEPS:  # the first steps were nobody's to decide
            before = self._view(sight)
            for demand in sight.seen[: LAG_STEPS - 1]:
                self._planner.follow(float(demand), before)
            self._served = sight.ready
        served = CountView(sight.instances, self._served, 1, COUNT_MOST, self._capacity)
        self._planner.follow(float(sight.seen[-1]), served)
        wanted = self._planner.plan(self._view(sight)).wanted
        # whoever goes of those that take work does so before the step is served
        self._served = min(sight.ready, wanted)
        return wanted

    def _view(self, sight: Sight) -> CountView:
        return CountView(sight.instances, sight.ready, 1, COUNT_MOST, self._capacity)
