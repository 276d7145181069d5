"""Approvals over HTTP: listed, answered, and refused when it is too late."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from everup.model.approval import Approval, ApprovalState
from everup.model.kinds import ActionKind
from everup.model.request import Answer, AnswerState, Request, Verb
from tests.unit.api.fakes import FakeEngine

ASKED = Approval(
    "apr-1", "k1", "redis", ActionKind.CONTAINER_RESTART, "hang: silent", "high: it keeps data",
    "redis is well within 160 s", 100.0, 1000.0, "inc-1",
)  # fmt: skip
USED = replace(ASKED, id="apr-0", key="k0", state=ApprovalState.USED, action_id="act-1")


@pytest.fixture
def asking(engine: FakeEngine) -> FakeEngine:
    engine.control.state = replace(
        engine.control.state, approvals={"k1": ASKED}, past_approvals=(USED,)
    )
    engine.control.answers = {
        Verb.APPROVE: Answer(AnswerState.DONE, "approved"),
        Verb.REJECT: Answer(AnswerState.REFUSED, "apr-1 has expired", check="approval"),
    }
    return engine


def test_open_ones_come_first(client: TestClient, asking: FakeEngine) -> None:
    found = client.get("/approvals").json()["approvals"]
    assert [(a["id"], a["state"]) for a in found] == [("apr-1", "asked"), ("apr-0", "used")]
    assert found[0]["risk"].startswith("high")
    only = client.get("/approvals?is_open=true").json()["approvals"]
    assert [a["id"] for a in only] == ["apr-1"]
    assert client.get("/approvals/apr-0").json()["action_id"] == "act-1"


def test_a_word_becomes_a_request(client: TestClient, asking: FakeEngine) -> None:
    said = client.post("/approvals/apr-1/approve?reason=go&by=ann")
    assert (said.status_code, said.json()["text"]) == (200, "approved")
    assert asking.control.asked == [
        Request(Verb.APPROVE, "ann", "redis", reason="go", approval_id="apr-1")
    ]


def test_too_late_and_unknown_are_said(client: TestClient, asking: FakeEngine) -> None:
    late = client.post("/approvals/apr-1/reject")
    assert (late.status_code, late.json()["detail"]) == (409, "apr-1 has expired")
    unknown = client.post("/approvals/nope/approve")
    assert unknown.status_code == 404
    assert "GET /approvals" in unknown.json()["fix"]
