"""What is suggested for whom, by image, program, port, use and what the settings name."""

from __future__ import annotations

from typing import Any

import pytest

from everup.app.suggest import Advice, Close, Suggestion, suggest
from everup.model.kinds import UNKNOWN
from everup.runtimes.docker.discovery import Discovered
from everup.runtimes.docker.discovery.reading import moment
from tests.unit.runtimes.docker.discovery.worlds import discover, document

STARTED = "2026-01-02T03:04:05Z"
NOW_S = moment(STARTED) + 3600.0
MIB = 1024 * 1024
PROGRAM = {
    "postgres:16": ("docker-entrypoint.sh", "postgres"),
    "mariadb:11": ("docker-entrypoint.sh", "mariadbd"),
    "mysql:8.4": ("docker-entrypoint.sh", "--character-set-server=utf8mb4"),
    "redis:7-alpine": ("docker-entrypoint.sh", "redis-server", "--appendonly", "yes"),
    "valkey/valkey:8": ("docker-entrypoint.sh", "valkey-server"),
    "mongo:7": ("docker-entrypoint.sh", "mongod"),
    "rabbitmq:3-management": ("docker-entrypoint.sh", "rabbitmq-server"),
    "qdrant/qdrant:v1.12": ("./entrypoint.sh",),
    "ollama/ollama:0.4": ("/bin/ollama", "serve"),
    "minio/minio:latest": ("/usr/bin/docker-entrypoint.sh", "minio", "server", "/data"),
    "docker.io/library/memcached:1-alpine": ("docker-entrypoint.sh", "memcached"),
    "getmeili/meilisearch:v1": ("tini", "--", "/bin/sh", "-c", "/bin/meilisearch"),
    "clickhouse/clickhouse-server:24": ("/entrypoint.sh",),
    "elasticsearch:8.1": ("/bin/tini", "--", "/usr/local/bin/docker-entrypoint.sh", "eswrapper"),
    "couchdb:3": ("tini", "--", "/docker-entrypoint.sh", "/opt/couchdb/bin/couchdb"),
    "prom/prometheus:v3": ("/bin/prometheus", "--storage.tsdb.path=/prometheus"),
}


def container(
    name: str, image: str = "app:1", command: tuple[str, ...] = ("app",), **more: Any
) -> dict[str, Any]:
    found = document(name, image=image, state={"StartedAt": STARTED}, **more)
    found["Path"], found["Args"] = command[0], list(command[1:])
    return found


def found_by(*found: dict[str, Any], used_mib: float = UNKNOWN, **close: Any) -> Close:
    seen: Discovered = discover(list(found))["shop"]
    used = {one.id: used_mib * MIB for one in seen.project.containers}
    return Close(seen, used, close.pop("now_s", NOW_S), **close)


def advise(*found: dict[str, Any], used_mib: float = UNKNOWN, **close: Any) -> Suggestion:
    return suggest(found_by(*found, used_mib=used_mib, **close))


def of(suggestion: Suggestion, service: str, key: str) -> Advice | None:
    found = [one for one in suggestion.advice if one.service == service]
    return next((one for one in found if one.key == key), None)


def asked_by(advice: Advice | None) -> str:
    assert advice is not None
    assert isinstance(advice.value, dict)
    return str(advice.value["test"][1])


@pytest.mark.parametrize(("image", "command"), PROGRAM.items())
def test_known_images_that_run_their_program_are_asked(
    image: str, command: tuple[str, ...]
) -> None:
    found = advise(container("store", image, command))
    check = of(found, "store", "healthcheck")
    assert check is not None
    assert check.is_active, check.why
    assert (found.judged, found.judged_then, found.total) == (0, 1, 1)
    assert "{port}" not in asked_by(check)


