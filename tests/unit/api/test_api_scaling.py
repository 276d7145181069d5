"""Sizes over HTTP: what is asked becomes one Request, what is known is shown without a promise."""

from __future__ import annotations

import math

import pytest
from fastapi.testclient import TestClient

from everup.model.kinds import ActionKind
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.model.scaling import Amount
from tests.unit.api.fakes import FakeEngine


def test_the_call_of_the_manual(client: TestClient, engine: FakeEngine) -> None:
    response = client.post("/scaling/manual/api?action=scale_out&instances=3")
    assert response.status_code == 202
    assert engine.control.asked == [
        Request(Verb.SCALE, "api", "api", kind=ActionKind.SCALE_OUT, amount=Amount(3))
    ]


def test_limits_are_read_in_peoples_units(client: TestClient, engine: FakeEngine) -> None:
    assert client.post("/scaling/manual/api?memory=512m&cpus=1.5").status_code == 202
    assert client.post("/scaling/manual/api?memory=none").status_code == 202
    first, second = (request.amount for request in engine.control.asked)
    assert (first.memory_bytes, first.cpus) == (512 * 1024 * 1024, 1.5)
    assert second.memory_bytes == math.inf


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("instances=0", "instances"),
        ("instances=1001", "instances"),
        ("memory=much", "memory"),
        ("cpus=-1", "cpus"),
        ("cpus=0.0000000001", "cpus"),
        ("cpus=nan", "cpus"),
        ("cpus=0.00001", "cpus"),
        ("memory=0", "memory"),
        ("memory=64", "memory"),
        ("action=restart", "action"),
        ("instance=3", "instance"),
        ("action=scale_up&instances=5", "instances"),
        ("action=scale_out&memory=512m", "memory"),
        ("action=scale_in&instances=2&cpus=1", "cpus"),
    ],
)
def test_what_makes_no_sense_names_its_field(
    client: TestClient, engine: FakeEngine, query: str, field: str
) -> None:
    response = client.post(f"/scaling/manual/api?{query}")
    assert response.status_code == 422
    assert field in response.text
    assert response.json()["errors"][0]["field"] == field
    assert response.json()["fix"]
    assert engine.control.asked == []


def test_a_refusal_is_told_by_its_name(client: TestClient, engine: FakeEngine) -> None:
    text = "port 80 of the host is taken by it"
    answer = Answer(AnswerState.REFUSED, text, check="fixed_host_port")
    engine.control.answers[Verb.SCALE] = answer
    response = client.post("/scaling/manual/api?instances=3")
    assert response.status_code == 409
    assert response.json()["check"] == "fixed_host_port"
    assert text in response.text


def test_every_service_has_its_size_and_what_stands_against_more(client: TestClient) -> None:
    found = client.get("/scaling").json()
    assert found["state"] == "running"
    assert found["learned"] is False
    assert set(found["services"]) == {"redis", "api", "quiet"}
    redis = found["services"]["redis"]
    (out,) = [d for d in redis["directions"] if d["kind"] == "scale_out"]
    assert {no["name"] for no in out["refusals"]} == {"runtime_cannot", "no_router"}
    assert redis["forecast"] is None
    assert redis["decision"] is None
    assert client.get("/scaling/decisions").json() == {"decided": [], "decisions": []}
    assert client.get("/status").json()["components"]["auto_scaler"]["state"] == "running"
