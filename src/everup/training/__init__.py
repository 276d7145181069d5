"""Making models, beside the loop: a worker process, and what it learns.

Only this folder may import the training libraries, and only in the worker: whoever serves imports
`process` alone. `process` starts the worker and waits for it, `folder` is what they hand each
other, `__main__` is the worker. It implements `loop.ports.Trainer`; what serves a model is
`predictive_monitor`'s.
"""

from everup.training.process import ProcessTrainer

__all__ = ["ProcessTrainer"]
