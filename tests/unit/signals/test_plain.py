"""Which URLs go the short way: plain HTTP to a literal address, and nothing that needs care."""

from __future__ import annotations

import socket

import pytest

from everup.signals.probes.plain import Target, target_of

HERE = "127.0.0.1"


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1", Target(socket.AF_INET, HERE, 80, HERE, "/")),
        (
            "http://127.0.0.1:8080/health?full=1&x=%20",
            Target(socket.AF_INET, HERE, 8080, "127.0.0.1:8080", "/health?full=1&x=%20"),
        ),
        ("http://[::1]:81/", Target(socket.AF_INET6, "::1", 81, "[::1]:81", "/")),
    ],
)
def test_a_literal_address_is_understood(url: str, target: Target) -> None:
    assert target_of(url) == target


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "http://localhost/",
        "http://service:8080/health",
        "http://user@127.0.0.1/",
        "http://127.0.0.1:0/",
        "http://127.0.0.1:70000/",
        "http://127.1/",
        "http://999.0.0.1/",
        "http://[::1/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/ü",
        "http://127.0.0.1/a\r\nx: y",
        "http://127.0.0.1/#part",
        "http://127.0.0.1?x",
        "",
    ],
)
def test_everything_else_goes_the_general_way(url: str) -> None:
    assert target_of(url) is None