@pytest.mark.parametrize(
    ("image", "command", "env", "said"),
    [
        ("postgres:16", ("sh", "-c", "pg_dump"), {}, "does not run the server"),
        ("postgres:16", ("docker-entrypoint.sh", "pg_dump", "postgres"), {}, "does not run"),
        ("postgres:16", ("docker-entrypoint.sh", "postgres-backup"), {}, "does not run"),
        ("redis:7", ("tini", "-g", "--", "redis-cli", "monitor"), {}, "does not run"),
        ("redis:7", ("sh", "-c", "redis-server --appendonly yes"), {}, "does not run"),
        ("ollama/ollama", ("/bin/ollama", "pull", "a"), {}, "does not run"),
        ("qdrant/qdrant", ("sh", "-c"), {}, "does not run"),
        ("postgres:16", ("docker-entrypoint.sh", "-p", "5433"), {}, "has -p"),
        ("redis:7", ("docker-entrypoint.sh", "redis-server", "/etc/r.conf"), {}, "configuration"),
        ("redis:7", ("redis-server", "--tls-port", "6380"), {}, "--tls-port"),
        ("redis:7", ("redis-server", "--port", "x"), {}, "not understood"),
        ("redis:7", ("redis-server", "--port=0"), {}, "not understood"),
        ("mysql:8", ("mysqld",), {"MYSQL_TCP_PORT": "3307"}, "MYSQL_TCP_PORT"),
        ("memcached:1", ("memcached",), {}, "alpine"),
        ("team/postgres:1", ("postgres",), {}, "seems to be PostgreSQL"),
        ("app:1", ("redis-server",), {}, "seems to be Redis"),
    ],
)
def test_what_speaks_against_it_leaves_it_to_a_person(
    image: str, command: tuple[str, ...], env: dict[str, str], said: str
) -> None:
    check = of(advise(container("store", image, command, env=env)), "store", "healthcheck")
    assert check is not None
    assert not check.is_active
    assert said in check.why


@pytest.mark.parametrize("flag", [("--port", "7000"), ("--port=7000",)])
def test_a_port_on_the_command_line_counts(flag: tuple[str, ...]) -> None:
    check = of(advise(container("c", "redis", ("redis-server", *flag))), "c", "healthcheck")
    assert "-p 7000 ping" in asked_by(check)


@pytest.mark.parametrize(
    ("ports", "exposed", "port", "is_active"),
    [
        ((), ("80/tcp",), 80, True),
        (("8080/tcp",), ("80/tcp",), 8080, True),
        (("443/tcp", "80/tcp"), ("80/tcp",), 80, True),
        (("8080/tcp", "8081/tcp"), ("80/tcp",), 8080, False),
        ((), ("53/udp",), 80, False),
    ],
)
def test_a_web_server_is_asked_where_its_owner_publishes_it(
    ports: tuple[str, ...], exposed: tuple[str, ...], port: int, is_active: bool
) -> None:
    bound = {written: [{"HostPort": "9000"}] for written in ports}
    opened: dict[str, object] = {"ExposedPorts": {written: {} for written in exposed}}
    web = container(
        "web",
        "nginx:1.27",
        ("/docker-entrypoint.sh", "nginx", "-g", "daemon off;"),
        host={"PortBindings": bound},
        config=opened,
    )
    check = of(advise(web), "web", "healthcheck")
    assert check is not None
    assert check.is_active == is_active
    assert f"127.0.0.1:{port}/" in asked_by(check)


def test_unknown_images_are_never_guessed() -> None:
    found = advise(
        container("api", config={"ExposedPorts": {"8080/tcp": {}}}),
        container("worker"),
        container("off", "redis", ("redis-server",), config={"Healthcheck": {"Test": ["NONE"]}}),
    )
    api, off = of(found, "api", "healthcheck"), of(found, "off", "healthcheck")
    assert api is not None
    assert not api.is_active
    assert "8080/CHANGE-ME" in asked_by(api)
    assert off is not None
    assert not off.is_active
    assert "switched" in off.why
    assert of(found, "worker", "healthcheck") is None
    assert any(note.startswith("worker: only its owner knows") for note in found.notes)
    assert found.coverage == "0 of 3 services can be judged"


def test_who_is_judged_already_and_one_shots_get_no_check() -> None:
    found = advise(
        container("a", config={"Healthcheck": {"Test": ["CMD", "true"]}}),
        container("b", labels={"everup.probe": "tcp://:80"}),
        container("job", "redis", ("redis-server",), labels={"everup.one_shot": "true"}),
    )
    assert [one for one in found.advice if one.key == "healthcheck"] == []
    assert (found.judged, found.total) == (2, 2)


