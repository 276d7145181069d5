"""What a verb ends with: only what is proven, or was not waited for, is well."""

from __future__ import annotations

from typing import Any

import pytest

from everup.cli.exits import OK, UNWELL
from everup.cli.place import Place
from everup.cli.wishes import said

BEGUN = "begun; it may take up to 190 s"


def answer(state: str | None) -> dict[str, Any]:
    outcome: dict[str, Any] | None = None
    if state is not None:
        outcome = {"service": "api", "kind": "scale_out", "state": state, "id": "act-1"}
        outcome |= {"verdict": "", "error": "", "before": None}
    is_settled = state in ("verified", "failed")
    found = {"state": "accepted", "text": BEGUN, "service": "api", "action_id": "act-1"}
    return {**found, "outcome": outcome, "is_settled": is_settled}


@pytest.mark.parametrize("is_json", [False, True])
@pytest.mark.parametrize(
    ("state", "wait_s", "code"),
    [
        ("verified", 120.0, OK),
        ("failed", 120.0, UNWELL),
        ("verifying", 120.0, UNWELL),
        (None, 120.0, UNWELL),
        (None, 0.0, OK),
    ],
)
def test_what_is_not_proven_is_not_well(
    state: str | None, wait_s: float, code: int, *, is_json: bool
) -> None:
    assert said(Place(is_json=is_json), answer(state), wait_s) == code


def test_it_is_said_how_long_it_may_take(capsys: pytest.CaptureFixture[str]) -> None:
    said(Place(), answer("verifying"), 120.0)
    told = capsys.readouterr().out
    assert f"not proven within 120 s, and goes on; {BEGUN}; see: everup explain api" in told
