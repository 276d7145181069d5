"""The text: what is active loads back as exactly that, whatever names and reasons look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from everup.app.suggest import Advice, Suggestion, compose_yaml
from everup.app.suggest.written import scalar

CHECK: Mapping[str, str | int | Sequence[str]] = {
    "test": ("CMD-SHELL", "ask \"${A:-$B}\" '#: {x}' \\ 100%"),
    "interval": "10s",
    "retries": 3,
}
TRICKY = [
    *(
        "plain",
        "a:b",
        "a: b",
        "it's",
        '"quoted"',
        "größe",
        "数据库",
        "🦊",
        "#c",
        "- a",
        "{a}",
        "[a]",
    ),
    *("yes", "null", "1.5", "0o17", "1e3", "22:22", "", " ", "a\nb", "a\u2028b", "&a", "*a", "!t"),
    *("%a", "@a", "`a", "?", "x" * 200, "a #b", "true", "on", "=", "<<", "\x07", "\ud800"),
]


def told(*advice: Advice) -> Suggestion:
    return Suggestion(
        "shop", "/srv/shop", "docker compose up -d", advice, 7, 9, 12, ("a: note\nservices: {}",)
    )


def load(text: str) -> Any:
    return yaml.safe_load(text)["services"]


def as_loaded(name: str) -> str:
    return name.encode("utf-8", "replace").decode()


def test_what_is_active_and_no_more() -> None:
    text = compose_yaml(
        told(
            Advice("api", "mem_limit", "192m", "why", is_active=True),
            Advice("api", "healthcheck", CHECK, "because", is_active=True),
            Advice("api", "db", {"condition": "service_healthy"}, "seen", True, "depends_on"),
            Advice("api", "log", {"condition": "service_started"}, "soft", False, "depends_on"),
            Advice("db", "mem_limit", "64m", "keeps data", is_active=False),
            Advice("web", "log", {"condition": "service_started"}, "soft", False, "depends_on"),
            Advice("web", "stop_grace_period", "60s", "data", is_active=True),
        )
    )
    test = ["CMD-SHELL", "ask \"$${A:-$$B}\" '#: {x}' \\ 100%"]
    api = {
        "healthcheck": {"test": test, "interval": "10s", "retries": 3},
        "depends_on": {"db": {"condition": "service_healthy"}},
        "mem_limit": "192m",
    }
    assert load(text) == {"api": api, "web": {"stop_grace_period": "60s"}}
    started = {"condition": "service_started"}
    assert load(text.replace("#? ", "")) == {
        "api": {**api, "depends_on": {**api["depends_on"], "log": started}},  # type: ignore[dict-item]
        "db": {"mem_limit": "64m"},
        "web": {"stop_grace_period": "60s", "depends_on": {"log": started}},
    }
    assert "7 of 12 services can be judged; with this file 9" in text
    assert "    # because\n    healthcheck:" in text


def test_with_nothing_active_compose_can_still_take_it() -> None:
    text = compose_yaml(told(*[Advice(n, "mem_limit", "64m", "why", False) for n in ("a", "b")]))
    assert load(text) == {"a": {"labels": {}}}
    finished = load(text.replace("#? ", ""))
    assert {name: found["mem_limit"] for name, found in finished.items()} == {
        "a": "64m",
        "b": "64m",
    }


@pytest.mark.parametrize("name", TRICKY)
def test_odd_names_break_nothing(name: str) -> None:
    started = {"condition": "service_started"}
    text = compose_yaml(
        told(
            Advice(name, name, started, f"{name} is named", is_active=True, under="depends_on"),
            Advice(name, "mem_limit", "64m", name, is_active=False),
        )
    )
    found = as_loaded(name)
    assert load(text) == {found: {"depends_on": {found: started}}}
    assert load(text.replace("#? ", "")) == {
        found: {"depends_on": {found: started}, "mem_limit": "64m"}
    }


@given(st.text())
def test_every_text_loads_back_from_one_line(text: str) -> None:
    written = scalar(text)
    assert len(written.splitlines()) == 1
    assert yaml.safe_load(f"{written}: [{written}]") == {as_loaded(text): [as_loaded(text)]}


@pytest.mark.parametrize(
    "line", compose_yaml(told(Advice("a", "mem_limit", "1m", "why " * 99, True))).splitlines()
)
def test_lines_stay_readable(line: str) -> None:
    assert len(line) <= 100
