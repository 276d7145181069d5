"""What `everup anomalies` prints, over answers as the API gives them."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from everup.cli import client
from everup.cli.verbs import app

WHY = [{"signal": "cpu_ratio", "member": "shift_48", "rarity": 4.0, "value": 0.912}]
NOW = {
    "service": "api", "at_s": 1.7e9, "level": 1.5, "bound": 3.0, "is_high": False, "rows": 900,
    "rows_needed": 288, "reasons": WHY,
}  # fmt: skip
YOUNG = {**NOW, "service": "db", "level": 0.0, "bound": None, "rows": 240, "reasons": []}
TOLD = {
    "service": "api", "at_s": 1.7e9, "level": 3.4, "bound": 3.0, "is_alarm": True, "reasons": WHY,
}  # fmt: skip
EMPTY: dict[str, Any] = {
    "serving": "", "is_living_through": False, "fault": "", "row_s": 300.0, "services": [NOW],
    "anomalies": [], "flaws": [],
}  # fmt: skip


def said(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> str:
    monkeypatch.setattr(client, "get", lambda place, path, **_: {**EMPTY, **changes})
    found = CliRunner().invoke(app, ["anomalies"])
    assert found.exit_code == 0, found.output
    return " ".join(found.output.split())


def test_calm(monkeypatch: pytest.MonkeyPatch) -> None:
    text = said(monkeypatch)
    assert "50% of the bound" in text
    assert "cpu_ratio 0.912" in text
    assert "Nothing was noticed yet." in text


def test_one_still_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    text = said(monkeypatch, services=[NOW, YOUNG])
    assert "1 of 2 services still learns what is usual; nothing is told of it for 4.0 hours" in text
    assert "being read again" in said(monkeypatch, services=[YOUNG], is_living_through=True)


def test_what_was_noticed_and_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    flaws = [
        {"service": "api", "signal": "queue", "kind": "not_finite", "count": 3},
        {"service": "api", "signal": "gpu_ratio", "kind": "missing", "count": 99},
    ]
    text = said(monkeypatch, anomalies=[TOLD], flaws=flaws, fault="the past could not be read")
    assert "alarm" in text
    assert "1 in 10,000" in text
    assert "not finite" in text
    assert "gpu_ratio" not in text
    assert "the past could not be read" in text
