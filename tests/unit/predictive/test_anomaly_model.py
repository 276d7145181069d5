"""What training fits is what is served: equal scores, no pickle, and nothing is believed unseen."""

from __future__ import annotations

import numpy as np
import pytest
from dask.distributed import Client, LocalCluster
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest

from everup.predictive_monitor.anomaly import ServiceModel
from everup.predictive_monitor.anomaly.forest import Forest
from everup.predictive_monitor.anomaly.residual import Directions
from everup.training.anomaly import (
    EXPLAINED_SHARE,
    ROWS_LEAST,
    ROWS_MOST,
    directions_of,
    fit,
    forest_of,
    tree_of,
)

RNG = np.random.default_rng(4)
ROWS = RNG.normal(0, 1, (600, 5)) @ RNG.normal(0, 1, (5, 5))
NAMES = tuple("abcde")


@pytest.fixture(scope="module")
def model() -> ServiceModel:
    return fit(ROWS, NAMES, trees=100)


@pytest.mark.parametrize("samples", [64, 256])
def test_a_forest_scores_as_scikit_learn_does(samples: int) -> None:
    theirs = IsolationForest(n_estimators=20, max_samples=samples, random_state=1).fit(ROWS)
    trees = [
        tree_of(one.tree_, columns)
        for one, columns in zip(theirs.estimators_, theirs.estimators_features_, strict=True)
    ]
    ours, asked = forest_of(trees, samples), RNG.normal(0, 3, (500, 5))
    assert ours.scores(asked) == pytest.approx(-theirs.score_samples(asked), abs=1e-12)


def test_directions_are_those_of_scikit_learn() -> None:
    ours = directions_of(ROWS)
    theirs = PCA(n_components=len(ours.components)).fit(ROWS)
    asked = RNG.normal(0, 3, (100, 5))
    left = asked - theirs.inverse_transform(theirs.transform(asked))
    assert ours.scores(asked) * ours.usual == pytest.approx((left**2).sum(axis=1), rel=1e-6)
    assert theirs.explained_variance_ratio_.sum() >= EXPLAINED_SHARE - 1e-9
    assert ours.components @ ours.components.T == pytest.approx(np.eye(len(ours.components)))
    assert ours.scores(ROWS).mean() == pytest.approx(1.0, rel=1e-6)


def test_the_same_rows_and_seed_give_the_same_model(model: ServiceModel) -> None:
    assert fit(ROWS, NAMES, trees=100).pack() == model.pack()
    assert fit(ROWS, NAMES, trees=100, seed=2).pack() != model.pack()


def test_parts_grown_in_threads_are_the_same(model: ServiceModel) -> None:
    assert fit(ROWS, NAMES, trees=100, backend="threading", workers=2).pack() == model.pack()


def test_a_model_comes_back_as_it_was(model: ServiceModel) -> None:
    again = ServiceModel.unpack(model.pack())
    asked = RNG.normal(0, 2, (50, 5))
    assert again.features == NAMES
    assert again.about == model.about
    assert (again.forest.scores(asked) == model.forest.scores(asked)).all()
    assert (again.directions.scores(asked) == model.directions.scores(asked)).all()


def test_what_is_not_a_whole_model_is_refused(model: ServiceModel) -> None:
    packed = model.pack()
    for bad in (b"", b"abc", packed[:40], packed[:-1], packed + b"x", b"\xff" * 100):
        with pytest.raises(ValueError, match="model"):
            ServiceModel.unpack(bad)
    for at in range(4, 400, 7):  # a changed header is refused or is harmless, never worse
        changed = packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :]
        try:
            ServiceModel.unpack(changed).forest.scores(ROWS)
        except ValueError:
            continue


@pytest.mark.parametrize("table", ["left", "right", "roots", "feature"])
def test_links_that_lead_nowhere_are_refused(model: ServiceModel, table: str) -> None:
    kept = {name: array.copy() for name, array in model.forest.arrays().items()}
    kept[table][0] = -7
    with pytest.raises(ValueError, match="forest"):
        Forest.of(kept)


def test_numbers_that_are_none_are_refused(model: ServiceModel) -> None:
    kept = {name: array.copy() for name, array in model.directions.arrays().items()}
    kept["mean"][0] = np.nan
    with pytest.raises(ValueError, match="finite"):
        Directions.of(kept)


def test_too_few_whole_rows_teach_nothing() -> None:
    holed = np.full((1000, 5), np.nan)
    holed[: ROWS_LEAST - 1] = 1.0
    with pytest.raises(ValueError, match="too few"):
        fit(holed, NAMES, trees=100)


def test_the_rows_of_a_fit_are_bounded() -> None:
    many = np.tile(ROWS, (ROWS_MOST // len(ROWS) + 2, 1))
    assert fit(many, NAMES, trees=100).about["rows"] == ROWS_MOST


def test_what_never_varied_has_directions_too() -> None:
    same = np.ones((300, 3))
    assert directions_of(same).scores(same).tolist() == [0.0] * 300


@pytest.mark.filterwarnings("ignore:Couldn't detect a suitable IP address")
def test_a_dask_cluster_grows_the_same(model: ServiceModel) -> None:
    with (
        LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=1,
            threads_per_worker=1,
            processes=False,
            dashboard_address=":0",
        ) as cluster,
        Client(cluster),  # type: ignore[no-untyped-call]
    ):
        assert fit(ROWS, NAMES, trees=100, backend="dask", workers=-1).pack() == model.pack()
