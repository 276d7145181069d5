"""Breakers over HTTP: shown, asked before a call, told how calls ended, closed by a person."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from everup.model.entries import BreakerTurned
from tests.unit.api.fakes import FakeClock, FakeEngine

EDGE = "/dependencies/breakers/api/redis"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(FakeClock, "now_s", 111.0)
    return FakeClock


def say(client: TestClient, what: str, **query: str) -> dict[str, Any]:
    response = client.post(f"{EDGE}/{what}", params=query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_a_life_of_one(client: TestClient, engine: FakeEngine, clock: Any) -> None:
    assert say(client, "ask")["is_allowed"]
    told = say(client, "outcomes", outcomes="ppfffff")
    assert (told["state"], told["is_allowed"]) == ("open", False)
    assert 30 <= told["retry_after_s"] <= 33
    assert not say(client, "ask")["is_allowed"]
    (shown,) = client.get("/dependencies/breakers").json()["breakers"]
    assert shown["reason"] == "5 calls in a row failed"
    assert (shown["turned_away"], shown["calls"]) == (1, {"passed": 2, "failed": 5})
    assert client.get("/dependencies").json()["breakers"] == [shown]
    status = client.get("/status").json()["components"]["dependency_monitor"]
    assert status["breakers_open"] == ["api>redis"]
    text = client.get("/metrics").text
    assert 'everup_breaker_state{service="api",state="open",target="redis"} 1.0' in text
    assert 'everup_breaker_turned_away_total{service="api",target="redis"} 1.0' in text
    clock.now_s += 40
    assert client.get(EDGE).json()["state"] == "open", "until somebody asks"
    first, others = say(client, "ask"), [say(client, "ask") for _ in range(5)]
    assert first["is_allowed"]
    assert first["trial"]
    assert first["trial_for_s"] == 30.0
    assert not any(one["is_allowed"] or one["trial"] for one in others)
    assert say(client, "outcomes", outcomes="p")["state"] == "half_open", "not the trial's"
    assert say(client, "outcomes", outcomes="p", trial=first["trial"])["state"] == "closed"
    turns = [one.state for one in engine.control.written if isinstance(one, BreakerTurned)]
    assert turns == ["open", "half_open", "closed"], "no single outcome is written down"


def test_a_person_closes_it(client: TestClient, engine: FakeEngine) -> None:
    say(client, "outcomes", outcomes="fffff")
    assert say(client, "close", by="ann", reason="mended")["is_allowed"]
    last = engine.control.written[-1]
    assert isinstance(last, BreakerTurned)
    assert (last.by, last.reason, last.openings) == ("ann", "mended", 0)


@pytest.mark.parametrize("outcomes", ["", "x", "pp1", "p" * 1001])
def test_what_are_no_outcomes(client: TestClient, outcomes: str) -> None:
    response = client.post(f"{EDGE}/outcomes", params={"outcomes": outcomes})
    assert response.status_code == 422


def test_an_edge_without_one_says_how_to_get_one(client: TestClient) -> None:
    response = client.post("/dependencies/breakers/api/quiet/ask")
    assert response.status_code == 404
    assert "critical: true" in response.json()["fix"]
    assert (
        client.get("/dependencies/breakers/api/nobody").json()["type"].endswith("unknown-service")
    )


def test_reading_gives_no_trial(client: TestClient, engine: FakeEngine, clock: Any) -> None:
    say(client, "outcomes", outcomes="fffff")
    clock.now_s += 40
    for _ in range(3):
        assert client.get(EDGE).json()["is_trial_out"] is False
    assert len(engine.control.written) == 1, "GET changes nothing"
    assert say(client, "ask")["trial"]
