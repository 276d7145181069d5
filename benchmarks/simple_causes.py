"""Simple ways to name a cause, to stand beside ours: by how unusual a node's metric is.

`z`: the largest deviation within the window from the normal median, in robust sigmas (1.4826 ×
median absolute deviation); downwards for availability. `deepest anomalous`: of the nodes with z > 5
those that call no other such node come first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.petshop import Issue, Key, Table

BEFORE_S, AFTER_S = 600.0, 300.0
HOT_ABOVE = 5.0
NORMAL_LEAST = 20
METRICS = ("latency", "availability")


def simple_rankings(
    issues: Sequence[Issue], normal: Table, calls: Mapping[str, Sequence[str]]
) -> dict[str, dict[str, list[str]]]:
    """Method → incident → nodes, likeliest first."""
    found: dict[str, dict[str, list[str]]] = {}
    for issue in issues:
        target = _unusual(issue, normal, lambda key, i=issue: key[1] == i.metric)  # type: ignore[misc]
        either = _unusual(issue, normal, lambda key: key[1] in METRICS)
        by_target = sorted(target, key=lambda n: target[n], reverse=True)
        hot = {node for node, z in target.items() if z > HOT_ABOVE}
        deep = [n for n in by_target if n in hot and not hot.intersection(calls.get(n, ()))]
        deep += [n for n in by_target if n not in deep]
        by_either = sorted(either, key=lambda n: either[n], reverse=True)
        for method, ranking in (
            ("deepest anomalous", deep),
            ("z of the target metric", by_target),
            ("z of any metric", by_either),
        ):
            found.setdefault(method, {})[issue.name] = ranking
    return found


def _unusual(issue: Issue, normal: Table, wanted: Callable[[Key], bool]) -> dict[str, float]:
    window = issue.table.between(issue.at_s - BEFORE_S, issue.at_s + AFTER_S)
    if not len(window.at_s):
        window = issue.table
    most: dict[str, float] = {}
    for key in issue.table.columns:
        if key[2] != "Average" or not wanted(key) or key not in normal.columns:
            continue
        usual = normal.columns[key][np.isfinite(normal.columns[key])]
        seen = window.columns[key][np.isfinite(window.columns[key])]
        if len(usual) < NORMAL_LEAST or not len(seen):
            continue
        middle = float(np.median(usual))
        sigma = 1.4826 * float(np.median(np.abs(usual - middle))) + 1e-3 * abs(middle) + 1e-6
        z = (seen - middle) / sigma
        worst = -float(z.min()) if key[1] == "availability" else float(z.max())
        most[key[0]] = max(most.get(key[0], -1e9), worst)
    return most
