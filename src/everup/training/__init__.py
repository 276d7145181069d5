"""Making models, beside the loop: a worker process, and what it learns.

`process` starts the worker and waits for it, `folder` is what they hand each other, `__main__` is the
worker: whoever serves imports these two alone. The crafts fit what `predictive_monitor` serves: rows of
features flow in, plain arrays with JSON flow out, never pickle. They are the only modules that import
scikit-learn, joblib and Dask (extras `train` and `cluster`), each where it is used.
"""

from everup.training.process import ProcessTrainer

__all__ = ["ProcessTrainer"]
