"""Programs that keep other people's data: known by name, handled as stateful unless told otherwise.

Called by `service`. Guessing too much only makes Everup slower to act, so names are matched
generously; guessing too little could restart a database too soon.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

KNOWN: dict[str, tuple[str, ...]] = {
    "PostgreSQL": ("postgres", "postgresql", "postmaster", "pg", "timescaledb", "pgvector"),
    "MySQL": ("mysql", "mysqld", "mysqld_safe", "mariadb", "mariadbd"),
    "Redis": ("redis", "redis-server", "redis-sentinel", "valkey", "valkey-server", "keydb"),
    "MongoDB": ("mongo", "mongod", "mongodb"),
    "Elasticsearch": ("elasticsearch", "opensearch"),
    "Cassandra": ("cassandra", "scylla", "scylladb"),
    "ClickHouse": ("clickhouse", "clickhouse-server"),
    "InfluxDB": ("influxdb", "influxd"),
    "Qdrant": ("qdrant",),
    "Weaviate": ("weaviate",),
    "Milvus": ("milvus",),
    "Neo4j": ("neo4j",),
    "etcd": ("etcd",),
    "Consul": ("consul",),
    "ZooKeeper": ("zookeeper",),
    "Kafka": ("kafka", "redpanda"),
    "RabbitMQ": ("rabbitmq", "rabbitmq-server"),
    "NATS": ("nats", "nats-server"),
    "MinIO": ("minio",),
    "CouchDB": ("couchdb",),
    "CockroachDB": ("cockroach", "cockroachdb"),
    "SQL Server": ("sqlservr", "mssql"),
    "Oracle": ("oracle",),
    "Prometheus": ("prometheus",),
    "VictoriaMetrics": ("victoria-metrics", "victoriametrics"),
}

_BY_NAME = {name: product for product, names in KNOWN.items() for name in names}
_WRAPPERS = {
    *("sh", "bash", "dash", "env", "exec", "nice", "ionice", "nohup", "setsid", "stdbuf"),
    *("sudo", "su", "su-exec", "gosu", "runuser", "setpriv", "chroot", "taskset", "timeout"),
    *(
        "tini",
        "dumb-init",
        "docker-entrypoint.sh",
        "numactl",
        "catatonit",
        "pg_ctl",
        "pg_ctlcluster",
    ),
}
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_COPY_NUMBER = re.compile(r"[-_]?\d+$")
_DEPTH_MOST = 3


def known_database(name: str, command: Sequence[str]) -> str | None:
    """The product that this service seems to be, by its program or else by its own name."""
    program = _program(command, _DEPTH_MOST)
    return _BY_NAME.get(program) or _BY_NAME.get(_COPY_NUMBER.sub("", name.lower()))


def _program(command: Sequence[str], depth: int) -> str:
    """The name of the program behind shells and other wrappers; empty when there is none."""
    for word in command:
        if " " in word.strip() and not word.startswith("/") and depth > 0:
            try:
                return _program(shlex.split(word), depth - 1)
            except ValueError:
                return ""
        base = PurePosixPath(word).name.lower()
        if base in _WRAPPERS or word.startswith("-") or word.isdigit() or _ASSIGNMENT.match(word):
            continue
        return base.removesuffix(".exe")
    return ""
