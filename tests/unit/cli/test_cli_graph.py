"""What `everup graph` says of a stack that is partly ill."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from everup.cli import client, graph
from everup.cli.exits import OK

PLACE: Any = SimpleNamespace(is_json=False)
CASCADE = {
    "risk": 0.0,
    "expected": 0.0,
    "paths": [
        {"services": ["db", "api", "web"], "probability": 1.0, "risk": 2.0, "delay_s": 30.0},
    ],
    "single_points": [],
}


def _says(monkeypatch: pytest.MonkeyPatch, found: dict[str, Any]) -> None:
    monkeypatch.setattr(client, "get", lambda place, path: found)


def test_who_is_ill_already_is_named_beside_the_risk_of_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [
        {"service": "web", "condition": "unhealthy"},
        {"service": "db", "condition": "down"},
        {"service": "api", "condition": "healthy"},
    ]
    _says(monkeypatch, {"cascade": CASCADE, "nodes": nodes})
    assert graph.put_paths(PLACE) == OK
    said = " ".join(capsys.readouterr().out.split())
    assert "cascade risk 0.000, 0.00 services on average, within 15 minutes" in said
    assert "ill already, and not counted in: db, web" in said
    assert "db → api → web" in said
    _says(monkeypatch, {"cascade": CASCADE, "nodes": nodes[2:]})
    graph.put_paths(PLACE)
    assert "ill already" not in capsys.readouterr().out


def test_a_risk_is_told_as_things_stand(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = {
        "sources": ["cache"],
        "exposed": ["api", "web"],
        "risk": 0.5,
        "options": [],
        "in_force": [],
        "left_out": 0,
    }
    _says(monkeypatch, {"mitigations": found})
    assert graph.put_mitigations(PLACE) == OK
    said = " ".join(capsys.readouterr().out.split())
    assert "cache can reach 2 others, with a risk of 0.50 each, as things stand" in said
