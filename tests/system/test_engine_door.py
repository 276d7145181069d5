"""The doors before the socket, asked by a real HAProxy before the real engine: what passes.

Whatever is refused is refused by the door: the engine answers 404 or 400, never 403.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.docker_engine import BUSYBOX, SOCKET, Docker, api, call, wait_until

pytestmark = pytest.mark.system
DOORS = Path(__file__).resolve().parents[2] / "deploy" / "proxy"
REFUSED = 403


@dataclass(frozen=True, slots=True)
class Asks:
    """Asks through a door: method, path → status. The path goes out as it is."""

    port: int

    def __call__(self, method: str, path: str, **headers: str) -> int:
        connection = _AnyPath("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()


class _AnyPath(HTTPConnection):
    def _validate_path(self, url: str) -> None:
        """Ours asks what no good client would."""


def serving(config: str, port: int, **more: str) -> dict[str, str]:
    where = {"EVERUP_DOOR": f"127.0.0.1:{port}", "EVERUP_ENGINE": SOCKET}
    return {**os.environ, **where, **more}


def port_that_is_free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def door(config: str, **more: str) -> Iterator[Asks]:
    """It is open, on a port of its own, for as long as the block lasts."""
    port = port_that_is_free()
    started = subprocess.Popen(
        ["haproxy", "-db", "-f", str(DOORS / config)],
        env=serving(config, port, **more),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    ask = Asks(port)

    def is_open() -> bool:
        try:
            return ask("GET", "/_ping") == 200
        except OSError:
            return False

    try:
        wait_until(is_open, within_s=10, what="the door")
        yield ask
    finally:
        started.terminate()
        started.wait(10)


@pytest.fixture(scope="module")
def observe(docker: Docker) -> Iterator[Asks]:
    with door("observe.cfg") as asks:
        yield asks


@pytest.fixture(scope="module")
def target(docker: Docker) -> str:
    """A container that nobody must be able to change; its name."""
    name = docker.name(f"target-{secrets.token_hex(3)}")  # a worker may come back to this file
    docker.run(BUSYBOX, "sleep", "600", name=name)
    return name


@pytest.mark.parametrize("config", ["observe.cfg", "heal.cfg"])
def test_haproxy_finds_no_fault_in_it(config: str) -> None:
    checked = subprocess.run(
        ["haproxy", "-c", "-f", str(DOORS / config)],
        env=serving(config, 2375),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert checked.returncode == 0, checked.stderr
    assert "[WARNING]" not in checked.stderr


READ = ["/_ping", "/version", "/info", "/containers/json", "/v1.41/containers/json?all=1"]
READ += ["/containers/{}/json", "/v1.41/containers/{}/json", "/containers/{}/top"]
READ += ["/containers/{}/stats?stream=false&one-shot=1", "/containers/{}/logs?stdout=1&tail=5"]
READ += ["/images/json", f"/images/{BUSYBOX}:latest/json", "/networks", "/networks/bridge"]
READ += ["/volumes", "/events?since=1&until=2", '/containers/json?filters={{"label":["a=b/../c"]}}']


@pytest.mark.parametrize("path", READ)
def test_what_everup_looks_at_passes(observe: Asks, target: str, path: str) -> None:
    filled = quote(path.format(target), safe='/?=&:{}[]",.')
    assert observe("GET", filled.replace('"', "%22").replace(" ", "")) == 200


CHANGES = [
    ("POST", f"/containers/{{}}/{verb}")
    for verb in ("restart", "start", "stop", "kill", "pause", "unpause", "update", "rename")
]
CHANGES += [("POST", f"/containers/{{}}/{v}") for v in ("attach", "exec", "wait", "resize")]
CHANGES += [("DELETE", "/containers/{}"), ("PUT", "/containers/{}/archive?path=/tmp")]
CHANGES += [("POST", "/containers/create"), ("POST", "/containers/prune"), ("POST", "/build")]
CHANGES += [("POST", "/images/create?fromImage=x"), ("POST", "/images/load"), ("POST", "/commit")]
CHANGES += [("POST", "/networks/bridge/connect"), ("POST", "/volumes/create"), ("POST", "/auth")]
CHANGES += [("POST", "/containers/json"), ("OPTIONS", "/info"), ("PATCH", "/info")]
CHANGES += [("post", "/containers/{}/restart"), ("GETPOST", "/info"), ("CONNECT", "/info")]
LEAKS = ["/containers/{}/archive?path=/etc", "/containers/{}/export", "/containers/{}/changes"]
LEAKS += [
    "/containers/{}/attach/ws?stdin=1&stream=1",
    "/images/get?names=x",
    "/session",
    "/secrets",
]
LEAKS += [f"/images/{BUSYBOX}/get", "/configs", "/swarm/unlockkey", "/plugins", "/system/df"]


@pytest.mark.parametrize(("method", "path"), CHANGES + [("GET", path) for path in LEAKS])
def test_nothing_else_does(observe: Asks, target: str, method: str, path: str) -> None:
    for prefix in ("", "/v1.41"):
        assert observe(method, prefix + path.format(target)) in {REFUSED, 400}
    state = api("GET", f"/containers/{target}/json")[1]
    assert (state["State"]["Running"], state["RestartCount"]) == (True, 0)


DISGUISES = [
    "/containers/json/../{}/export",
    "/containers/{}/json/../export",
    "/containers/{}/json/%2e%2e/export",
    "/containers/{}/json/%2E%2E/export",
    "/containers/{}/json/..%2fexport",
    "/containers/{}/json%2f..%2fexport",
    "/containers/{}/export%3f/json",
    "/containers/{}/export%23/json",
    "/containers/{}/export%00/json",
    "/containers/{}/export#/json",
    "/containers/{}/export;/json",
    "/containers/{}\\export/json",
    "//containers/{}/export",
    "/./containers/{}/export",
    "/containers//json",
    "/containers/%7b%7d/json",
    "/containers/{}/%6a%73%6f%6e",
    "/v1.41/../containers/{}/export",
    "/images/../containers/{}/json",
    "/images/a/../../containers/{}/json",
    "/v1.41/v1.41/containers/json",
    "/v1.x/containers/json",
    "/info/",
    "/",
    "/INFO",
    "http://engine/containers/{}/export",
    "/containers/" + "a" * 600 + "/json",
]


@pytest.mark.parametrize("path", DISGUISES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_disguised_path_is_refused(observe: Asks, target: str, method: str, path: str) -> None:
    assert observe(method, path.replace("{}", target)) in {REFUSED, 400}


PIECES = st.sampled_from(
    [
        *("containers", "json", "export", "restart", "archive", "exec", "v1.41", "images", "get"),
        *("create", "..", ".", "%2e%2e", "%2f", "//", ";", "?", "?json", "json?", "%00", "%0d%0a"),
        *("x", "sha256:a", "networks", "json%20", "@", ":"),
    ]
)
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "PO ST", "get"])


@settings(max_examples=150, deadline=None)
@given(method=METHODS, pieces=st.lists(PIECES, max_size=6))
def test_whatever_is_asked_only_reading_known_documents_passes(
    observe: Asks, method: str, pieces: list[str]
) -> None:
    path = "/" + "/".join(pieces)
    try:
        status = observe(method, path)
    except (ValueError, HTTPException):
        return  # our own client would not send it
    if status not in {REFUSED, 400}:
        asked = path.partition("?")[0]
        assert method in {"GET", "HEAD"}
        *before, last = asked.split("/")
        is_list = last in {"containers", "images", "networks"}
        assert asked.endswith("json") or is_list or before[-1:] == ["networks"]
        assert "%" not in asked
        assert ".." not in asked
        assert {"export", "archive", "get"}.isdisjoint(asked.split("/")[-1:])


def test_an_upgraded_connection_is_refused(observe: Asks) -> None:
    assert observe("GET", "/info", Connection="Upgrade", Upgrade="tcp") == REFUSED
    assert observe("GET", "/info", Connection="Upgrade", Upgrade="h2c") == REFUSED


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: {n}",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Content-Length: 0\r\nContent-Length: {n}",
        "Transfer-Encoding : chunked",
        "X: y\r\n\tz",
    ],
)
def test_a_request_inside_another_changes_nothing(observe: Asks, target: str, framing: str) -> None:
    """However its length is told, what hides in a GET is a body or nothing."""
    inner = f"POST /containers/{target}/kill HTTP/1.1\r\nHost: e\r\nContent-Length: 0\r\n\r\n"
    outer = f"GET /info HTTP/1.1\r\nHost: e\r\n{framing.format(n=len(inner))}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", observe.port), timeout=5) as raw:
        raw.sendall((outer + inner).encode())
        raw.settimeout(1)
        said = b""
        with suppress(TimeoutError, ConnectionError):
            while part := raw.recv(65536):
                said += part
    assert b"HTTP/1.1 204" not in said
    assert api("GET", f"/containers/{target}/json")[1]["State"]["Running"]


def test_the_healing_door_cures_what_is_there_and_makes_nothing(docker: Docker) -> None:
    mine = docker.run(BUSYBOX, "sleep", "600", options=["--stop-timeout", "0"])
    with door("heal.cfg") as ask:
        assert ask("GET", f"/containers/{mine}/json") == 200
        assert ask("POST", f"/containers/{mine}/restart?t=0") == 204
        assert ask("POST", f"/v1.41/containers/{mine}/stop?t=0") == 204
        assert ask("POST", f"/containers/{mine}/start") == 204
        for method, path in [
            ("POST", "/containers/create"),
            ("POST", f"/containers/{mine}/exec"),
            ("POST", f"/containers/{mine}/rename?name=x"),
            ("DELETE", f"/containers/{mine}?force=1"),
            ("POST", f"/containers/{mine}/restart/../exec"),
            ("POST", f"/containers/{mine}/%65xec"),
            ("GET", f"/containers/{mine}/export"),
            ("POST", "/containers/prune"),
            ("PUT", f"/containers/{mine}/restart"),
        ]:
            assert ask(method, path) == REFUSED, (method, path)
    assert docker.inspect(mine)["State"]["Running"]


def test_the_healing_door_opened_further_still_never_removes_volumes(docker: Docker) -> None:
    mine = docker.run(BUSYBOX, "true")
    with door("heal.cfg", EVERUP_DOOR_RECREATE="yes") as ask:
        assert ask("POST", "/containers/create") in {400, 500}  # the engine's answer to no body
        assert ask("POST", f"/containers/{mine}/rename?name={docker.name('new')}") == 204
        assert ask("POST", f"/containers/{mine}/exec") == REFUSED
        assert ask("DELETE", f"/containers/{mine}?force=1&v=1") == REFUSED
        assert ask("DELETE", f"/containers/{mine}?v=true") == REFUSED
        assert ask("DELETE", f"/containers/{mine}?force=1") == 204
    with door("heal.cfg", EVERUP_DOOR_EXEC="yes") as ask:
        assert ask("POST", "/containers/create") == REFUSED
        assert ask("POST", f"/containers/{docker.name('none')}/exec") in {400, 404}
    assert call("ps", "-aq", "--filter", f"name={docker.name('new')}") == ""
