"""What can be asked: each call becomes one Request, and each answer of the loop has its status."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from everup.model.errors import FenceLost, GiveUp, JournalUnavailable, TryAgain
from everup.model.kinds import ActionKind
from everup.model.request import Answer, AnswerState, Request, Verb
from tests.unit.api.fakes import ACTION, FakeEngine


def test_restart_is_accepted_with_the_actions_address(
    client: TestClient, engine: FakeEngine
) -> None:
    response = client.post("/recovery/manual/redis?recovery_type=restart")
    assert response.status_code == 202
    assert response.headers["Location"] == response.json()["action"] == "/actions/act-1"
    assert engine.control.asked == [Request(Verb.HEAL, "api", "redis")]


@pytest.mark.parametrize("kind", list(ActionKind))
def test_every_kind_can_be_asked_for(
    client: TestClient, engine: FakeEngine, kind: ActionKind
) -> None:
    assert client.post(f"/recovery/manual/redis?recovery_type={kind}").status_code == 202
    assert engine.control.asked[0].kind is kind


def test_waiting_gives_the_outcome_with_its_evidence(client: TestClient) -> None:
    response = client.post("/recovery/manual/redis?wait=60")
    assert response.status_code == 200
    assert response.json()["outcome"]["state"] == "verified"
    assert response.json()["outcome"]["after"]["score"] == 1.0


def test_a_wait_that_ends_too_early_says_how_far_it_got(
    client: TestClient, engine: FakeEngine
) -> None:
    engine.control.journal.records["act-1"] = replace(ACTION, state="verifying")
    response = client.post("/recovery/manual/redis?wait=0.01")
    assert response.status_code == 202
    assert response.json()["outcome"]["state"] == "verifying"
    assert response.json()["is_settled"] is False


def test_a_failed_restart_is_followed_to_its_second_rung(
    client: TestClient, engine: FakeEngine
) -> None:
    engine.control.journal.records = {
        "act-1": replace(ACTION, state="failed"),
        "act-2": replace(ACTION, id="act-2", kind="container_restart", intended_at_s=130.0),
    }
    response = client.post("/recovery/manual/redis?recovery_type=restart&wait=60")
    assert response.json()["outcome"]["id"] == "act-2"
    assert response.headers["Location"] == "/actions/act-2"


@pytest.mark.parametrize(("word", "verb"), [("stop", Verb.STOP), ("start", Verb.START)])
def test_a_service_is_stopped_and_started(
    client: TestClient, engine: FakeEngine, word: str, verb: Verb
) -> None:
    assert client.post(f"/services/api/{word}?by=ann&reason=update").status_code == 202
    assert engine.control.asked == [Request(verb, "ann", "api", reason="update")]


def test_what_is_done_already_is_answered_at_once(client: TestClient, engine: FakeEngine) -> None:
    engine.control.answers[Verb.START] = Answer(AnswerState.DONE, "api runs already")
    response = client.post("/services/api/start?wait=60")
    assert (response.status_code, response.json()["state"]) == (200, "done")


@pytest.mark.parametrize("state", [AnswerState.DELAYED, AnswerState.REFUSED])
def test_the_gates_no_is_a_conflict_with_its_check(
    client: TestClient, engine: FakeEngine, state: AnswerState
) -> None:
    answer = Answer(state, "not now", check="freeze", retry_after_s=12.5)
    engine.control.answers[Verb.HEAL] = answer
    response = client.post("/recovery/manual/redis")
    assert response.status_code == 409
    assert response.headers["Retry-After"] == "13"
    body = response.json()
    assert (body["check"], body["detail"], body["retry_after_s"]) == ("freeze", "not now", 12.5)


def test_an_override_needs_a_reason(client: TestClient, engine: FakeEngine) -> None:
    path = "/recovery/manual/redis?override=freeze"
    assert client.post(path).status_code == 422
    assert engine.control.asked == []
    assert client.post(f"{path}&override=maintenance_window&reason=fire").status_code == 202
    assert engine.control.asked[0].overrides == {"freeze": "fire", "maintenance_window": "fire"}


def test_freeze_and_unfreeze(client: TestClient, engine: FakeEngine) -> None:
    assert client.post("/freeze?service=api&for_s=60&reason=backup").status_code == 200
    assert client.get("/health").json()["freezes"][0]["scope"] == "api"
    assert client.delete("/freeze?service=api").status_code == 200
    assert client.post("/freeze").status_code == 200
    assert engine.control.asked == [
        Request(Verb.FREEZE, "api", "api", reason="backup", for_s=60.0),
        Request(Verb.UNFREEZE, "api", "api"),
        Request(Verb.FREEZE, "api"),
    ]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (JournalUnavailable("full"), 503),
        (TryAgain("busy", 3.0), 503),
        (FenceLost("other"), 409),
        (GiveUp("no"), 409),
        (RuntimeError("secret"), 500),
    ],
)
def test_errors_of_the_loop_are_problems(
    client: TestClient, engine: FakeEngine, error: Exception, status: int
) -> None:
    engine.control.fails_with = error
    response = client.post("/freeze")
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert "secret" not in response.text
