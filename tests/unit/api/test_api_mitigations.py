"""Mitigations as they are told: on /dependencies, of an incident, in /metrics, on a page."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fastapi.testclient import TestClient

from everup.cli import pages
from everup.model.decision import Step
from everup.model.kinds import ActionKind
from everup.model.mitigation import NEEDS, Mitigated, Mitigation, MitigationKind, Mitigations
from tests.unit.api.fakes import FakeEngine

OPTION = Mitigation(
    MitigationKind.FAILOVER,
    "redis",
    "redis",
    "redis-2 answers under the names of redis",
    "redis: hang: does not answer",
    0.9,
    0.1,
    missing=("no standby is declared for redis",),
    wait_s=60.0,
)


def _filled(engine: FakeEngine) -> None:
    held = Mitigated(
        "act-7",
        ActionKind.DEGRADE,
        "api",
        "redis",
        Step(ActionKind.DEGRADE, "api", {NEEDS: "redis"}),
        105.0,
        "inc-1",
        True,
    )
    control = engine.control
    control.mitigations.latest = Mitigations(110.0, 0.9, 0.0, ("redis",), ("api",), (OPTION,))
    control.mitigations.standing = {OPTION.name: "not possible: no standby is declared for redis"}
    control.state = replace(control.state, mitigated={"act-7": held})


def test_dependencies_list_options_and_what_is_in_force(
    client: TestClient, engine: FakeEngine
) -> None:
    body = client.get("/dependencies").json()["mitigations"]
    assert (body["risk"], body["options"], body["in_force"]) == (0.0, [], [])
    _filled(engine)
    body = client.get("/dependencies").json()["mitigations"]
    assert (body["risk"], body["sources"], body["exposed"]) == (0.9, ["redis"], ["api"])
    assert (body["risk_above"], body["gain_least"]) == (0.25, 0.05)
    (option,) = body["options"]
    assert option["gain"] == pytest.approx(0.8)
    assert option["standing"].startswith("not possible")
    (held,) = body["in_force"]
    status = client.get("/status").json()["components"]["dependency_monitor"]
    assert status["mitigations"] == ["degrade of api because of redis"]
    assert (held["service"], held["needs"], held["has_passed"]) == ("api", "redis", True)


def test_an_incident_and_its_page_have_its_own(
    client: TestClient, engine: FakeEngine, capsys: pytest.CaptureFixture[str]
) -> None:
    _filled(engine)
    story = client.get("/incidents/inc-1").json()
    assert [o["kind"] for o in story["mitigations"]] == ["failover"]
    pages.incident(story, is_long=True)
    told = capsys.readouterr().out
    assert "What would keep it from spreading" in told
    assert "0.90 → 0.10" in told


def test_metrics_say_how_much_may_spread(client: TestClient, engine: FakeEngine) -> None:
    _filled(engine)
    text = client.get("/metrics").text
    assert "everup_spread_risk 0.9" in text
    assert "everup_spread_exposed 1.0" in text
    assert 'everup_mitigations{kind="degrade"} 1.0' in text
