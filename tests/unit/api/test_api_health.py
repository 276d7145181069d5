"""What `/health`, `/status` and `/metrics` say of Everup itself when something is wrong with it."""

from __future__ import annotations

from fastapi.testclient import TestClient

from tests.unit.api.fakes import FakeEngine


def test_a_flaw_of_ours_shows_everywhere(client: TestClient, engine: FakeEngine) -> None:
    assert client.get("/health").json()["status"] == "ok"
    engine.control.mishaps.happened("a look", IndexError("empty"), 0.0, stops_acting=True)
    found = client.get("/health").json()
    assert found["status"] == "degraded"
    assert found["failing"] == ["a look failed: IndexError: empty"]
    assert found["cannot_act"] == "a look failed: IndexError: empty"
    recovery = client.get("/status").json()["components"]["automated_recovery"]
    assert recovery["state"] == "halted"
    metrics = client.get("/metrics").text
    assert 'everup_mishaps_total{part="a look"} 1.0' in metrics
    assert "everup_cannot_act 1.0" in metrics
