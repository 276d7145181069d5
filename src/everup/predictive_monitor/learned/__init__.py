"""What was learned of failures: features of every service, and a model of them as plain arrays.

`rows` makes the features, for whoever serves and whoever trains alike; `trees` and `model` evaluate
what `everup.training.failure` fitted. Pure numpy, no training library.
"""

from everup.predictive_monitor.learned.model import FailureModel
from everup.predictive_monitor.learned.rows import FEATURES, rows_of_past, rows_of_ring

__all__ = ["FEATURES", "FailureModel", "rows_of_past", "rows_of_ring"]
