"""What is shown of going back together, what is asked, and what it ends with."""

from __future__ import annotations

from typing import Any

import pytest

from everup.cli import client, restoring
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.place import Place

STEP = {
    "service": "web",
    "from_version": "1:new",
    "from_title": "web:2",
    "to_version": "1:old",
    "to_title": "web:1",
    "instances_now": 1,
    "instances_then": 0,
}
PLAN: dict[str, Any] = {
    "state": "done",
    "text": "would go back, in this order: web; nothing was done",
    "service": "web",
    "steps": [STEP],
    "left": [{"service": "mail", "reason": "it runs from that already"}],
    "refusals": [],
    "notes": ["web had 2 instances then"],
    "restore_id": None,
    "is_settled": True,
    "ended": None,
}
RESTORE: dict[str, Any] = {
    "id": "res-1",
    "by": "Ann",
    "began_at_s": 100.0,
    "is_back": False,
    "back_because": "",
    "ending": None,
    "ended_because": "",
    "snapshot_id": "",
    "waiting_for": "freeze: the stack is frozen",
    "progress": {
        "of": 1,
        "done": 0,
        "number": 1,
        "service": "web",
        "doing": "",
        "next_service": "",
    },
    "steps": [{**STEP, "state": "under_way", "tries": []}],
}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the API answers: `plan` to a dry run, `begun` to the wish, `get` to any GET."""
    answers: dict[str, Any] = {"plan": PLAN, "begun": PLAN, "get": RESTORE, "asked": []}

    def change(place: Place, method: str, path: str, wait_s: float = 0.0, **query: Any) -> Any:
        answers["asked"].append((path, query))
        return answers["plan"] if query.get("dry_run") else answers["begun"]

    monkeypatch.setattr(client, "change", change)
    monkeypatch.setattr(client, "get", lambda *_, **__: answers["get"])
    return answers


def restored(*, is_dry: bool = False, is_sure: bool = True, wait_s: float = 60.0) -> int:
    return restoring.restore(
        Place(), "/restores", ["web"], wait_s, "", None, is_dry=is_dry, is_sure=is_sure
    )


def test_a_dry_run_shows_the_plan(api: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert restored(is_dry=True) == OK
    told = capsys.readouterr().out
    assert "web:2" in told
    assert "web:1" in told
    assert "mail stays: it runs from that already" in told
    assert "web had 2 instances then" in told
    assert len(api["asked"]) == 1


def test_nobody_there_to_ask_needs_a_yes(api: dict[str, Any]) -> None:
    with pytest.raises(Stop, match="add --yes") as stop:
        restored(is_sure=False)
    assert stop.value.code == USAGE
    assert len(api["asked"]) == 1


def test_a_refusal_is_shown_and_nothing_is_asked_for(
    api: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    refusal = {"service": "web", "name": "one_way", "reason": "web is declared one-way"}
    api["plan"] = {**PLAN, "state": "refused", "refusals": [refusal]}
    assert restored() == UNWELL
    assert "web stands against it: web is declared one-way" in capsys.readouterr().out
    assert len(api["asked"]) == 1


@pytest.mark.parametrize(
    ("ending", "code"), [("restored", OK), ("put_back", UNWELL), ("stuck", UNWELL)]
)
def test_its_end_is_the_exit_code(api: dict[str, Any], ending: str, code: int) -> None:
    ended = {**RESTORE, "ending": ending, "ended_because": "it is so"}
    api["begun"] = {**PLAN, "restore_id": "res-1", "ended": ended}
    assert restored() == code


def test_who_waited_in_vain_is_not_told_that_all_is_well(
    api: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    api["begun"] = {**PLAN, "restore_id": "res-1", "is_settled": False}
    assert restored() == UNWELL
    assert "everup restores res-1" in capsys.readouterr().out
    assert restored(wait_s=0.0) == OK


def test_one_is_shown_with_what_it_waits_for(
    api: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert restoring.restores(Place(), "res-1", "", is_undo=False) == OK
    told = capsys.readouterr().out
    assert "step 1 of 1" in told
    assert "it waits: freeze: the stack is frozen" in told
    api["get"] = {**RESTORE, "ending": "stuck", "ended_because": "web is between"}
    assert restoring.restores(Place(), "res-1", "", is_undo=False) == UNWELL
    assert "stuck: web is between" in capsys.readouterr().out


def test_all_are_listed(api: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    api["get"] = {"restores": [RESTORE]}
    assert restoring.restores(Place(), None, "", is_undo=False) == OK
    assert "under way" in capsys.readouterr().out
    with pytest.raises(Stop, match="of which one"):
        restoring.restores(Place(), None, "", is_undo=True)


def test_an_undo_is_asked_for(api: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    api["begun"] = {"text": "res-1 goes back"}
    assert restoring.restores(Place(), "res-1", "wrong one", is_undo=True) == OK
    assert api["asked"] == [("/restores/res-1/undo", {"reason": "wrong one"})]
    assert "res-1 goes back" in capsys.readouterr().out
