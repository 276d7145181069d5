"""`router:` of the stack and of a service: short and long forms, and what is wrong with others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from everup.config import ConfigError, Loaded, load_without_file
from everup.model.routing import Route, RouterSpec
from everup.model.scaling import Spread

STACK = "stack: s\nservices: [web]\n"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("unix:///run/haproxy/admin.sock", "unix:///run/haproxy/admin.sock"),
        ("/run/admin.sock", "unix:///run/admin.sock"),
        ("tcp://haproxy:9999", "tcp://haproxy:9999"),
        ("'tcp://[::1]:9999'", "tcp://[::1]:9999"),
        ("{haproxy: /run/admin.sock, timeout_s: 5s}", "unix:///run/admin.sock"),
    ],
)
def test_addresses(load: Callable[..., Loaded], written: str, address: str) -> None:
    router = load(f"{STACK}router: {written}\n").options.router
    assert router == RouterSpec("haproxy", address, 5.0 if "5s" in written else 2.0)


def test_a_relative_path_lies_beside_the_file(load: Callable[..., Loaded], tmp_path: Path) -> None:
    router = load(f"{STACK}router: unix://run/admin.sock\n").options.router
    assert router is not None
    assert router.address.startswith("unix:///")
    assert router.address.endswith("/run/admin.sock")


def test_the_environment_goes_over_the_file() -> None:
    loaded = load_without_file({"EVERUP_ROUTER": "tcp://lb:1999"})
    assert loaded.options.router == RouterSpec("haproxy", "tcp://lb:1999")
    assert load_without_file({}).options.router is None


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("haproxy:9999", "has no scheme"),
        ("http://haproxy:9999", "has no scheme"),
        ("tcp://haproxy", "names no host"),
        ("tcp://haproxy:none", "names no port"),
        ("unix://", "names no socket"),
        ("/" + "x" * 200, "is no path of a socket"),
        ("{timeout_s: 1s}", "names no router"),
        ("{nginx: /run/x}", "is not a field here"),
    ],
)
def test_what_is_no_address(load: Callable[..., Loaded], written: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(f"{STACK}router: {written}\n")


@pytest.mark.parametrize(
    ("written", "route"),
    [
        ("be_web", Route("be_web")),
        (
            "{backend: be_web, server: 'web{number}', port: 8080}",
            Route("be_web", "web{number}", 8080),
        ),
        ("{server: '{instance}'}", Route("", "{instance}")),
    ],
)
def test_a_service_says_where_it_is(
    load: Callable[..., Loaded], written: str, route: Route
) -> None:
    spec = load(f"stack: s\nservices:\n  web:\n    router: {written}\n").stack.services["web"]
    assert spec.route == route
    assert spec.spread is Spread.ROUTER
    written = f"{written}\n    spread: client"
    spec = load(f"stack: s\nservices:\n  web:\n    router: {written}\n").stack.services["web"]
    assert spec.spread is Spread.CLIENT


@pytest.mark.parametrize(
    "written", ["'a b'", "'be;disable server x/y'", "{server: 'a/b'}", "{port: 0}", "{what: x}"]
)
def test_what_is_no_name(load: Callable[..., Loaded], written: str) -> None:
    with pytest.raises(ConfigError):
        load(f"stack: s\nservices:\n  web:\n    router: {written}\n")
