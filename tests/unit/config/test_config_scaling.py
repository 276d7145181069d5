"""What a file, a variable and labels say of sizes and places."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from everup.config import Loaded
from everup.model.recipes import parse_recipe
from everup.model.scaling import Spread
from everup.runtimes.docker.discovery.labels import read_labels

FILE = """
    stack: shop
    services:
      db: {probe: "tcp://127.0.0.1:5432", standby: spare, stateful: true}
      spare: "tcp://127.0.0.1:5433"
      web:
        command: ./web
        port: 9000
        instances: {count: 2, max: 5}
        spread: router
        hooks: {cache_clear: {recipe: "redis:6379:prefix=page:", timeout_s: 5s}}
"""


def test_a_file_says_who_spreads_who_stands_by_and_what_may_be_freed(
    load: Callable[..., Loaded],
) -> None:
    services = load(FILE).stack.services
    assert services["db"].standby == "spare"
    assert services["web"].spread is Spread.ROUTER
    assert services["web"].has_bounds
    assert not services["db"].has_bounds
    hook = services["web"].hooks["cache_clear"]
    assert hook.recipe == parse_recipe("redis:6379:prefix=page:")
    assert hook.timeout_s == 5.0


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("standby: spare", "standby: spar", "is no other service of this stack"),
        ("standby: spare", "standby: db", "is no other service of this stack"),
        ("spread: router", "spread: rooter", "is not known"),
        ("redis:6379:prefix=page:", "redis:prefix=*", "name the prefix"),
        ("cache_clear: {recipe", "reconnect: {recipe", "recipes clear caches"),
    ],
)
def test_what_makes_no_sense_is_told(
    refused: Callable[..., list[str]], before: str, after: str, said: str
) -> None:
    (problem,) = refused(FILE.replace(before, after))
    assert said in problem


@pytest.mark.parametrize(("value", "is_on"), [("false", False), ("TRUE", True), ("", True)])
def test_a_variable_switches_the_component(
    load: Callable[..., Loaded], value: str, *, is_on: bool
) -> None:
    loaded = load(FILE, {"AUTO_SCALING_ENABLED": value})
    assert loaded.scaled().settings.auto_scaling_enabled is is_on
    assert loaded.unused == ()


def test_labels_say_the_same() -> None:
    wishes = read_labels(
        "web",
        {
            "everup.cache_clear": "nginx:path=/var/cache/nginx/pages",
            "everup.spread": "queue",
            "everup.standby": "spare",
        },
    )
    assert not wishes.notes
    assert (wishes.spread, wishes.standby) == (Spread.QUEUE, "spare")
    assert wishes.hooks["cache_clear"].recipe == parse_recipe("nginx:path=/var/cache/nginx/pages")


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("everup.cache_clear", "redis:flushall"),
        ("everup.spread", "somebody"),
        ("everup.standby", "a, b"),
    ],
)
def test_a_label_that_cannot_be_understood_does_nothing(label: str, value: str) -> None:
    wishes = read_labels("web", {label: value})
    assert len(wishes.notes) == 1
    assert (wishes.spread, wishes.standby, wishes.hooks) == (None, "", {})
