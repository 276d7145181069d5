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


def test_a_controller_that_will_never_act_again_is_not_healthy(
    client: TestClient, engine: FakeEngine
) -> None:
    engine.control.halted = "another controller holds the stack: the fence is 3, ours was 2"
    response = client.get("/health")
    assert response.status_code == 503
    assert response.json()["status"] == "halted"
    assert "another controller" in response.json()["cannot_act"]
    recovery = client.get("/status").json()["components"]["automated_recovery"]
    assert (recovery["state"], recovery["reason"]) == ("halted", engine.control.halted)
    assert "everup_halted 1.0" in client.get("/metrics").text


def test_what_waits_for_the_journal_shows(client: TestClient, engine: FakeEngine) -> None:
    engine.control.journal_queue = (17, 4)
    found = client.get("/health").json()
    assert (found["journal_waiting"], found["journal_shed"]) == (17, 4)
    metrics = client.get("/metrics").text
    assert "everup_journal_waiting 17.0" in metrics
    assert "everup_journal_shed_total 4.0" in metrics


def test_a_freeze_that_has_expired_shows_nowhere(client: TestClient, engine: FakeEngine) -> None:
    """Also between looks, which may be a tick apart. The latest look was at 110."""
    client.post("/freeze?for_s=30&service=api")
    client.post("/freeze?service=redis")
    assert [f["scope"] for f in client.get("/health").json()["freezes"]] == ["api", "redis"]
    assert 'everup_frozen{scope="api"} 1.0' in client.get("/metrics").text
    engine.control.age_s = 31.0
    assert [f["scope"] for f in client.get("/health").json()["freezes"]] == ["redis"]
    assert [f["scope"] for f in client.get("/status").json()["freezes"]] == ["redis"]
    metrics = client.get("/metrics").text
    assert 'everup_frozen{scope="api"}' not in metrics
    assert 'everup_frozen{scope="redis"} 1.0' in metrics


def test_what_is_not_as_declared_shows(client: TestClient, engine: FakeEngine) -> None:
    engine.control.differs.append("web2-0 (process 7) runs and is not declared any more")
    assert client.get("/status").json()["mismatches"] == engine.control.differs
