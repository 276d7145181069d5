"""Each service by itself: how well it is now, and what will fail soon. Pure: no I/O, no clock.

`score(...) -> OwnHealth`, `predict(...)` and `combine(...) -> Predictions`. Called by
`loop`. Imports `model` only. What hurts whom is `dependency_monitor`'s.
"""

from everup.predictive_monitor.baselines import Baselines
from everup.predictive_monitor.combine import combine
from everup.predictive_monitor.past import Past
from everup.predictive_monitor.predict import moving, predict
from everup.predictive_monitor.score import score
from everup.predictive_monitor.wear import Habit

__all__ = ["Baselines", "Habit", "Past", "combine", "moving", "predict", "score"]
