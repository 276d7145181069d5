"""Making models, beside the loop: a worker process, and what it learns.

`process` starts the worker and waits for it, `folder` is what they hand each other: whoever serves
imports these two alone. `__main__` is the worker, `crafts` says who learns what, `work` what they
are given: `services` learns what is unusual (fitted by `anomaly`, examined by `exam`).

What the crafts fit is served by `predictive_monitor`: rows of features flow in, plain arrays with
JSON flow out, never pickle. They alone import scikit-learn, joblib and Dask (extras `train` and
`cluster`), each where it is used.
"""

from everup.training.process import ProcessTrainer

__all__ = ["ProcessTrainer"]
