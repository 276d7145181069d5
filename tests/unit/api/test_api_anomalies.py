"""GET /anomalies: what is unusual, what was noticed, what was not believed."""

from __future__ import annotations

import numpy as np
from fastapi.testclient import TestClient

from everup.model.anomaly import Anomaly, AnomalyReason
from everup.model.history import SIGNALS
from everup.model.state import StackState
from tests.unit.api.fakes import FakeEngine

TOLD = tuple(
    Anomaly(name, at_s, 3.4, 3.0, True, (AnomalyReason("cpu_ratio", "shift_48", 4.1, 0.9),))
    for name, at_s in (("api", 50.0), ("db", 80.0))
)


def test_nothing_is_known_at_first(client: TestClient) -> None:
    body = client.get("/anomalies").json()
    assert (body["anomalies"], body["flaws"], body["serving"]) == ([], [], "")
    first = body["services"][0]
    assert (first["at_s"], first["rows"], first["rows_needed"]) == (None, 0, 288)


def test_the_latest_comes_first_and_one_service_alone(
    client: TestClient, engine: FakeEngine
) -> None:
    engine.control.state = StackState(anomalies=TOLD)
    body = client.get("/anomalies").json()
    assert [one["service"] for one in body["anomalies"]] == ["db", "api"]
    assert body["anomalies"][0]["reasons"][0]["signal"] == "cpu_ratio"
    mine = client.get("/anomalies", params={"service": "api"}).json()
    assert [one["service"] for one in mine["anomalies"]] == ["api"]
    assert [one["service"] for one in mine["services"]] == ["api"]
    assert client.get("/anomalies", params={"service": "gone"}).status_code == 404


def test_what_was_not_believed_is_there_and_in_the_metrics(
    client: TestClient, engine: FakeEngine
) -> None:
    poison = np.full((len(SIGNALS), len(engine.control.stack.services)), np.inf, dtype=np.float32)
    for at_s in (0.0, 400.0, 800.0):
        engine.control.anomalies.take(at_s, poison)
    flaws = client.get("/anomalies", params={"service": "api"}).json()["flaws"]
    assert {"service": "api", "signal": "cpu_ratio", "kind": "not_finite", "count": 2} in flaws
    text = client.get("/metrics").text
    assert 'everup_input_flaws_total{kind="not_finite",service="api",signal="cpu_ratio"} 2' in text
    assert 'everup_anomaly_ratio{service="api"} 0.0' in text
