"""Fits the pooled model of services: an Isolation Forest and the usual directions.

Flows in: feature rows of all services. Flows out: a `ServiceModel`. Rows with unknown features are
left out. Trees are grown in parts by joblib, each part from a seed of its own, so that the result
is the same on one core, on many, and on a Dask cluster (`backend="dask"`, with a client connected).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from everup.predictive_monitor.anomaly.forest import Forest, mean_depth
from everup.predictive_monitor.anomaly.model import ServiceModel
from everup.predictive_monitor.anomaly.residual import Directions
from everup.predictive_monitor.drift import Spread

TREES = 400
"""Four times the usual: with 100 the seed alone moves what is found by a twentieth."""
TREES_A_PART = 25
SAMPLES = 256
"""Rows that each tree sees, as in the paper; so many also bound its depth."""
ROWS_LEAST = 256
ROWS_MOST = 200_000
"""More are thinned evenly: memory stays bounded, and no tree would see them."""
EXPLAINED_SHARE = 0.9
"""Components are kept until they explain this share of the variance."""

Floats = NDArray[np.float64]


def fit(
    rows: Floats,
    features: Sequence[str],
    *,
    seed: int = 0,
    trees: int = TREES,
    backend: str = "sequential",
    workers: int = 1,
    row_s: float | None = None,
) -> ServiceModel:
    """A model of these rows, each of `row_s` seconds. ValueError: too few of them are whole."""
    from joblib import Parallel, delayed, parallel_config

    whole = np.ascontiguousarray(rows[np.isfinite(rows).all(axis=1)], dtype=np.float64)
    if len(whole) < ROWS_LEAST:
        raise ValueError(f"{len(whole)} whole rows are too few to learn from")
    if len(whole) > ROWS_MOST:
        whole = whole[np.linspace(0, len(whole) - 1, ROWS_MOST).astype(np.int64)]
    seeds = [seed * 1000 + part for part in range(max(1, trees // TREES_A_PART))]
    with parallel_config(backend=backend, n_jobs=workers):
        parts = Parallel()(delayed(_grown)(whole, one) for one in seeds)
    forest = forest_of([tree for part in parts for tree in part], min(SAMPLES, len(whole)))
    about: dict[str, str | int | float] = {
        "rows": len(whole),
        "trees": trees,
        "samples": SAMPLES,
        "seed": seed,
        "explained_share": EXPLAINED_SHARE,
    }
    if row_s is not None:
        about["row_s"] = row_s
    return ServiceModel(tuple(features), forest, directions_of(whole), about, Spread.over(whole))


def _grown(rows: Floats, seed: int) -> list[dict[str, Any]]:
    """One part of the trees, each as arrays: what travels back from a worker."""
    from sklearn.ensemble import IsolationForest

    grown = IsolationForest(
        n_estimators=TREES_A_PART, max_samples=min(SAMPLES, len(rows)), random_state=seed, n_jobs=1
    ).fit(rows)
    return [
        tree_of(one.tree_, columns)
        for one, columns in zip(grown.estimators_, grown.estimators_features_, strict=True)
    ]


def tree_of(tree: Any, columns: NDArray[np.intp]) -> dict[str, Any]:
    """One of scikit-learn's trees as arrays, its leaves their own children."""
    nodes = np.arange(tree.node_count)
    is_leaf = tree.children_left < 0
    levels = np.zeros(tree.node_count, dtype=np.int64)
    for node in nodes[~is_leaf]:  # parents come before their children
        levels[tree.children_left[node]] = levels[tree.children_right[node]] = levels[node] + 1
    depth = levels + mean_depth(np.asarray(tree.n_node_samples, dtype=np.float64))
    return {
        "feature": np.where(is_leaf, 0, np.asarray(columns)[np.maximum(tree.feature, 0)]),
        "threshold": np.where(is_leaf, 0.0, tree.threshold),
        "left": np.where(is_leaf, nodes, tree.children_left),
        "right": np.where(is_leaf, nodes, tree.children_right),
        "depth": np.where(is_leaf, depth, 0.0),
        "levels": int(levels.max()),
    }


def forest_of(trees: Sequence[dict[str, Any]], samples: int) -> Forest:
    """All trees in one table of nodes."""
    starts = np.cumsum([0, *(len(tree["feature"]) for tree in trees)])[:-1]

    def joined(name: str, shift: bool = False) -> NDArray[Any]:
        by = starts if shift else np.zeros(len(starts), dtype=np.int64)
        return np.concatenate([tree[name] + s for tree, s in zip(trees, by, strict=True)])

    return Forest(
        joined("feature").astype(np.int32),
        joined("threshold").astype(np.float64),
        joined("left", shift=True).astype(np.int32),
        joined("right", shift=True).astype(np.int32),
        joined("depth").astype(np.float64),
        starts.astype(np.int32),
        max(tree["levels"] for tree in trees),
        float(mean_depth(np.array([float(samples)]))[0]),
    )


def directions_of(rows: Floats) -> Directions:
    """The fewest principal components that explain EXPLAINED_SHARE, by numpy alone."""
    mean = rows.mean(axis=0)
    centred = rows - mean
    values, vectors = np.linalg.eigh(centred.T @ centred / len(rows))
    order = np.argsort(-values, kind="stable")
    values, vectors = np.maximum(values[order], 0.0), vectors[:, order]
    total = float(values.sum())
    explained = np.cumsum(values) / total if total > 0 else np.ones(len(values))
    kept = min(int(np.searchsorted(explained, EXPLAINED_SHARE)) + 1, len(values) - 1)
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(len(values))])
    components = (vectors * np.where(signs == 0, 1.0, signs)).T[: max(kept, 0)]
    return Directions(mean, np.ascontiguousarray(components), float(values[max(kept, 0) :].sum()))
