"""Each service by itself: how well it is now, and what will fail soon. Pure: no I/O, no clock.

`score(...) -> OwnHealth`, `predict(...) -> Predictions`. Called by `loop`. Imports `model` only.
What hurts whom is `dependency_monitor`'s.
"""

from everup.predictive_monitor.limits import COMES, has_come
from everup.predictive_monitor.predict import Past, moving, predict
from everup.predictive_monitor.score import score

__all__ = ["COMES", "Past", "has_come", "moving", "predict", "score"]
