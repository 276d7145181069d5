"""Who is turned away, and how it is said."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from everup.api import create_api
from everup.api.limits import Limits
from tests.unit.api.fakes import FakeEngine


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8010", "127.0.0.1:1", "[::1]:8010"])
def test_names_of_this_machine_are_heard(client: TestClient, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "",
        "[::2]",
        "10.0.0.1",
        "[::1]x.evil.com",
        "[::1",
        "localhost:x",
    ],
)
def test_other_names_are_not(client: TestClient, engine: FakeEngine, host: str) -> None:
    response = client.post("/freeze", headers={"Host": host})
    assert response.status_code == 421
    assert response.json()["type"].endswith("host-not-allowed")
    assert engine.control.asked == []


def test_a_configured_name_is_heard(engine: FakeEngine) -> None:
    client = TestClient(
        create_api(engine, allowed_hosts=["everup.lan"]), base_url="http://everup.lan"
    )
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_change_nothing(
    client: TestClient, engine: FakeEngine, headers: dict[str, str]
) -> None:
    for method, path in [
        ("POST", "/freeze"),
        ("DELETE", "/freeze"),
        ("POST", "/services/api/stop"),
    ]:
        response = client.request(method, path, headers=headers)
        assert response.status_code == 403
    assert engine.control.asked == []
    assert "access-control-allow-origin" not in client.get("/health", headers=headers).headers


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://localhost:8010"}, {"Sec-Fetch-Site": "same-origin"}]
)
def test_programs_and_our_own_pages_may(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/freeze", headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/nowhere", "/freeze", "/actions?limit=x"])
def test_security_headers_are_on_every_answer(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("method", "path", "status", "fix"),
    [
        ("GET", "/nowhere", 404, "GET /openapi.json lists what there is"),
        ("GET", "/freeze", 405, "it understands DELETE, POST"),
        ("GET", "/incidents/nope", 404, "GET /incidents lists them"),
        ("POST", "/services/ap/stop", 404, "did you mean 'api'?"),
        ("POST", "/freeze?servce=api", 422, "did you mean service?"),
        ("POST", "/freeze?service=api&service=redis", 422, "give it once"),
        ("POST", "/freeze?for_s=-1", 422, "write a number above 0.0"),
        ("POST", "/freeze?for_s=nan", 422, ""),
        ("GET", "/actions?limit=x", 422, "write a plain number, in seconds where it is a time"),
    ],
)
def test_mistakes_are_problem_documents(
    client: TestClient, engine: FakeEngine, method: str, path: str, status: int, fix: str
) -> None:
    response = client.request(method, path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == status
    assert fix in body.get("fix", "")
    if status == 405:
        assert response.headers["Allow"] == "DELETE, POST"
    if status == 422:
        assert body["errors"][0]["field"]
    assert engine.control.asked == []


def test_large_requests_are_refused(client: TestClient) -> None:
    assert client.post("/freeze", content=b"x" * 70_000).status_code == 413
    assert client.get("/actions?service=" + "x" * 5000).status_code == 414
    assert client.get("/health", headers={"X-Long": "x" * 20_000}).status_code == 431


def test_a_crowd_is_refused_but_health_is_not(engine: FakeEngine) -> None:
    client = TestClient(create_api(engine, limits=Limits(at_once=0)), base_url="http://localhost")
    response = client.get("/plan")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert client.get("/health").status_code == 200
    assert 'everup_api_requests_total{method="GET",status="503"} 1.0' in client.get("/metrics").text


def test_a_body_in_pieces_does_not_get_around_the_bound(client: TestClient) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(10):
            yield b"x" * 10_000

    assert client.post("/freeze", content=pieces()).status_code in (200, 413)
