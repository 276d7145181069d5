"""GET /predictions: what is foretold, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastapi.testclient import TestClient

from everup.loop.fold import fold_all
from everup.model import entries as e
from everup.model.accuracy import Failure, ForecastTally, SignalBefore
from everup.model.assessment import Prediction, Predictions, Trend
from everup.model.kinds import Cause
from everup.model.prediction import MadePrediction, PredictionEnding
from everup.model.state import StackState
from everup.model.tuning import Knob
from tests.unit.api.fakes import FakeEngine, FakeJournal

NAN = float("nan")
LEAK = Prediction(
    "api",
    Cause.LEAK,
    0.8,
    400.0,
    500.0,
    ("memory climbs",),
    "trend-prior-5",
    110.0,
    NAN,
    900.0,
    0.7,
)
MADE = MadePrediction(
    "pre-1", "api", Cause.LEAK, 0.8, 110.0, 400.0, 500.0, NAN, ("memory climbs",), "trend-prior-5"
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
    assert item["model_version"] == "trend-prior-5"
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


def test_what_was_made_comes_in_pages(client: TestClient, engine: FakeEngine) -> None:
    foretold(engine)
    past = tuple(replace(OLD, id=f"pre-{n}") for n in range(5))
    engine.control.state = StackState(predictions={"api": MADE}, past_predictions=past)
    first = client.get("/predictions?limit=2").json()
    assert [m["id"] for m in first["made"]] == ["pre-1", "pre-4"]
    rest = client.get("/predictions/api", params={"before": first["next_before"]}).json()
    assert [m["id"] for m in rest["made"]] == ["pre-3", "pre-2", "pre-1", "pre-0"]
    assert rest["next_before"] is None


STORY: list[e.Entry] = [
    e.PredictionMade(10.0, "p-1", "api", Cause.LEAK, 0.8, 20, 30, ("up",), "m", horizon_s=900.0),
    e.PredictionSettled(60.0, "p-1", "api", Cause.LEAK, PredictionEnding.HIT, "it failed"),
    e.FailureMet(60.0, "api", Failure(60.0, "api", Cause.CRASH, "inc-1", "p-1", 50.0, 0.8)),
    e.FailureMet(
        70.0,
        "redis",
        Failure(
            *(70.0, "redis", Cause.HANG, "inc-2"),
            visible=(SignalBefore("memory_ratio", 0.2, 0.9, 0.2, NAN),),
            horizon_s=900.0,
        ),
    ),
    e.FailureMet(80.0, "quiet", Failure(80.0, "quiet", Cause.CRASH, left_out="a change")),
    e.ForecastsSettled(90.0, (ForecastTally("api", 8, 1, 1, 0.8, 0.04),), 3),
    e.ForecastsSettled(91.0, (ForecastTally("redis", 0, 3, 1, 0.0, 1.0),), 0),
]


class Told(FakeJournal):
    async def entries(self, **asked: Any) -> list[tuple[int, str, e.Entry]]:
        rows = [(n + 1, "abc", entry) for n, entry in enumerate(STORY)]
        return rows[asked.get("after", 0) :][: asked.get("limit", 1000)]


def test_how_good_they_were(client: TestClient, engine: FakeEngine) -> None:
    engine.control.journal = Told()
    body = client.get("/predictions/accuracy?last_s=1000").json()
    overall = body["overall"]
    assert (overall["hits"], overall["precision"], overall["recall"]) == (1, 1.0, 0.5)
    assert (overall["lead_p50_s"], overall["forecasts"], overall["brier"]) == (50.0, 4, 0.26)
    assert [(t["count"], t["came"]) for t in overall["reliability"]] == [(3, 1 / 3), (1, 1.0)]
    assert [s["name"] for s in body["services"]] == ["api", "redis"]
    assert [c["name"] for c in body["causes"]] == ["crash", "hang", "leak"]
    assert (body["left_out"], body["set_aside"]) == ({"a change": 1}, 3)
    (miss,) = body["misses"]
    assert (miss["service"], miss["visible"][0]["has_moved"]) == ("redis", True)
    assert miss["visible"][0]["high"] is None


def test_of_one_service_and_of_a_shorter_time(client: TestClient, engine: FakeEngine) -> None:
    engine.control.journal = Told()
    one = client.get("/predictions/accuracy?service=redis").json()
    assert (one["overall"]["failures"], one["overall"]["forecasts"]) == (1, 3)
    late = client.get("/predictions/accuracy?last_s=30").json()
    assert late["overall"]["failures"] == 0
    assert client.get("/predictions/accuracy?service=nobody").status_code == 404
    assert client.get("/predictions/accuracy?last_s=0").status_code == 422


def test_the_report_and_the_metrics_say_it_too(client: TestClient, engine: FakeEngine) -> None:
    engine.control.journal = Told()
    assert client.get("/report").json()["predictions"]["overall"]["recall"] == 0.5
    text = client.get("/metrics").text
    assert "everup_prediction_recall" in text
    assert "everup_prediction_recall 0" not in text, "unknown is no number"
    engine.control.state = fold_all(StackState(), STORY)
    text = client.get("/metrics").text
    for line in (
        "everup_prediction_recall 0.5",
        "everup_prediction_precision 1.0",
        'everup_predictions_settled_total{cause="leak",ending="hit"} 1.0',
        'everup_failures_total{result="missed"} 1.0',
        'everup_prediction_lead_seconds{quantile="0.5"} 50.0',
        'everup_forecasts{tenth="0.0"} 3.0',
        "everup_prediction_brier 0.26",
    ):
        assert line in text


def test_what_was_tuned_is_shown_and_taken_back_once(
    client: TestClient, engine: FakeEngine
) -> None:
    engine.control.state = fold_all(
        StackState(),
        [
            e.Recalibrated(100.0, (0.5, 0.9), (0.25, 0.7), 60, "60 are settled", "everup"),
            e.ThresholdTuned(101.0, Knob.ACTS_ABOVE, 0.7, 0.75, "false alarms", "everup"),
        ],
    )
    body = client.get("/predictions/thresholds").json()
    assert body["calibration"] == [{"said": 0.5, "worth": 0.25}, {"said": 0.9, "worth": 0.7}]
    assert body["acts_above_tuned"] == 0.75
    assert [(c["what"], c["why"]) for c in body["changes"]] == [
        ("acts_above", "false alarms"),
        ("calibration", "60 are settled"),
    ]
    path = "/predictions/thresholds/return?what=acts_above&reason=too timid"
    assert client.post(path).status_code == 200
    assert client.post(path).status_code == 409
    assert engine.control.tuning.taken_back == [Knob.ACTS_ABOVE, Knob.ACTS_ABOVE]


def test_who_is_threatened_is_told_and_not_acted_upon(
    client: TestClient, engine: FakeEngine
) -> None:
    look = engine.control.look
    assert look is not None
    threatened = replace(LEAK, cause=Cause.DEPENDENCY_DOWN, probability=0.4)
    predictions = Predictions((LEAK,), threatened=(threatened,))
    engine.control.look = replace(
        look, assessment=replace(look.assessment, predictions=predictions)
    )
    engine.control.state = StackState(predictions={"api": MADE})
    told = client.get("/predictions").json()["predictions"]
    assert [(p["cause"], p["is_acted_upon"]) for p in told] == [
        ("leak", True),
        ("dependency_down", False),
    ]
