"""Health of each service by itself: `score(...) -> OwnHealth`. Pure: no I/O, no clock.

Called by `loop.assess`. Imports `model` only. Learned baselines and predictions live here too once
they are built; what hurts whom is `dependency_monitor`'s.
"""

from everup.predictive_monitor.score import score

__all__ = ["score"]
