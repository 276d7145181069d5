"""What can be read: every answer is JSON with null for the unknown, and reading changes nothing."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient

from everup.model.state import Freeze, StackState
from tests.unit.api.fakes import NAN, FakeEngine

PAGES = [
    "/health",
    "/status",
    "/health-scores",
    "/dependencies",
    "/dependencies/breakers",
    "/dependencies/breakers/api/redis",
    "/incidents",
    "/incidents/inc-1",
    "/actions",
    "/actions/act-1",
    "/plan",
    "/services/redis/actions",
    "/incidents?service=redis",
    "/report",
    "/stack",
]


def _no_constant(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_strict_json_and_asks_nothing(
    client: TestClient, engine: FakeEngine, path: str
) -> None:
    response = client.get(path)
    assert response.status_code == 200, response.text
    json.loads(response.text, parse_constant=_no_constant)
    assert engine.control.asked == []


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_before_the_first_look(
    client: TestClient, engine: FakeEngine, path: str
) -> None:
    engine.control.look, engine.control.age_s = None, NAN
    assert client.get(path).status_code == (503 if path == "/health" else 200)


def test_health_is_ok_while_looks_are_fresh(client: TestClient) -> None:
    body = client.get("/health").json()
    assert (body["status"], body["journal"], body["frozen"]) == ("ok", "ok", False)
    assert body["last_look_age_s"] == 1.0


@pytest.mark.parametrize(("age_s", "code"), [(89.0, 200), (91.0, 503), (NAN, 503)])
def test_health_fails_after_three_ticks_without_a_look(
    client: TestClient, engine: FakeEngine, age_s: float, code: int
) -> None:
    engine.control.age_s = age_s
    assert client.get("/health").status_code == code


def test_a_journal_that_cannot_be_written_shows_and_is_no_death(
    client: TestClient, engine: FakeEngine
) -> None:
    engine.control.journal_fault = "disk full"
    response = client.get("/health")
    assert response.status_code == 200
    assert (response.json()["status"], response.json()["journal"]) == ("degraded", "disk full")
    recovery = client.get("/status").json()["components"]["automated_recovery"]
    assert recovery["state"] == "halted"


def test_status_names_all_five_components(client: TestClient) -> None:
    parts = client.get("/status").json()["components"]
    assert {name: part["state"] for name, part in parts.items()} == {
        "predictive_monitor": "running",
        "automated_recovery": "running",
        "dependency_monitor": "running",
        "rollback_manager": "running",
        "auto_scaler": "running",
    }
    assert parts["predictive_monitor"]["services_known"] == 2
    assert parts["dependency_monitor"]["critical_dependencies"] == 1


def test_a_freeze_shows_on_every_surface(client: TestClient, engine: FakeEngine) -> None:
    freeze = Freeze("", "backup", "me", 100.0, NAN)
    engine.control.state = StackState(freezes={"": freeze})
    body = client.get("/health").json()
    assert body["frozen"]
    assert body["freezes"][0]["until_s"] is None
    assert client.get("/status").json()["components"]["automated_recovery"]["state"] == "frozen"


def test_an_unknown_score_is_null(client: TestClient) -> None:
    services = client.get("/health-scores").json()["services"]
    assert services["quiet"]["score"] is None
    assert services["redis"]["score"] == 0.1
    assert services["redis"]["contributions"][0]["value"] is None
    assert services["api"]["explained_by"] == ["redis"]


def test_dependencies_give_the_graph_with_roots_and_victims(client: TestClient) -> None:
    body = client.get("/dependencies").json()
    assert [n["service"] for n in body["nodes"] if n["is_root"]] == ["redis"]
    assert body["victims"] == {"api": ["redis"]}
    assert body["edges"] == [
        {
            "service": "api",
            "target": "redis",
            "kind": "hard",
            "weight": 1.0,
            "is_critical": True,
            "source": "declared",
            "confidence": 1.0,
            "is_declared": True,
            "last_seen_s": None,
            "learned": 1.0,
            "episodes": 0.0,
            "delay_s": 15.0,
        }
    ]


def test_dependencies_say_what_may_spread(client: TestClient) -> None:
    body = client.get("/dependencies").json()
    risks = {n["service"]: n["cascade_risk"] for n in body["nodes"]}
    assert risks["api"] == pytest.approx(0.5, abs=0.01)  # redis has half of its health
    assert risks["redis"] == 0.0
    assert body["cascade"]["risk"] == pytest.approx(0.5, abs=0.01)
    assert body["cascade"]["error"] == 0.0
    assert body["suspects"] == []


def test_what_if_names_who_suffers(client: TestClient) -> None:
    body = client.get("/dependencies/what-if", params={"service": "redis"}).json()
    (api,) = body["suffering"]
    assert (api["service"], api["probability"], api["by"]) == ("api", 1.0, ["redis", "api"])
    assert client.get("/dependencies/what-if", params={"service": "nobody"}).status_code == 404
    assert client.get("/dependencies/what-if").status_code == 422


def test_an_incident_tells_its_story(client: TestClient) -> None:
    body = client.get("/incidents/inc-1").json()
    assert [a["action_id"] for a in body["attempts"]] == ["act-1"]
    assert [e["type"] for e in body["timeline"]] == ["IncidentOpened"]


def test_an_incident_is_explained(client: TestClient, engine: FakeEngine) -> None:
    body = client.get("/incidents/inc-1").json()
    assert (body["now_s"], body["origin_s"], body["mode"]) == (111.0, 100.0, "auto")
    assert [a["after"]["condition"] for a in body["actions"]] == ["healthy"]
    assert body["bystanders"] == [
        {"service": "api", "condition": "degraded", "was_acted_upon": False}
    ]
    assert body["now"]["verdict"]["check"] == "cooldown"
    assert body["now"]["then"] == ["container_restart"]
    assert [r["way"] for r in body["remedies"]] == ["wait"]
    assert body["causes"] == []


def test_incidents_of_one_service(client: TestClient) -> None:
    assert len(client.get("/incidents?service=redis").json()["incidents"]) == 1
    assert client.get("/incidents?service=api").json()["incidents"] == []
    assert client.get("/incidents?service=redsi").status_code == 404


def test_each_kind_of_action_has_its_answer_and_the_way_to_change_it(client: TestClient) -> None:
    body = client.get("/services/redis/actions").json()
    first, second = body["actions"]
    assert (first["own"]["check"], first["person"]["state"], first["rungs"]) == (
        "mode",
        "allowed",
        [1],
    )
    assert [r["way"] for r in first["remedies"]] == ["set_mode", "ask"]
    assert second["own"]["state"] == "cannot"
    assert (body["finding"]["cause"], body["condition"]) == ("hang", "unhealthy")
    assert client.get("/services/nobody/actions").status_code == 404


def test_the_report_covers_every_service_within_its_period(client: TestClient) -> None:
    body = client.get("/report?last_s=50").json()
    assert (body["since_s"], body["until_s"], body["stack"]) == (61.0, 111.0, "shop")
    by_name = {s["service"]: s for s in body["services"]}
    assert set(by_name) == {"redis", "api", "quiet"}
    assert by_name["redis"]["unwell_s"] == by_name["api"]["unwell_s"] == 11.0
    assert by_name["quiet"]["availability"] == 1.0
    assert by_name["redis"]["heal_mean_s"] is None
    assert client.get("/report?last_s=0").status_code == 422


def test_an_action_carries_its_evidence(client: TestClient) -> None:
    body = client.get("/actions/act-1").json()
    assert body["before"]["score"] is None
    assert body["after"]["score"] == 1.0
    assert body["during"] == ["stopped"]


def test_a_full_page_says_where_to_go_on(client: TestClient) -> None:
    assert client.get("/actions?limit=1").json()["next_before"] == "act-1"
    assert client.get("/actions?limit=2").json()["next_before"] is None


def test_the_plan_has_proposal_hold_and_person(client: TestClient) -> None:
    first, second, third = client.get("/plan").json()["decisions"]
    assert (first["proposal"]["kind"], first["verdict"]["check"]) == (
        "graceful_restart",
        "cooldown",
    )
    assert second["hold"]["reason"] == "victim"
    assert third["escalate"]["cause"] == "crash_loop"


def test_a_journal_that_cannot_be_read_is_a_problem_with_a_time(
    client: TestClient, engine: FakeEngine
) -> None:
    engine.control.journal.fault = "locked"
    response = client.get("/incidents")
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "2"
    assert response.json()["type"].endswith("journal-unavailable")


def test_metrics_leave_out_what_nobody_knows(client: TestClient, engine: FakeEngine) -> None:
    engine.control.state = StackState(freezes={"api": Freeze("api", "", "me", 1.0)})
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain")
    lines = response.text.splitlines()
    assert 'everup_health_score{service="redis"} 0.1' in lines
    assert not any(x.startswith('everup_health_score{service="quiet"}') for x in lines)
    assert 'everup_frozen{scope="api"} 1.0' in lines
    assert "everup_looks_total 7.0" in lines
