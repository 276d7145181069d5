"""Where the copies of a service are in a router, by its labels."""

from __future__ import annotations

import pytest

from everup.model.routing import Route
from everup.model.scaling import Spread
from everup.runtimes.docker.discovery.labels import read_labels
from tests.unit.runtimes.docker.discovery.worlds import discover, document


def test_they_say_backend_server_and_port() -> None:
    labels = {
        "everup.router.backend": "be_web",
        "everup.router.server": "web{number}",
        "everup.router.port": "8080",
    }
    wishes = read_labels("shop_web_1", labels)
    assert wishes.route == Route("be_web", "web{number}", 8080)
    assert wishes.notes == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("backend", "a b"),
        ("server", "x;y"),
        ("port", "0"),
        ("port", "http"),
        ("backend", "{number}"),
    ],
)
def test_mistakes_are_notes(name: str, value: str) -> None:
    wishes = read_labels("shop_web_1", {f"everup.router.{name}": value})
    assert wishes.route is None
    assert len(wishes.notes) == 1


def test_who_is_in_a_router_gets_work_for_its_copies() -> None:
    found = document("web", labels={"everup.router.backend": "be_web"})
    spec = discover([found])["shop"].stack.services["web"]
    assert spec.route == Route("be_web")
    assert spec.spread is Spread.ROUTER
