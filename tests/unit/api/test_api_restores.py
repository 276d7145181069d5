"""Going back together over HTTP: the plan, what stands against it, how far it is."""

from __future__ import annotations

from dataclasses import replace

from fastapi.testclient import TestClient

from everup.model.kinds import Origin
from everup.model.restore import (
    LeftAlone,
    PlannedStep,
    Restore,
    RestoreEnding,
    RestorePlan,
    RestoreRefusal,
    RestoreStep,
    RestoreTarget,
    RestoreTry,
    Wanted,
)
from everup.model.snapshot import ServiceSnapshot, Snapshot, SnapshotReason
from everup.model.state import StackState
from tests.unit.api.fakes import FakeEngine

STEPS = (
    RestoreStep("redis", "1:new", "1:old", "redis:2", "redis:1"),
    RestoreStep("api", "1:new", "1:old", "api:2", "api:1"),
)
OPEN = Restore(
    "res-1",
    "Ann",
    Origin.PERSON,
    "as it was",
    100.0,
    STEPS,
    tries=(RestoreTry("act-1", "redis", False, True, 110.0),),
    touched=("redis",),
)
TARGET = RestoreTarget({"redis": Wanted("redis"), "api": Wanted("api")}, is_named=True)
PLAN = RestorePlan(
    TARGET,
    tuple(
        PlannedStep(s.service, s.from_version, s.to_version, s.from_title, s.to_title, 1)
        for s in STEPS
    ),
    (LeftAlone("quiet", "it runs once"),),
)
SNAPSHOT = Snapshot(
    "snap-7",
    "shop",
    90.0,
    SnapshotReason.BY_HAND,
    "Ann",
    {"api": ServiceSnapshot("api", "1:old", "api:1"), "redis": ServiceSnapshot("redis", "1:old")},
)
BOTH = "services=redis&services=api"


def test_the_plan_is_shown_and_nothing_is_done(client: TestClient, engine: FakeEngine) -> None:
    engine.control.plans["redis", "api"] = PLAN
    response = client.post(f"/restores?{BOTH}&dry_run=true")
    found = response.json()
    assert response.status_code == 200
    assert [s["service"] for s in found["steps"]] == ["redis", "api"]
    assert found["left"] == [{"service": "quiet", "reason": "it runs once"}]
    assert "in this order: redis, api; nothing was done" in found["text"]
    assert engine.control.wishes == []


def test_what_stands_against_it_is_in_the_plan_and_refuses_it(
    client: TestClient, engine: FakeEngine
) -> None:
    refusal = RestoreRefusal("redis", "one_way", "redis is declared one-way")
    engine.control.plans["redis", "api"] = replace(PLAN, refusals=(refusal,))
    found = client.post(f"/restores?{BOTH}&dry_run=true").json()
    assert (found["state"], found["refusals"][0]["name"]) == ("refused", "one_way")
    response = client.post(f"/restores?{BOTH}")
    assert (response.status_code, response.json()["check"]) == (409, "one_way")


def test_it_begins_and_says_where_to_look(client: TestClient, engine: FakeEngine) -> None:
    engine.control.plans["redis", "api"] = PLAN
    response = client.post(f"/restores?{BOTH}&reason=bad&by=Ann&override=freeze")
    assert response.status_code == 202
    assert response.headers["Location"] == response.json()["restore"] == "/restores/res-1"
    (wish,) = engine.control.wishes
    assert (wish.by, wish.reason, wish.overrides) == ("Ann", "bad", {"freeze": "bad"})
    assert wish.target.is_named


def test_its_end_is_waited_for(client: TestClient, engine: FakeEngine) -> None:
    engine.control.plans["redis", "api"] = PLAN
    ended = replace(OPEN, ending=RestoreEnding.PUT_BACK, ended_because="it died", ended_at_s=200.0)
    engine.control.state = StackState(restores={"res-1": ended})
    response = client.post(f"/restores?{BOTH}&wait=5")
    assert response.status_code == 200
    assert response.json()["ended"]["ending"] == "put_back"
    assert response.json()["is_settled"]


def test_nothing_to_do_is_no_error(client: TestClient) -> None:
    response = client.post(f"/restores?{BOTH}")
    assert (response.status_code, response.json()["state"]) == (200, "done")
    assert client.post("/restores").status_code == 422
    assert client.post("/restores?services=nobody").status_code == 404


def test_one_is_shown_with_how_far_it_is(client: TestClient, engine: FakeEngine) -> None:
    engine.control.state = StackState(restores={"res-1": OPEN})
    (listed,) = client.get("/restores").json()["restores"]
    found = client.get("/restores/res-1").json()
    assert found == listed
    assert [s["state"] for s in found["steps"]] == ["restored", "waiting"]
    assert found["progress"]["number"] == 2
    assert found["progress"]["service"] == "api"
    assert found["steps"][0]["tries"][0]["action_id"] == "act-1"
    assert client.get("/restores/res-2").status_code == 404


def test_a_way_back_is_shown_as_one(client: TestClient, engine: FakeEngine) -> None:
    back = replace(OPEN, back_because="Ann wants it undone", touched=("redis",))
    engine.control.state = StackState(restores={"res-1": back})
    found = client.get("/restores/res-1").json()
    assert [s["state"] for s in found["steps"]] == ["putting_back", "waiting"]


def test_it_can_be_undone_while_it_is_under_way(client: TestClient, engine: FakeEngine) -> None:
    engine.control.state = StackState(restores={"res-1": OPEN})
    assert client.post("/restores/res-1/undo").json()["text"] == "res-1 goes back"
    ended = replace(OPEN, ending=RestoreEnding.RESTORED)
    engine.control.state = StackState(restores={"res-1": ended})
    assert client.post("/restores/res-1/undo").status_code == 409
    assert client.post("/restores/res-9/undo").status_code == 404


def test_a_snapshot_is_restored_whole_or_in_part(client: TestClient, engine: FakeEngine) -> None:
    assert client.post("/snapshots/snap-7/restore").status_code == 404
    engine.control.snapshots.more["snap-7"] = SNAPSHOT
    engine.control.plans["api", "redis"] = PLAN
    assert client.post("/snapshots/snap-7/restore").status_code == 202
    (wish,) = engine.control.wishes
    assert (wish.target.snapshot_id, wish.target.is_named) == ("snap-7", False)
    assert client.post("/snapshots/snap-7/restore?services=api").status_code == 200
    assert engine.control.wishes[1].target.services == {"api": Wanted("api", "1:old", "api:1")}
    response = client.post("/snapshots/snap-7/restore?services=quiet")
    assert (response.status_code, response.json()["check"]) == (409, "unknown_service")


def test_a_rollback_to_a_snapshot_is_a_restore_of_one(
    client: TestClient, engine: FakeEngine
) -> None:
    engine.control.snapshots.more["snap-7"] = SNAPSHOT
    engine.control.plans["api",] = replace(PLAN, steps=PLAN.steps[1:])
    found = client.post("/rollback/manual/api?snapshot=snap-7&dry_run=true").json()
    assert found["differences"] == ["runs from: shop/api:2 → shop/api:1"]
    assert engine.control.wishes == []
    response = client.post("/rollback/manual/api?snapshot=snap-7")
    assert (response.status_code, response.json()["restore_id"]) == (202, "res-1")
