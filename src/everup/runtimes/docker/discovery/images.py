"""What an image is known to be: a database, a queue, a cache. Pure; by whole names, never by parts.

Called by `statefulness` and `edges`. Guessing too much only makes Everup more careful, guessing
too little could restart a database too soon; but `postgres-exporter` and `redis-commander` are
neither, and stay unknown.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass(frozen=True, slots=True)
class ImageName:
    """A reference taken apart: `ghcr.io/team/app:1.2@sha256:…`."""

    repository: str  # without a registry: team/app
    name: str  # its last part: app


@dataclass(frozen=True, slots=True)
class Family:
    """A product that many stacks share."""

    product: str
    names: tuple[str, ...]
    keeps_data: bool = True


FAMILIES = (
    Family(
        "PostgreSQL",
        (
            *("postgres", "postgresql", "postgis", "pgvector", "timescaledb", "pgvecto-rs"),
            *("spilo", "alloydb", "citus", "postgres-operator-spilo"),
        ),
    ),
    Family("MySQL", ("mysql", "mysqld", "mariadb", "mariadbd", "percona", "percona-xtradb")),
    Family("Redis", ("redis", "valkey", "keydb", "dragonfly", "redict", "garnet")),
    Family("MongoDB", ("mongo", "mongod", "mongodb", "ferretdb", "mongodb-community")),
    Family("Elasticsearch", ("elasticsearch", "opensearch")),
    Family("Solr", ("solr",)),
    Family("Cassandra", ("cassandra", "scylla", "scylladb")),
    Family("ClickHouse", ("clickhouse",)),
    Family("InfluxDB", ("influxdb", "influxd", "influxdb2", "questdb")),
    Family("Qdrant", ("qdrant",)),
    Family("Weaviate", ("weaviate",)),
    Family("Milvus", ("milvus",)),
    Family("Chroma", ("chroma", "chromadb")),
    Family("Meilisearch", ("meilisearch",)),
    Family("Typesense", ("typesense",)),
    Family("Neo4j", ("neo4j", "memgraph", "arangodb", "dgraph", "nebula")),
    Family("etcd", ("etcd",)),
    Family("Consul", ("consul",)),
    Family("Vault", ("vault", "openbao")),
    Family("ZooKeeper", ("zookeeper", "cp-zookeeper")),
    Family("Kafka", ("kafka", "cp-kafka", "kafka-native", "redpanda")),
    Family("RabbitMQ", ("rabbitmq", "rabbitmq-management")),
    Family("NATS", ("nats", "nats-streaming")),
    Family("Mosquitto", ("eclipse-mosquitto", "mosquitto", "emqx")),
    Family("ActiveMQ", ("activemq", "activemq-classic", "activemq-artemis", "artemis")),
    Family("Pulsar", ("pulsar",)),
    Family("MinIO", ("minio", "seaweedfs", "garage")),
    Family("CouchDB", ("couchdb", "couchbase")),
    Family("CockroachDB", ("cockroach", "cockroachdb", "yugabyte", "tidb", "tikv")),
    Family("SQL Server", ("mssql", "mssql-server", "azure-sql-edge", "sqlservr")),
    Family("Oracle", ("oracle", "oracle-xe", "oracle-free")),
    Family("Db2", ("db2", "db2_community", "firebird", "rethinkdb", "surrealdb")),
    Family("Prometheus", ("prometheus",)),
    Family("VictoriaMetrics", ("victoria-metrics", "victoriametrics", "vmstorage")),
    Family("Loki", ("loki",)),
    Family("Memcached", ("memcached",), keeps_data=False),
)
_BY_NAME = {name: family for family in FAMILIES for name in family.names}
_WHOLE = {"mssql/server": _BY_NAME["mssql"], "database/free": _BY_NAME["oracle"]}
_BUILD = re.compile(
    r"[-_.](ha|repmgr|cluster|sharded|galera|server|stack|stack-server|single-node|sentinel|alpine"
    r"|master|primary|replica|slave|standby|community|enterprise|oss|db|data|\d[\w.]*)$"
)
_PROGRAMS = {
    **dict.fromkeys(("postgres", "postmaster"), _BY_NAME["postgres"]),
    **dict.fromkeys(("mysqld", "mysqld_safe", "mariadbd"), _BY_NAME["mysql"]),
    **dict.fromkeys(("redis-server", "redis-sentinel", "valkey-server"), _BY_NAME["redis"]),
    **dict.fromkeys(("mongod", "mongos"), _BY_NAME["mongo"]),
    **dict.fromkeys(("rabbitmq-server",), _BY_NAME["rabbitmq"]),
    **dict.fromkeys(("etcd",), _BY_NAME["etcd"]),
    **dict.fromkeys(("clickhouse-server",), _BY_NAME["clickhouse"]),
    **dict.fromkeys(("memcached",), _BY_NAME["memcached"]),
}
_WORDS_MOST = 4


def split_image(reference: str) -> ImageName:
    """The reference without registry, tag and digest."""
    path = reference.partition("@")[0].strip().lower()
    head, slash, tail = path.rpartition("/")
    tail = tail.partition(":")[0]
    parts = [*head.split("/"), tail] if slash else [tail]
    if len(parts) > 1 and ("." in parts[0] or ":" in parts[0] or parts[0] == "localhost"):
        parts = parts[1:]
    return ImageName("/".join(parts), parts[-1])


def family_of_image(reference: str) -> Family | None:
    """The product behind an image, whatever its registry, namespace and tag."""
    if reference.startswith("sha256:"):
        return None
    image = split_image(reference)
    return _WHOLE.get(image.repository) or _named(image.name)


def family_of_command(command: Sequence[str]) -> Family | None:
    """The product whose program is among the first words, as entrypoints are called with it."""
    for word in command[:_WORDS_MOST]:
        found = _PROGRAMS.get(PurePosixPath(word).name.lower()) if word else None
        if found is not None:
            return found
    return None


def family_of_name(service: str) -> Family | None:
    """The product that a service is called after: `redis`, `postgres-1`."""
    return _named(service.lower())


def _named(name: str) -> Family | None:
    """By its whole name, then without words that only say how it was built or which copy it is."""
    for _ in range(3):
        if name in _BY_NAME:
            return _BY_NAME[name]
        shorter = _BUILD.sub("", name)
        if shorter == name:
            return None
        name = shorter
    return _BY_NAME.get(name)
