"""What the API shows of a scaler that has seen some hours: forecasts, capacity, choice, cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from everup.api import create_api
from everup.model.sizing import QueueSpec, ScalingSpec
from tests.unit.api.fakes import FakeEngine
from tests.unit.api.scaled import scaled_engine

ENGINE = scaled_engine()


@pytest.fixture
def engine() -> FakeEngine:
    return ENGINE


@pytest.fixture
def client(engine: FakeEngine) -> Iterator[TestClient]:
    with TestClient(create_api(engine), base_url="http://localhost:8010") as made:
        yield made


def test_a_service_is_shown_with_all_that_is_thought_of_it(client: TestClient) -> None:
    found = client.get("/scaling").json()
    assert (found["state"], found["learned"]) == ("running", True)
    web = found["services"]["web"]
    assert web["learned"] is True
    assert web["demand"] == {"now": pytest.approx(60.0, abs=5), "unit": "requests/s"}
    for part in ("ahead", "soon"):
        one = web["forecast"][part]
        assert list(one["quantiles"]) == ["p5", "p25", "p50", "p75", "p95"]
        assert sorted(one["quantiles"].values()) == list(one["quantiles"].values())
        assert 0.5 < one["coverage"] <= 1.0
        assert 0.0 < one["loss"] < one["loss_as_now"]  # the wave was learned
    assert web["forecast"]["ahead"]["in_s"] == 900.0
    assert web["capacity"]["source"] == "proven so far"
    assert web["capacity"]["lower"] <= web["capacity"]["per_instance"]
    decision = web["decision"]
    assert (decision["instances_now"], decision["instances"]) == (3, 4)
    assert decision["is_change"]
    assert decision["waits"].startswith("mode: ")
    assert web["why"] == f"waits: {decision['waits']}"
    assert web["told"][0].startswith("There are 3 instances; there should be 4, says ")
    assert web["cost"]["per_month"] == pytest.approx(web["cost"]["per_hour"] * 730)


def test_what_cannot_be_scaled_or_was_never_seen_says_so(client: TestClient) -> None:
    services = client.get("/scaling").json()["services"]
    assert services["db"]["fixed"] == "it keeps data, and grows in size alone"
    assert "no bounds" in services["worker"]["fixed"]
    assert services["worker"]["demand"]["unit"] == "cores"
    assert services["worker"]["capacity"]["source"] == "rules"
    assert services["worker"]["forecast"]["ahead"]["quantiles"] is None
    quiet = services["quiet"]
    assert (quiet["forecast"], quiet["capacity"], quiet["decision"]) == (None, None, None)
    assert quiet["cost"]["unknown"] == ["cpu", "memory"]


def test_text_and_compose_say_the_same(client: TestClient) -> None:
    found = client.get("/scaling").json()
    text = client.get("/scaling?format=text")
    assert text.headers["content-type"].startswith("text/plain")
    for line in found["services"]["web"]["told"]:
        assert line in text.text
    compose = client.get("/scaling?format=compose")
    assert compose.text == found["recommended_override"]
    assert "  web:\n    scale: 4\n" in compose.text
    assert client.get("/scaling?format=xml").status_code == 422


def test_what_was_decided_stands_beside_what_was_done(client: TestClient) -> None:
    found = client.get("/scaling/decisions?limit=1").json()
    (latest,) = found["decided"]
    assert (latest["service"], latest["choice"]["instances"]) == ("web", 4)
    assert latest["choice"]["text"]
    assert found["decisions"] == []
    times = [one["at_s"] for one in client.get("/scaling/decisions").json()["decided"]]
    assert times == sorted(times, reverse=True)


def test_the_plan_says_which_sizes_wait(client: TestClient) -> None:
    waiting = {"web": "mode: everup only watches in mode observe"}
    assert client.get("/plan").json()["sizes_wait"] == waiting


def test_status_counts_how_far_it_is(client: TestClient) -> None:
    part = client.get("/status").json()["components"]["auto_scaler"]
    assert part["state"] == "running"
    assert (part["services"], part["scalable"], part["services_learned"]) == (3, 1, 1)
    assert part["wants"] == ["web: 4 instances instead of 3"]
    assert part["waiting"] == 1


def test_what_cannot_be_read_and_who_stays_awake_is_said() -> None:
    engine = scaled_engine()
    control = engine.control
    queued = ScalingSpec(queue=QueueSpec("cache:6379/0", "jobs", per_instance=5.0))
    worker = replace(control.stack.services["worker"], scaling=queued)
    control.stack = replace(control.stack, services={**control.stack.services, "worker": worker})
    control.queue_faults = {"worker": "redis cache:6379/0: refused"}
    control.sleep.waiting = {"web": "mode is observe"}
    with TestClient(create_api(engine), base_url="http://localhost:8010") as client:
        services = client.get("/scaling").json()["services"]
        assert services["worker"]["queue_fault"] == "redis cache:6379/0: refused"
        assert any("queue cannot be read" in line for line in services["worker"]["told"])
        assert services["web"]["stays_awake"] == "mode is observe"
        assert any("does not sleep: mode is observe" in line for line in services["web"]["told"])
        assert 'everup_queue_readable{service="worker"} 0.0' in client.get("/metrics").text
        control.queue_faults = {}
        assert 'everup_queue_readable{service="worker"} 1.0' in client.get("/metrics").text


def test_switched_off_says_off_and_still_tells_what_it_costs() -> None:
    engine = FakeEngine(replace(ENGINE.control))
    engine.control.settings = replace(engine.control.settings, auto_scaling_enabled=False)
    with TestClient(create_api(engine), base_url="http://localhost:8010") as client:
        found = client.get("/scaling").json()
        assert found["state"] == "off"
        assert found["services"]["web"]["fixed"] == "auto scaling is switched off"
        assert found["services"]["web"]["cost"]["per_month"] > 0
        assert client.get("/status").json()["components"]["auto_scaler"]["state"] == "off"


def test_metrics_of_scaling(client: TestClient) -> None:
    text = client.get("/metrics").text
    assert 'everup_demand{service="web",unit="requests/s"} ' in text
    assert 'everup_demand_forecast{q="0.95",service="web"} ' in text
    assert 'everup_demand_forecast{q="0.95",service="worker"}' not in text
    assert 'everup_demand_forecast_coverage_ratio{service="web"} 0.' in text
    assert 'everup_capacity{bound="lower",service="web"} ' in text
    assert 'everup_instances_wanted{service="web"} 4.0' in text
    assert 'everup_shortage_chance{service="web"} ' in text
    assert 'everup_scaling_decisions_total{by="forecast"} 2.0' in text
    assert 'everup_cost_per_hour{currency="USD",service="web"} ' in text
    assert 'everup_waste_per_hour{currency="USD",service="web"} ' in text
    assert 'everup_cost_per_hour{currency="USD",service="quiet"}' not in text
