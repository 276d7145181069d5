"""Snapshots over HTTP: listed, taken, looked into, compared, verified; no secret is shown."""

from __future__ import annotations

from dataclasses import replace

from fastapi.testclient import TestClient

from everup.model.snapshot import KeptVerified
from tests.unit.api.fakes import FakeEngine


def test_the_list_says_what_is_kept_and_whether_it_is_whole(
    client: TestClient, engine: FakeEngine
) -> None:
    found = client.get("/snapshots").json()
    (mark,) = found["snapshots"]
    assert (mark["id"], mark["reason"], mark["services"]) == ("snap-1", "schedule", 1)
    assert (mark["missing"], mark["held_bytes"], mark["is_safe"]) == (["redis"], None, False)
    assert (found["verified_at_s"], found["objects"], found["most"]) == (None, 3, 10)
    verified = KeptVerified(100.0, 3, 4096, ("ab is damaged",))
    engine.control.state = replace(engine.control.state, kept_verified=verified)
    engine.control.snapshots.fault = "the key is another one"
    found = client.get("/snapshots").json()
    assert (found["verified_at_s"], found["harms"]) == (100.0, ["ab is damaged"])
    assert found["fault"] == "the key is another one"


def test_one_is_taken_and_waited_for(client: TestClient, engine: FakeEngine) -> None:
    response = client.post("/snapshots?reason=upgrade&by=ann&with_dumps=true&wait=5")
    assert response.status_code == 200
    assert response.json()["id"] == "snap-1"
    assert engine.control.snapshots.asked == [("ann", "upgrade", True)]
    engine.control.snapshots.takes_s = 60.0
    response = client.post("/snapshots")
    assert (response.status_code, response.json()["state"]) == (202, "accepted")


def test_that_none_can_be_taken_is_refused_with_the_reason(
    client: TestClient, engine: FakeEngine
) -> None:
    engine.control.snapshots.no = "rollback is switched off"
    response = client.post("/snapshots?wait=5")
    assert response.status_code == 409
    assert "rollback is switched off" in response.json()["detail"]


def test_one_is_shown_with_its_services(client: TestClient) -> None:
    found = client.get("/snapshots/snap-1").json()
    api, redis = found["services"]
    assert (api["title"], api["image_is_held"]) == ("shop/api:1 (4f1c9e2ab3d0)", True)
    assert (api["files"], api["instances"]) == (["/etc/api.conf"], 2)
    assert (redis["missing"], redis["memory_bytes"]) == ("it was not read in time", None)
    assert found["files"] == ["/srv/everup.yaml"]


def test_a_name_that_is_none_is_not_found(client: TestClient) -> None:
    for path in ("/snapshots/x", "/snapshots/x/diff/now", "/snapshots/snap-1/diff/x"):
        response = client.get(path)
        assert response.status_code == 404
        assert response.json()["fix"] == "GET /snapshots lists them"


def test_a_diff_names_aspect_and_hand(client: TestClient) -> None:
    found = client.get("/snapshots/snap-1/diff/now").json()
    (change,) = found["changes"]
    assert (change["service"], change["aspect"]) == ("api", "configuration")
    assert (change["by"], change["is_ours"]) == ("somebody else", False)


def test_what_is_damaged_is_named(client: TestClient) -> None:
    found = client.post("/snapshots/verify?by=ann").json()
    assert found["is_whole"] is False
    (harm,) = found["harms"]
    assert harm["used_by"] == ["snap-1: the configuration of api"]
    assert "is damaged" in harm["text"]
    assert found["mended"] == ["mark"]


def test_the_metrics_count_what_is_kept(client: TestClient) -> None:
    text = client.get("/metrics").text
    assert "everup_snapshots 1.0" in text
    assert "everup_kept_bytes 4096.0" in text
    assert "everup_snapshot_age_seconds 21.0" in text
