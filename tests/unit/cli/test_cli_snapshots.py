"""What `everup snapshot` prints and ends with, over answers as the API gives them."""

from __future__ import annotations

from typing import Any

import pytest
from typer.testing import CliRunner

from everup.cli import client, hints
from everup.cli.verbs import app

MARK = {
    "id": "snap-1m8c8339707n",
    "at_s": 1.7e9,
    "reason": "by_hand",
    "by": "cli:ann",
    "note": "before the upgrade",
    "is_safe": True,
    "services": 12,
    "missing": ["db"],
    "held_bytes": 3 * 1024**3,
}
LIST: dict[str, Any] = {
    "snapshots": [MARK],
    "most": 10,
    "why_not": "",
    "fault": "",
    "objects": 17,
    "total_bytes": 52_900,
    "verified_at_s": None,
    "harms": [],
}
PART = {
    "service": "web",
    "title": "shop/web:1 (4f1c9e2ab3d0)",
    "image": "sha256:4f",
    "image_is_held": True,
    "instances": 2,
    "memory_bytes": 512 * 1024**2,
    "cpus": None,
    "files": ["/etc/web.conf"],
    "missing": "",
    "dump": "",
}
ONE = {**MARK, "services": [PART], "files": ["/srv/everup.yaml"]}
CHANGE = {
    "service": "web",
    "aspect": "file",
    "lines": ["/etc/web.conf: changed, 2 → 3 bytes", "-a", "+ab"],
    "is_ours": True,
    "by": "Everup, asked by ann",
    "action_ids": ["act-1"],
}
HARM = {
    "address": "ab" * 32,
    "what": "damaged",
    "used_by": ["snap-1: the configuration of web"],
    "text": "x",
}
VERIFIED = {"is_whole": True, "objects": 17, "total_bytes": 5000, "harms": [], "mended": []}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    said: dict[str, Any] = {
        "/snapshots": LIST,
        "/snapshots/snap-1": ONE,
        "/snapshots/snap-1/diff/now": {"first": "snap-1", "second": "now", "changes": [CHANGE]},
        "/snapshots/verify": VERIFIED,
        "asked": [],
    }

    def get(place: object, path: str, **query: Any) -> Any:
        return said[path]

    def change(place: object, method: str, path: str, wait_s: float = 0.0, **query: Any) -> Any:
        said["asked"].append((path, query))
        return said.get(f"{method} {path}", said[path])

    monkeypatch.setattr(client, "get", get)
    monkeypatch.setattr(client, "change", change)
    monkeypatch.setattr(hints, "remember", lambda place: None)
    monkeypatch.setenv("COLUMNS", "140")
    return said


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["snapshot", *words])
    return result.exit_code, result.output


def test_the_list_fits_and_keeps_ids_whole(answers: dict[str, Any]) -> None:
    code, said = run("list")
    assert code == 0
    for text in (
        "snap-1m8c8339707n",
        "before the upgrade",
        "12 of 13, without db",
        "yes",
        "3.0 GiB",
    ):
        assert text in said
    assert "At most 10 are kept; 17 objects, 51.7 KiB; not verified yet." in said
    answers["/snapshots"] = {**LIST, "snapshots": [], "why_not": "rollback is switched off"}
    assert run("list")[1].strip() == "rollback is switched off"
    answers["/snapshots"] = {**LIST, "fault": "another key", "harms": ["x"], "verified_at_s": 1.7e9}
    said = run("list")[1]
    assert "another key" in said
    assert "1 not as they were: everup snapshot verify" in said.replace("\n", " ")


def test_one_is_taken_with_dumps_and_a_reason(answers: dict[str, Any]) -> None:
    answers["POST /snapshots"] = ONE
    code, said = run("create", "--with-dumps", "--reason", "before the upgrade")
    assert code == 0
    assert answers["asked"] == [
        ("/snapshots", {"reason": "before the upgrade", "with_dumps": "true"})
    ]
    assert "512.0 MiB" in said
    answers["POST /snapshots"] = {**ONE, "services": [{**PART, "missing": "no container"}]}
    assert run("create")[0] == 1
    answers["POST /snapshots"] = {"state": "accepted", "text": "x"}
    assert (run("create")[0], run("create", "--wait", "0")[0]) == (1, 0)


def test_one_is_shown(answers: dict[str, Any]) -> None:
    said = run("show", "snap-1")[1]
    for text in ("shop/web:1 (4f1c9e2ab3d0)", "held", "/srv/everup.yaml", "by hand"):
        assert text in said
    assert "dump" not in said
    answers["/snapshots/snap-1"] = {**ONE, "services": [{**PART, "dump": "done in 3 s"}]}
    assert "done in 3 s" in run("show", "snap-1")[1]


def test_a_diff_says_whose_hand_it_was(answers: dict[str, Any]) -> None:
    code, said = run("diff", "snap-1")
    assert code == 0
    assert "file by Everup, asked by ann (act-1)" in said
    assert "    +ab" in said
    answers["/snapshots/snap-1/diff/now"] = {"first": "", "second": "", "changes": []}
    assert "Nothing differs between snap-1 and now." in run("diff", "snap-1")[1]


def test_verify_names_what_is_damaged_and_ends_with_1(answers: dict[str, Any]) -> None:
    assert run("verify") == (0, "All 17 objects (4.9 KiB) are as they were put there.\n")
    answers["/snapshots/verify"] = {**VERIFIED, "is_whole": False, "harms": [HARM]}
    code, said = run("verify")
    assert code == 1
    assert f"{'ab' * 32} is damaged" in said
    assert "used by snap-1: the configuration of web" in said
    assert run("verify", "--json")[0] == 1


def test_what_makes_no_sense_is_refused(answers: dict[str, Any]) -> None:
    for words in (("show",), ("diff",), ("verify", "snap-1"), ("list", "x"), ("eat",)):
        assert run(*words)[0] == 2