@pytest.mark.parametrize(
    ("used_mib", "limit"), [(1, "64m"), (42, "64m"), (43, "128m"), (200, "320m"), (1000, "1536m")]
)
def test_memory_is_half_as_much_again_in_steps(used_mib: float, limit: str) -> None:
    found = of(advise(container("api"), used_mib=used_mib), "api", "mem_limit")
    assert found is not None
    assert found.is_active
    assert found.value == limit
    assert f"{used_mib} MiB" in found.why


def test_a_limit_for_what_keeps_data_or_is_young_is_for_a_person() -> None:
    store = container("db", "postgres:16", PROGRAM["postgres:16"])
    kept = of(advise(store, used_mib=100), "db", "mem_limit")
    young = of(advise(container("api"), used_mib=100, now_s=NOW_S - 3500), "api", "mem_limit")
    assert kept is not None
    assert not kept.is_active
    assert young is not None
    assert not young.is_active
    assert "10 min" in young.why


def test_no_limit_without_a_number_or_beside_another_limit() -> None:
    limited = container("api", host={"Memory": 64 * MIB})
    assert of(advise(limited, used_mib=100), "api", "mem_limit") is None
    assert of(advise(container("api")), "api", "mem_limit") is None


@pytest.mark.parametrize(
    ("declared", "given"), [(None, True), (10, True), (60, False), (-1, False)]
)
def test_who_keeps_data_gets_time_to_end(declared: int | None, given: bool) -> None:
    config: dict[str, object] = {} if declared is None else {"StopTimeout": declared}
    found = advise(container("db", "redis", ("redis-server",), config=config), container("api"))
    assert (of(found, "db", "stop_grace_period") is not None) is given
    assert of(found, "api", "stop_grace_period") is None


def test_depends_on_from_the_settings_alone() -> None:
    secret = "postgres://u:hunter2@db:5432/shop"
    found = advise(
        container("db", "postgres:16", PROGRAM["postgres:16"]),
        container("queue"),
        container("api", env={"DATABASE_URL": secret, "QUEUE_HOST": "queue"}, needs="queue"),
        container("web", env={"API_URL": "http://api:80", "OTEL_URL": "http://queue:1"}),
    )
    needs = {(one.service, one.key): one for one in found.advice if one.under == "depends_on"}
    assert set(needs) == {("api", "db"), ("web", "api"), ("web", "queue")}
    assert needs["api", "db"].value == {"condition": "service_healthy"}
    assert needs["web", "api"].value == {"condition": "service_started"}
    assert needs["api", "db"].is_active
    assert "DATABASE_URL (confidence 0.8)" in needs["api", "db"].why
    assert not needs["web", "queue"].is_active, "telemetry is nothing that is needed"
    assert "hunter2" not in repr(found)


def test_depends_on_never_closes_a_circle() -> None:
    found = advise(
        container("a", env={"B_URL": "http://b:80"}),
        container("b", env={"C_URL": "http://c:80"}),
        container("c", env={"A_URL": "http://a:80"}),
        container("d", env={"E_URL": "http://e:80"}),
        container("e", needs="d:service_started:true"),
    )
    active = {(one.service, one.key) for one in found.advice if one.is_active}
    assert active == {("a", "b"), ("b", "c")}


def test_without_the_compose_files_nothing_of_depends_on_is_active() -> None:
    found = advise(container("a", env={"B_URL": "http://b:80"}), container("b"), knows_needs=False)
    (one,) = found.advice
    assert not one.is_active
    assert "cannot be read" in one.why


def test_the_usage_names_the_projects_own_files() -> None:
    plain = advise(container("a"))
    assert plain.usage == ("docker compose -f docker-compose.yml -f everup.suggested.yml up -d")
    other = container("a")
    prefix = "com.docker.compose.project."
    other["Config"]["Labels"] |= {
        prefix + "working_dir": "/srv/my shop",
        prefix + "config_files": "/srv/my shop/a b.yml,/etc/more.yml",
    }
    assert advise(other).usage == (
        "docker compose -p shop -f 'a b.yml' -f /etc/more.yml -f everup.suggested.yml up -d"
    )
