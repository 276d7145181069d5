"""How to ask well-known products in their official images if they are well: a table. Pure data.

Read by `suggest.healthchecks` and by `strangers`. A recipe uses programs of the image alone, needs
no password, and takes a refusal for lack of one as an answer: who refuses lives. `{port}` stands
for the port.
"""

from __future__ import annotations

from dataclasses import dataclass

CONFIG_FILES = (".conf", ".cnf", ".ini", ".yaml", ".yml", ".toml", ".json")
"""A word of the command line that ends like this may set another port: then a person decides."""

ALONE = ""
"""Instead of a program: the entrypoint of the image with nothing behind it."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """`repositories`: images, without registry and tag, that hold the programs of `test`.
    `programs`: one of them, perhaps with its first argument, must be what the container runs;
    a backup job has the same image.
    `product`: the family, as discovery calls it, for images that are like these and not known.
    `unless`: variables, or beginnings of arguments, that may change what `test` counts on.
    `asks`: protocol, then a port or a path; for `app.strangers`. "": it is not asked from outside,
    as what would be asked without a log-in shows as errors on the other side, or needs TLS.
    """

    what: str
    repositories: tuple[str, ...]
    programs: tuple[str, ...]
    test: str
    port: int = 0
    product: str = ""
    only_tag: str = ""  # only where the tag has this part
    unless: tuple[str, ...] = ()
    is_web: bool = False  # its port is whatever its owner's configuration says
    asks: str = ""  # how it can be asked from outside: `redis`, `postgres:5432`, `http/readyz`
    interval_s: int = 10
    timeout_s: int = 5
    start_period_s: int = 30


_TCP = 'bash -c \'exec 3<>/dev/tcp/127.0.0.1/{port}; printf "%b" >&3; '
_ANY_HTTP = (
    "if command -v curl >/dev/null; then curl -s -o /dev/null http://127.0.0.1:{port}/; "
    "else wget -q -S -O /dev/null http://127.0.0.1:{port}/ 2>&1 | grep -q HTTP/; fi"
)
_REDIS = "%s -p {port} ping | grep -Eq 'PONG|NOAUTH'"
_REDIS_UNLESS = ("--tls-port", "--unixsocket", "--bind", "--sentinel")
_GET = "wget -q -O /dev/null http://127.0.0.1:{port}"

RECIPES = (
    Recipe(
        "pg_isready, as the user and for the database that the container's own variables name",
        (
            *("postgres", "library/postgres", "postgis/postgis", "pgvector/pgvector"),
            *("ankane/pgvector", "timescale/timescaledb", "tensorchord/pgvecto-rs"),
        ),
        ("postgres",),
        'pg_isready -q -h 127.0.0.1 -U "${POSTGRES_USER:-postgres}" '
        '-d "${POSTGRES_DB:-${POSTGRES_USER:-postgres}}"',
        product="PostgreSQL",
        unless=("-p", "--port", "-c port", "port=", "listen_addresses=", "config_file="),
        asks="postgres:5432",
        start_period_s=60,
    ),
    Recipe(
        "mysqladmin ping, over TCP: the server of the first start does not answer there yet",
        ("mysql", "library/mysql", "mysql/mysql-server", "percona", "library/percona"),
        ("mysqld",),
        "mysqladmin ping -h 127.0.0.1 --silent",
        product="MySQL",
        unless=("--port", "-P", "--skip-networking", "--defaults-file", "MYSQL_TCP_PORT"),
        start_period_s=60,
    ),
    Recipe(
        "mariadb-admin ping (mysqladmin in old versions), over TCP",
        ("mariadb", "library/mariadb"),
        ("mariadbd", "mysqld"),
        "if command -v mariadb-admin >/dev/null; then mariadb-admin ping -h 127.0.0.1 --silent; "
        "else mysqladmin ping -h 127.0.0.1 --silent; fi",
        unless=("--port", "-P", "--skip-networking", "--defaults-file", "MYSQL_TCP_PORT"),
        start_period_s=60,
    ),
    Recipe(
        "redis-cli ping; that it asks for a password is an answer too",
        ("redis", "library/redis", "redis/redis-stack", "redis/redis-stack-server"),
        ("redis-server", "redis-stack-server"),
        _REDIS % "redis-cli",
        6379,
        "Redis",
        unless=_REDIS_UNLESS,
        asks="redis",
    ),
    Recipe(
        "valkey-cli ping; that it asks for a password is an answer too",
        ("valkey", "valkey/valkey"),
        ("valkey-server",),
        _REDIS % "valkey-cli",
        6379,
        unless=_REDIS_UNLESS,
        asks="redis",
    ),
    Recipe(
        "mongosh (mongo in old versions) asks for a ping, which needs no login",
        ("mongo", "library/mongo"),
        ("mongod",),
        "$(command -v mongosh || command -v mongo) --quiet --port {port} "
        '--eval "db.adminCommand({ping: 1}).ok" | grep -q 1',
        27017,
        "MongoDB",
        unless=("--tls", "--ssl", "--bind_ip", "--configsvr", "--shardsvr"),
        interval_s=30,
        timeout_s=15,
        start_period_s=60,
    ),
    Recipe(
        "rabbitmq-diagnostics ping",
        ("rabbitmq", "library/rabbitmq"),
        ("rabbitmq-server",),
        "rabbitmq-diagnostics -q ping",
        product="RabbitMQ",
        interval_s=30,
        timeout_s=20,
        start_period_s=60,
    ),
    Recipe(
        "any answer of the web server counts, also 404",
        ("nginx", "library/nginx", "nginxinc/nginx-unprivileged"),
        ("nginx", "nginx-debug"),
        _ANY_HTTP,
        80,
        is_web=True,
        asks="http/",
    ),
    Recipe(
        "any answer of the web server counts, also 404",
        ("httpd", "library/httpd"),
        ("httpd-foreground", "httpd"),
        _ANY_HTTP,
        80,
        only_tag="alpine",
        is_web=True,
        asks="http/",
    ),
    Recipe(
        "any answer of the web server counts, also 404",
        ("caddy", "library/caddy"),
        ("caddy",),
        _ANY_HTTP,
        80,
        is_web=True,
        asks="http/",
    ),
    Recipe(
        "its own /readyz, which needs no key; bash asks, for the image has no curl",
        ("qdrant/qdrant",),
        (ALONE, "qdrant"),
        _TCP.replace("%b", r"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        + 'head -n 1 <&3 | grep -q " 200"\'',
        6333,
        "Qdrant",
        unless=("QDRANT__SERVICE__HTTP_PORT", "QDRANT__SERVICE__ENABLE_TLS", "--config-path"),
        asks="http/readyz",
    ),
    Recipe(
        "ollama list, which asks the server",
        ("ollama/ollama",),
        ("ollama serve",),
        "ollama list >/dev/null",
        unless=("OLLAMA_HOST",),
        asks="http:11434/",
        interval_s=30,
        timeout_s=10,
    ),
    Recipe(
        "any answer of HTTP or HTTPS counts; that it asks for a login is one",
        ("elasticsearch", "library/elasticsearch", "elasticsearch/elasticsearch"),
        ("eswrapper",),
        "curl -s -o /dev/null http://127.0.0.1:{port}/ || "
        "curl -s -k -o /dev/null https://127.0.0.1:{port}/",
        9200,
        "Elasticsearch",
        unless=("http.port", "network.host", "http.host"),
        timeout_s=10,
        start_period_s=120,
    ),
    Recipe(
        "its own /minio/health/live; mc where the image has no curl",
        ("minio/minio",),
        ("minio server",),
        "if command -v curl >/dev/null; then "
        "curl -sf -o /dev/null http://127.0.0.1:{port}/minio/health/live; "
        "else mc ready local >/dev/null; fi",
        9000,
        "MinIO",
        unless=("--address", "--certs-dir", "MINIO_ADDRESS"),
        asks="http/minio/health/live",
    ),
    Recipe(
        "it is asked for its version",
        ("memcached", "library/memcached"),
        ("memcached",),
        r"printf 'version\r\nquit\r\n' | nc -w 2 127.0.0.1 {port} | grep -q VERSION",
        11211,
        "Memcached",
        only_tag="alpine",
        unless=("-s", "-Z", "-l", "-p", "--port", "--enable-ssl", "-S", "-Y"),
        asks="memcached",
    ),
    Recipe(
        "its own /api/health",
        ("grafana/grafana", "grafana/grafana-oss", "grafana/grafana-enterprise"),
        ("run.sh",),
        f"{_GET}/api/health",
        3000,
        unless=("GF_SERVER_HTTP_PORT", "GF_SERVER_PROTOCOL", "GF_SERVER_HTTP_ADDR"),
        asks="http/api/health",
    ),
    Recipe(
        "its own /-/healthy",
        ("prom/prometheus",),
        ("prometheus",),
        f"{_GET}/-/healthy",
        9090,
        "Prometheus",
        unless=(
            *("--web.listen-address", "--web.config.file", "--web.route-prefix"),
            "--web.external-url",
        ),
        asks="http/-/healthy",
        start_period_s=60,
    ),
    Recipe(
        "its own /ping",
        ("clickhouse/clickhouse-server",),
        (ALONE,),
        f"{_GET}/ping",
        8123,
        "ClickHouse",
        asks="http/ping",
        start_period_s=60,
    ),
    Recipe(
        "its own /_up, which needs no login",
        ("couchdb", "library/couchdb"),
        ("couchdb",),
        "curl -sf -o /dev/null http://127.0.0.1:{port}/_up",
        5984,
        "CouchDB",
        asks="http/_up",
    ),
    Recipe(
        "its own /health, which needs no key",
        ("getmeili/meilisearch",),
        ("meilisearch",),
        "curl -sf -o /dev/null http://127.0.0.1:{port}/health",
        7700,
        "Meilisearch",
        unless=("MEILI_HTTP_ADDR", "MEILI_SSL_CERT_PATH", "--http-addr", "--ssl"),
        asks="http/health",
    ),
)
BY_REPOSITORY = {name: recipe for recipe in RECIPES for name in recipe.repositories}
BY_PRODUCT = {recipe.product: recipe for recipe in reversed(RECIPES) if recipe.product}
