"""Callers from elsewhere: the token, how it is asked for, and what it does not change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest
from fastapi.testclient import TestClient

from everup.api import create_api
from everup.app.access import Access
from everup.app.access.token import hash_of
from tests.unit.api.fakes import FakeEngine

TOKEN = "a-token-that-is-long-enough"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
WIDE = Access(sha256=hash_of(TOKEN), why="it is published wide", fix="do this", is_wide=True)
NARROW = Access(
    local=(ip_network("172.20.0.1"),),
    sha256=hash_of(TOKEN),
    why="not here",
    fix="do",
    names=("ev",),
)


@pytest.fixture
def wide(engine: FakeEngine) -> Iterator[TestClient]:
    with TestClient(create_api(engine, access=WIDE), base_url="http://localhost:8010") as made:
        yield made


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", one) for one in ("/status", "/metrics", "/openapi.json", "/nowhere", "/events")),
        *(("POST", one) for one in ("/freeze", "/health", "/recovery/manual/api")),
        *(("POST", f"/dependencies/breakers/api/redis/{what}") for what in ("ask", "close")),
        *(("HEAD", "/status"), ("OPTIONS", "/health"), ("DELETE", "/freeze")),
        *(("GET", "/health/"), ("GET", "//health"), ("GET", "/%2e/health")),
    ],
)
def test_all_but_health_needs_it(
    wide: TestClient, engine: FakeEngine, method: str, path: str
) -> None:
    answer = wide.request(method, path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="everup"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["content-type"] == "application/problem+json"
    assert engine.control.asked == []
    if method == "HEAD":
        return
    body = answer.json()
    assert body["type"].endswith("token-needed")
    assert body["detail"] == "this call needs the token: it is published wide"
    assert body["fix"] == "do this"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_never_needs_it(wide: TestClient, method: str) -> None:
    assert wide.request(method, "/health").status_code == 200


@pytest.mark.parametrize(
    "header",
    ["Bearer wrong", f"Bearer {TOKEN}x", "Bearer ", "Bearer", f"Basic {TOKEN}", TOKEN, "Bearer ä"],
)
def test_a_wrong_one_is_told_from_none(wide: TestClient, header: str) -> None:
    shown = [(b"Authorization", header.encode("latin-1"))]
    answer = wide.get("/status", headers=shown)
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("this token is not that of this Everup")
    if header.startswith("Bearer"):
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", f"bearer  {TOKEN} "])
def test_the_right_one_opens(wide: TestClient, engine: FakeEngine, header: str) -> None:
    assert wide.get("/status", headers={"Authorization": header}).status_code == 200
    assert wide.post("/freeze", headers={"Authorization": header}).status_code == 200


def test_two_of_them_are_none(wide: TestClient) -> None:
    twice = [("Authorization", f"Bearer {TOKEN}")] * 2
    assert wide.get("/status", headers=twice).status_code == 401


def test_it_opens_no_door_for_pages_of_other_sites(wide: TestClient, engine: FakeEngine) -> None:
    elsewhere = {**SHOWN, "Host": "evil.example"}
    assert wide.get("/status", headers=elsewhere).status_code == 421
    forged = {**SHOWN, "Origin": "http://evil.example"}
    assert wide.post("/freeze", headers=forged).status_code == 403
    assert engine.control.asked == []


@pytest.mark.parametrize("host", ["192.168.1.5:8010", "[fe80::1]:8010"])
def test_where_it_is_open_wide_numbers_are_names(
    wide: TestClient, client: TestClient, host: str
) -> None:
    assert wide.get("/status", headers={**SHOWN, "Host": host}).status_code == 200
    assert wide.get("/health", headers={"Host": host}).status_code == 200
    assert client.get("/status", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    ("caller", "status"), [("172.20.0.1", 200), ("172.20.0.2", 401), ("127.0.0.1", 401)]
)
def test_the_host_needs_none_where_only_it_can_reach_the_port(
    engine: FakeEngine, caller: str, status: int
) -> None:
    api = create_api(engine, access=NARROW)
    client = TestClient(api, base_url="http://localhost:8010", client=(caller, 50000))
    assert client.get("/status").status_code == status
    assert client.post("/freeze").status_code == status
    assert client.get("/status", headers={**SHOWN, "Host": "ev:8010"}).status_code == 200


def test_where_others_could_pretend_to_be_the_host_it_may_read_alone(engine: FakeEngine) -> None:
    said = "web could pretend"
    asked: list[str] = []

    async def doubt(caller: str) -> str:
        asked.append(caller)
        return said

    api = create_api(engine, access=replace(NARROW, doubt=doubt))
    client = TestClient(api, base_url="http://localhost:8010", client=("172.20.0.1", 50000))
    assert client.get("/status").status_code == 200
    assert asked == [], "whoever reads costs no question"
    for method, path in (("POST", "/freeze"), ("DELETE", "/freeze"), ("POST", "/services/a/stop")):
        answer = client.request(method, path)
        assert answer.status_code == 401
        assert answer.json()["detail"] == f"this call needs the token: {said}"
        assert answer.json()["fix"].startswith("do; or give Everup a network of its own")
    assert engine.control.asked == []
    assert client.post("/freeze", headers=SHOWN).status_code == 200
    said = ""
    assert client.post("/freeze").status_code == 200
    assert set(asked) == {"172.20.0.1"}
