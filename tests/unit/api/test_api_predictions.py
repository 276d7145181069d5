"""GET /predictions: what is foretold, and what became of it."""

from __future__ import annotations

from dataclasses import replace

from fastapi.testclient import TestClient

from everup.model.assessment import Prediction, Predictions, Trend
from everup.model.kinds import Cause
from everup.model.prediction import MadePrediction, PredictionEnding
from everup.model.state import StackState
from tests.unit.api.fakes import FakeEngine

NAN = float("nan")
LEAK = Prediction(
    "api",
    Cause.LEAK,
    0.8,
    400.0,
    500.0,
    ("memory climbs",),
    "trend-prior-2",
    110.0,
    NAN,
    900.0,
    0.7,
)
MADE = MadePrediction(
    "pre-1", "api", Cause.LEAK, 0.8, 110.0, 400.0, 500.0, NAN, ("memory climbs",), "trend-prior-2"
)
TREND = Trend("api", Cause.DISK_FILLING, 0.4, 1e-6, 50.0, 80, 9e5, 1e6, float("inf"), "api-0")
OLD = replace(MADE, id="pre-0", ending=PredictionEnding.AVERTED, settled_at_s=90.0)


def foretold(engine: FakeEngine) -> None:
    look = engine.control.look
    assert look is not None
    engine.control.look = replace(
        look, assessment=replace(look.assessment, predictions=Predictions((LEAK,), (), (TREND,)))
    )
    engine.control.state = StackState(predictions={"api": MADE}, past_predictions=(OLD,))


def test_nothing_foretold_is_an_empty_list(client: TestClient) -> None:
    body = client.get("/predictions").json()
    assert (body["predictions"], body["made"]) == ([], [])


def test_it_says_what_when_why_and_by_what(client: TestClient, engine: FakeEngine) -> None:
    foretold(engine)
    body = client.get("/predictions/api").json()
    (item,) = body["predictions"]
    assert (item["cause"], item["probability"], item["likely_s"]) == ("leak", 0.8, 500.0)
    assert item["latest_s"] is None, "perhaps never"
    assert item["model_version"] == "trend-prior-2"
    assert item["is_acted_upon"] is True
    (trend,) = body["trends"]
    assert (trend["cause"], trend["likely_s"], trend["latest_s"]) == ("disk_filling", 1e6, None)
    assert [(m["id"], m["ending"]) for m in body["made"]] == [
        ("pre-1", "open"),
        ("pre-0", "averted"),
    ]


def test_one_service_alone(client: TestClient, engine: FakeEngine) -> None:
    foretold(engine)
    assert client.get("/predictions").json()["predictions"] != []
    quiet = client.get("/predictions/quiet").json()
    assert (quiet["predictions"], quiet["made"], quiet["trends"]) == ([], [], [])
    assert client.get("/predictions/nobody").status_code == 404
