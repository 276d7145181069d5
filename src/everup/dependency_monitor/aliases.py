"""Which nodes are views of one and the same thing, by structure and series alone. Pure.

Flows in: who calls whom, calls of the normal period. Flows out: node → the node that stands for it.
A caller is a view of its callee when that is the only one it calls and the two were called in step:
a gateway in front of one function, the client's side of a call and the server's. No name is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from everup.dependency_monitor.tuning import SHIPPED, Tuning
from everup.model.signals import CallSeries


def aliases(
    calls: Mapping[str, Sequence[str]], normal: CallSeries, tuning: Tuning = SHIPPED
) -> dict[str, str]:
    """View → the deepest node that it is a view of; those that are none are left out."""
    column = {name: index for index, name in enumerate(normal.nodes)}
    shown: dict[str, str] = {}
    for name, index in column.items():
        callees = {c for c in calls.get(name, ()) if c in column and c != name}
        if len(callees) == 1:
            (callee,) = callees
            if _in_step(normal, index, column[callee], tuning):
                shown[name] = callee
    return {name: _end(name, shown) for name in shown if _end(name, shown) != name}


def _in_step(normal: CallSeries, a: int, b: int, tuning: Tuning) -> bool:
    mine, theirs = normal.requests[:, a], normal.requests[:, b]
    seen = (mine > 0) & (theirs > 0)
    either = np.nan_to_num(mine) + np.nan_to_num(theirs) > 0
    if not either.any():
        return False
    ratio = np.divide(mine, theirs, out=np.zeros_like(mine), where=seen)
    most = tuning.views_ratio_most
    is_close = seen & (ratio <= most) & (ratio >= 1.0 / most)
    return bool(is_close.sum() / either.sum() >= tuning.views_in_step)


def _end(name: str, shown: Mapping[str, str]) -> str:
    """The last of the chain; in a circle the name itself, so that nothing vanishes."""
    passed = {name}
    at = name
    while at in shown:
        at = shown[at]
        if at in passed:
            return name
        passed.add(at)
    return at
