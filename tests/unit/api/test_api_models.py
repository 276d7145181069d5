"""Models over HTTP: who serves and how good it proved; train one now, or go back to one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from everup.loop.fold import fold_all
from everup.model.entries import ModelNotTrained, ModelTrained
from everup.model.learned import Craft
from tests.unit.api.fakes import FakeEngine

TRAINED = ModelTrained(
    200.0, Craft.ANOMALY, "anomaly-abc", "ab" * 32, 9000, 10.0, 150.0, 199.0, 5000, ("cpu.level",),
    True, "calm 0.800, and nobody served", "everup", {"separation": float("nan"), "calm": 0.8},
    took_s=7.5, notes=("12 services taught it",),
)  # fmt: skip


@pytest.fixture
def with_models(engine: FakeEngine) -> FakeEngine:
    failed = ModelNotTrained(210.0, Craft.FAILURE, "3 failures are too few", "everup")
    beaten = replace(TRAINED, at_s=205.0, version="anomaly-def", is_champion=False)
    engine.control.state = fold_all(engine.control.state, [TRAINED, beaten, failed])
    engine.control.models.drift = "14 of 40 features are distributed otherwise"
    return engine


def test_what_there_is(client: TestClient, with_models: FakeEngine) -> None:
    found = client.get("/models").json()
    anomaly, failure = found["crafts"]
    assert (anomaly["serving"], anomaly["drift"][:8]) == ("anomaly-abc", "14 of 40")
    newest, first = anomaly["models"]
    assert (newest["standing"], first["standing"]) == ("beaten", "champion")
    assert first["scores"] == {"separation": None, "calm": 0.8}
    assert first["notes"] == ["12 services taught it"]
    assert (failure["models"], failure["not_trained"]) == ([], "3 failures are too few")
    assert found["why_not"] == ""


def test_one_is_ordered(client: TestClient, with_models: FakeEngine) -> None:
    assert client.post("/models/anomaly/train").status_code == 202
    assert with_models.control.models.asked == [Craft.ANOMALY]
    with_models.control.models.cannot = "nothing is installed"
    answer = client.post("/models/anomaly/train")
    assert answer.status_code == 409
    assert "nothing is installed" in answer.text
    assert client.post("/models/other/train").status_code == 422


def test_the_way_back(client: TestClient, with_models: FakeEngine) -> None:
    assert client.post("/models/anomaly/return?reason=loud").status_code == 200
    assert with_models.control.models.given_back == [(Craft.ANOMALY, "")]
    answer = client.post("/models/anomaly/return?version=none")
    assert answer.status_code == 409
    assert "GET /models" in answer.text
