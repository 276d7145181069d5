"""How often chance is asked: two tables of the same names, full never below ci."""

from __future__ import annotations

import tomllib

import pytest

from tests.counts import FILE, VARIABLE, count


def test_both_tables_count_the_same_things() -> None:
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    assert tables.keys() == {"ci", "full"}
    assert tables["ci"].keys() == tables["full"].keys()
    assert all(tables["full"][name] >= most for name, most in tables["ci"].items())


def test_the_table_is_chosen_by_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "full")
    assert count("kills") == 50
    monkeypatch.setenv(VARIABLE, "most")
    with pytest.raises(ValueError, match=f"{VARIABLE}: 'most' is none of ci, full"):
        count("kills")
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(ValueError, match=r"no count 'kill'; it has .*kills"):
        count("kill")
