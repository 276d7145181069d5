"""Known products by image, program and name; and who keeps data."""

from __future__ import annotations

from typing import Any

import pytest

from everup.runtimes.docker.discovery.images import (
    family_of_command,
    family_of_image,
    family_of_name,
    split_image,
)
from tests.unit.runtimes.docker.discovery.worlds import discover, document


@pytest.mark.parametrize(
    ("image", "product"),
    [
        ("postgres", "PostgreSQL"),
        ("postgres:16.2-alpine", "PostgreSQL"),
        ("docker.io/library/postgres:16@sha256:" + "a" * 64, "PostgreSQL"),
        ("localhost:5000/bitnami/postgresql-repmgr:15", "PostgreSQL"),
        ("timescale/timescaledb-ha:pg16", "PostgreSQL"),
        ("postgis/postgis:16-3.4", "PostgreSQL"),
        ("supabase/postgres:15.1", "PostgreSQL"),
        ("mariadb:11", "MySQL"),
        ("percona/percona-server-mongodb:6", None),
        ("redis/redis-stack-server:7", "Redis"),
        ("bitnami/redis-cluster:7", "Redis"),
        ("valkey/valkey:8", "Redis"),
        ("docker.elastic.co/elasticsearch/elasticsearch:8.12.0", "Elasticsearch"),
        ("mcr.microsoft.com/mssql/server:2022-latest", "SQL Server"),
        ("confluentinc/cp-kafka:7.6.0", "Kafka"),
        ("clickhouse/clickhouse-server:24", "ClickHouse"),
        ("rabbitmq:3-management", "RabbitMQ"),
        ("qdrant/qdrant", "Qdrant"),
        ("memcached:1.6", "Memcached"),
        ("prometheuscommunity/postgres-exporter", None),
        ("rediscommander/redis-commander", None),
        ("oliver006/redis_exporter", None),
        ("mongo-express", None),
        ("dpage/pgadmin4", None),
        ("provectuslabs/kafka-ui", None),
        ("prom/mysqld-exporter", None),
        ("postgrest/postgrest", None),
        ("sha256:" + "a" * 64, None),
        ("", None),
    ],
)
def test_the_product_of_an_image(image: str, product: str | None) -> None:
    found = family_of_image(image)
    assert (found.product if found else None) == product


def test_a_reference_is_taken_apart() -> None:
    image = split_image("Registry.example.com:5000/team/app:1.2@sha256:ff")
    assert (image.repository, image.name) == ("team/app", "app")


def test_the_product_of_a_program_and_of_a_name() -> None:
    started = family_of_command(("docker-entrypoint.sh", "/usr/bin/redis-server", "--save", ""))
    assert started is not None
    assert started.product == "Redis"
    assert family_of_command(("sh", "-c", "redis-cli ping")) is None
    named = family_of_name("postgres-1")
    assert named is not None
    assert named.product == "PostgreSQL"
    assert family_of_name("postgres-exporter") is None


def mount(kind: str = "bind", source: str = "/srv/x", target: str = "/x", **more: Any) -> Any:
    named = {"Name": source} if kind == "volume" else {"Source": source}
    return {"Type": kind, "Destination": target, "RW": True, **named, **more}


@pytest.mark.parametrize(
    ("mounted", "is_stateful"),
    [
        (mount(), True),
        (mount("volume", "data"), True),
        (mount("volume", "a" * 64), True),
        ({"Type": "bind", "Source": "/srv/x", "Destination": "/x"}, True),
        (mount(RW=False), False),
        (mount("volume", "data", RW=False), False),
        (mount("tmpfs", ""), False),
        (mount(source="/var/run/docker.sock"), False),
        (mount(source="/run/user/1000/podman/podman.sock"), False),
        (mount(source="/usr/share/zoneinfo/UTC", target="/etc/localtime"), False),
        (mount(source="/dev/dri"), False),
        (mount(source="/device-data"), True),
    ],
)
def test_what_is_mounted_decides(mounted: Any, is_stateful: bool) -> None:
    web = discover([document("web", mounts=(mounted,))])["shop"].stack.services["web"]
    assert web.is_stateful is is_stateful


def test_a_known_database_without_a_volume_is_stateful_and_a_cache_of_memory_is_not() -> None:
    found = discover([document("a", image="redis:7"), document("b", image="memcached:1")])["shop"]
    assert found.stack.services["a"].is_stateful
    assert not found.stack.services["b"].is_stateful


@pytest.mark.parametrize(
    ("state", "host", "is_one_shot"),
    [
        ({"StartedAt": "2026-01-01T00:00:00Z", "FinishedAt": "2026-01-01T00:00:20Z"}, {}, True),
        ({"StartedAt": "2026-01-01T00:00:00Z", "FinishedAt": "2026-01-01T00:01:05Z"}, {}, False),
        (
            {"StartedAt": "2026-01-01T00:00:00Z", "FinishedAt": "2026-01-01T00:00:20Z"},
            {"RestartPolicy": {"Name": "always"}},
            False,
        ),
        (
            {"StartedAt": "2026-01-01T00:00:00Z", "FinishedAt": "2026-01-01T00:00:01Z"},
            {"RestartPolicy": {"Name": "on-failure"}},
            False,
        ),
        (
            {
                "StartedAt": "2026-01-01T00:00:00Z",
                "FinishedAt": "2026-01-01T00:00:20Z",
                "ExitCode": 1,
            },
            {},
            False,
        ),
        ({"StartedAt": "0001-01-01T00:00:00Z", "FinishedAt": "0001-01-01T00:00:00Z"}, {}, False),
    ],
)
def test_one_shots_by_how_they_ended(
    state: dict[str, object], host: dict[str, object], is_one_shot: bool
) -> None:
    one = document("job", state={"Status": "exited", **state}, host=host)
    found = discover([one])["shop"].stack.services["job"]
    assert found.is_one_shot is is_one_shot
    assert found.is_one_shot_by_look is is_one_shot


def test_who_is_reached_by_its_name_is_no_one_shot_however_short_its_last_run_was() -> None:
    state = {"Status": "exited", "StartedAt": "2026-01-01T00:00:00Z"}
    state["FinishedAt"] = "2026-01-01T00:00:01Z"
    job = document("queue", state=state)
    user = document("consumer", env={"QUEUE_HOST": "queue"})
    assert discover([job])["shop"].stack.services["queue"].is_one_shot
    assert not discover([job, user])["shop"].stack.services["queue"].is_one_shot
