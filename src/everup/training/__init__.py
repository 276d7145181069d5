"""Fits what `predictive_monitor` serves: runs in a process of its own, never in the serving one.

Flows in: rows of features. Flows out: plain arrays with JSON, never pickle. The only room that
imports scikit-learn, joblib and Dask (extras `train` and `cluster`), each where it is used.
"""

from everup.training.anomaly import fit

__all__ = ["fit"]
