"""Who is asked without having said how: only where program, port and protocol are certain."""

from __future__ import annotations

import pytest

from everup.app.strangers import CHECK_IS_OFF, UNKNOWN_PROTOCOL, strangers
from everup.model.stack import ProbeSpec
from tests.unit.app.suggest.test_suggest import container
from tests.unit.runtimes.docker.discovery.worlds import discover


def _all(*found: dict[str, object]) -> dict[str, ProbeSpec | str]:
    return dict(strangers(discover(list(found))["shop"]))


def _one(found: ProbeSpec | str | None) -> str:
    assert isinstance(found, ProbeSpec), found
    assert found.is_inferred
    (target,) = found.targets
    return f"{found.kind} {target}"


@pytest.mark.parametrize(
    ("image", "command", "asked"),
    [
        ("redis:7", ("docker-entrypoint.sh", "redis-server"), "redis {near}:6379"),
        (
            "redis:7",
            ("docker-entrypoint.sh", "redis-server", "--port", "7000"),
            "redis {near}:7000",
        ),
        ("postgres:16", ("docker-entrypoint.sh", "postgres"), "postgres {near}:5432"),
        ("qdrant/qdrant:v1", ("./entrypoint.sh",), "http http://{near}:6333/readyz"),
        ("ollama/ollama:0.4", ("/bin/ollama", "serve"), "http http://{near}:11434/"),
        ("memcached:1", ("docker-entrypoint.sh", "memcached"), None),  # alpine alone is known
    ],
)
def test_known_images_that_run_their_own_program(
    image: str, command: tuple[str, ...], asked: str | None
) -> None:
    found = _all(container("store", image, command))["store"]
    assert (found if isinstance(found, str) else _one(found)) == (asked or UNKNOWN_PROTOCOL)


def test_a_job_in_the_same_image_is_not_asked() -> None:
    found = _all(container("backup", "postgres:16", ("sh", "-c", "pg_dump; sleep 3600")))
    assert found["backup"] == UNKNOWN_PROTOCOL
    moved = container("db", "postgres:16", ("docker-entrypoint.sh", "postgres", "-p", "5433"))
    assert _all(moved)["db"] == UNKNOWN_PROTOCOL


def test_who_calls_it_says_what_it_speaks() -> None:
    front = container("front", env={"API_URL": "http://:secret@api:8080/v1", "CACHE": "redis://kv"})
    found = _all(front, container("api"), container("kv"), container("other"))
    assert _one(found["api"]) == "http http://{near}:8080/"
    assert _one(found["kv"]) == "redis {near}:6379"
    assert found["other"] == UNKNOWN_PROTOCOL
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    "said",
    [
        "https://api:8443",
        "http://api.example.com:80",
        "ws+http://api:80",
        "tcp://api:9000",
        "api:80",
    ],
)
def test_what_is_not_said_for_certain_is_not_asked(said: str) -> None:
    assert _all(container("front", env={"URL": said}), container("api"))["api"] == UNKNOWN_PROTOCOL


def test_a_proxy_is_told_where_http_is() -> None:
    traefik = {"traefik.http.services.web.loadbalancer.server.port": "3000"}
    found = _all(
        container("web", labels=traefik),
        container("blog", env={"VIRTUAL_HOST": "b.example", "VIRTUAL_PORT": "2368"}),
    )
    assert _one(found["web"]) == "http http://{near}:3000/"
    assert _one(found["blog"]) == "http http://{near}:2368/"


def test_whoever_has_a_way_of_its_own_or_wants_none_is_left_alone() -> None:
    front = container("front", env={"A": "http://a", "B": "http://b", "C": "http://c"})
    found = _all(
        front,
        container("a", labels={"everup.probe": "none"}),
        container("b", labels={"everup.probe": "tcp://:80"}),
        container("c", config={"Healthcheck": {"Test": ["NONE"]}}),
    )
    assert found["a"] == "its label everup.probe says none"
    assert "b" not in found
    assert found["c"] == CHECK_IS_OFF
