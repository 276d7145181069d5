"""Who needs whom: labels, files, the engine, and settings."""

from __future__ import annotations

import pytest

from everup.runtimes.docker.discovery.compose_nodes import compose
from everup.runtimes.docker.discovery.compose_text import FILE_BYTES_MOST, read_compose_text
from everup.runtimes.docker.discovery.hosts import hosts_in, hosts_in_argument
from tests.unit.runtimes.docker.discovery.worlds import discover, document, edges, said

FILE = "/srv/shop/docker-compose.yml"


@pytest.mark.parametrize(
    ("variable", "value", "found"),
    [
        ("DATABASE_URL", "postgres://user:pw@db:5432/x", {"db": 0.8}),
        ("DATABASE_URL", "postgres://user:p/w#?@db:5432/x", {"db": 0.8}),
        ("X", "mongodb://a:1,b:2/db?replicaSet=r", {"a": 0.8, "b": 0.8}),
        ("SPRING_DATASOURCE_URL", "jdbc:postgresql://db:5432/x", {"db": 0.8}),
        ("DSN", "user:pw@tcp(db:3306)/shop", {"db": 0.8}),
        ("DSN", "host=db port=5432 user=app", {"db": 0.8}),
        ("ConnectionStrings__Main", "Server=db;Database=x;User Id=sa", {"db": 0.8}),
        ("HOST", "db", {"db": 0.6}),
        ("database__connection__host", "db", {"db": 0.6}),
        ("KAFKA_BOOTSTRAP_SERVERS", "k1:9092,k2:9092", {"k1": 0.6, "k2": 0.6}),
        ("REDIS_HOSTS", "local:redis:6379", {"redis": 0.6}),
        ("CACHE", "db:5432", {"db": 0.5}),
        ("PROMPT", "http://rapid-api.example.com/api", {"rapid-api.example.com": 0.8}),
        ("NO_PROXY", "localhost,db", {}),
        ("ALLOWED_HOSTS", "web,api", {}),
        ("VIRTUAL_HOST", "web", {}),
        ("BASE_IMAGE", "redis:7", {}),
        ("QUEUE_CONNECTION", "redis", {}),
        ("POSTGRES_USER", "db", {}),
        ("ANYTHING", "redis:7", {}),
        ("URL", "http://[::1]:80/", {}),
        ("URL", "://", {}),
    ],
)
def test_hosts_that_a_variable_names(variable: str, value: str, found: dict[str, float]) -> None:
    assert hosts_in(variable, value) == found


def test_hosts_that_an_argument_names() -> None:
    assert hosts_in_argument("--broker=redis://queue:6379/0") == {"queue": 0.8}
    assert hosts_in_argument("db:5432") == {"db": 0.5}
    assert hosts_in_argument("web") == hosts_in_argument("-v") == {}


def test_a_name_is_never_found_in_part_of_another() -> None:
    env = {"UPSTREAM_URL": "https://rapid-api.example.com/api/api?host=api#api"}
    found = discover([document("web", env=env), document("api")])["shop"]
    assert edges(found, "web") == {}


def test_a_name_counts_only_on_a_shared_network() -> None:
    env = {"DB_HOST": "db"}
    far = discover([document("web", env=env), document("db", networks=("back",))])["shop"]
    assert edges(far, "web") == {}
    near = discover(
        [document("web", env=env, networks=("front", "back")), document("db", networks=("back",))]
    )["shop"]
    assert edges(near, "web") == {"db": ("hard", 0.6)}
    engine = discover(
        [document("web", env=env, networks=("bridge",)), document("db", networks=("bridge",))]
    )["shop"]
    assert edges(engine, "web") == {}, "the engine's own network resolves no names"


def test_container_names_aliases_and_static_addresses_are_names_too() -> None:
    db = document("db")
    db["NetworkSettings"]["Networks"]["shop_default"] |= {
        "Aliases": ["db", "primary"],
        "IPAMConfig": {"IPv4Address": "172.28.0.5"},
    }
    for host in ("shop-db-1", "PRIMARY", "172.28.0.5", "db.shop_default"):
        found = discover([document("web", env={"DB_URL": f"postgres://u@{host}/x"}), db])["shop"]
        assert edges(found, "web") == {"db": ("hard", 0.8)}, host


def test_an_alias_of_two_services_is_no_hard_need_of_either() -> None:
    blue, green = document("blue"), document("green")
    for one in (blue, green):
        one["NetworkSettings"]["Networks"]["shop_default"]["Aliases"] = ["app"]
    found = discover([document("web", env={"APP_URL": "http://app:80"}), blue, green])["shop"]
    assert edges(found, "web") == {"blue": ("soft", 0.8), "green": ("soft", 0.8)}


def test_knowing_the_address_of_a_caller_is_no_need() -> None:
    found = discover(
        [
            document("web", needs="api:service_started:false"),
            document("api", env={"SITE_URL": "http://web:3000"}),
        ]
    )["shop"]
    assert edges(found, "web") == {"api": ("hard", 1.0)}
    assert edges(found, "api") == {"web": ("soft", 0.8)}


def test_what_is_declared_wins_over_what_is_guessed() -> None:
    found = discover(
        [
            document("web", needs="db:service_healthy:true", env={"DB_HOST": "db"}),
            document("db", image="registry.example.com:5000/library/postgres:16@sha256:ab"),
        ]
    )["shop"]
    [edge] = found.stack.services["web"].depends_on
    assert (edge.source, edge.weight, edge.is_critical) == ("depends_on", 1.0, True)


def test_a_label_of_ours_goes_over_everything() -> None:
    found = discover(
        [
            document(
                "web",
                needs="db:service_healthy,cache:service_started",
                labels={"everup.depends_on": "cache:soft:0.25, search:none, web, nowhere"},
                env={"SEARCH_URL": "http://search:9200"},
            ),
            *(document(name) for name in ("db", "cache", "search")),
        ]
    )["shop"]
    assert edges(found, "web") == {"db": ("hard", 1.0), "cache": ("soft", 1.0)}
    assert "depends on 'nowhere'" in said(found)


def test_links_and_shared_volumes() -> None:
    web = document("web", networks=("bridge",), needs=None, env={"API_URL": "http://backend:80"})
    web["HostConfig"] |= {
        "Links": ["/shop-api-1:/shop-web-1/backend"],
        "VolumesFrom": ["shop-data-1:ro"],
    }
    found = discover([web, document("api"), document("data")])["shop"]
    assert edges(found, "web") == {"api": ("hard", 1.0), "data": ("soft", 1.0)}


FILE_FORMS = {
    "list": ("services: {web: {depends_on: [db]}, db: {}}", "hard"),
    "mapping": ("services: {web: {depends_on: {db: {condition: service_healthy}}}}", "hard"),
    "optional": ("services: {web: {depends_on: {db: {required: false}}}}", "soft"),
    "oldest": ("web: {image: web, links: ['db:database']}\ndb: {image: db}", "hard"),
    "network": ("services: {web: {network_mode: 'service:db'}}", "hard"),
    "volumes": ("services: {web: {volumes_from: ['db:ro']}}", "soft"),
    "merge": ("x-a: &a {depends_on: [db]}\nservices: {web: {<<: [*a, {image: x}]}}", "hard"),
    "tags": ("services: {web: {depends_on: !override [db], ports: !reset null}}", "hard"),
    "extends": (
        "include: [x.yml]\nservices: {web: {extends: {file: a, service: b}, links: [db]}}",
        "hard",
    ),
    "variables": ("services: {web: {image: '${IMAGE:?no}', depends_on: [db]}}", "hard"),
}


@pytest.mark.parametrize("form", FILE_FORMS)
def test_every_form_of_a_compose_file(form: str) -> None:
    text, kind = FILE_FORMS[form]
    found = discover([document("web", needs=None), document("db", needs=None)], files={FILE: text})[
        "shop"
    ]
    assert edges(found, "web") == {"db": (kind, 1.0)}


def test_later_files_go_over_earlier_ones() -> None:
    web = document("web", needs=None)
    web["Config"]["Labels"]["com.docker.compose.project.config_files"] = "a.yml,b.yml,c.yml"
    files = {
        "/srv/shop/a.yml": "services: {web: {depends_on: [db, cache]}}",
        "/srv/shop/b.yml": "services: {web: {depends_on: !reset []}}",
        "/srv/shop/c.yml": "services: {web: {depends_on: [cache]}}",
    }
    others = [document("db", needs=None), document("cache", needs=None)]
    for one in others:
        one["Created"] = "2020-01-01T00:00:00Z"
    assert edges(discover([web, *others], files=files)["shop"], "web") == {"cache": ("hard", 1.0)}


def test_the_label_of_compose_2_needs_no_file() -> None:
    found = discover([document("web", needs="")], files={FILE: "services: {web: {links: [x]}}"})
    assert edges(found["shop"], "web") == {}
    assert "docker-compose.yml" not in said(found["shop"])


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[" * 100_000,
        "a: &a [*a]",
        "- just\n- a list",
        "\0",
        "&a {<<: *a}",
        "services: 3",
        "x: 1\n---\ny: 2",
        "a: &a [x,x]\n"
        + "\n".join(f"{c}: &{c} [*{p},*{p}]" for p, c in zip("abcdefgh", "bcdefghi", strict=True)),
    ],
)
def test_a_file_that_makes_no_sense_does_no_harm(text: str) -> None:
    found = discover([document("web", needs=None)], files={FILE: text})["shop"]
    assert edges(found, "web") == {}


def test_a_bomb_of_merges_costs_nothing() -> None:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    text = "\n".join([*lines, "services: {web: {<<: *a11, depends_on: [db]}}"])
    assert compose(text) is not None
    found = discover([document("web", needs=None), document("db")], files={FILE: text})["shop"]
    assert edges(found, "web") == {"db": ("hard", 1.0)}


def test_only_regular_files_of_bounded_size_are_read(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    (folder / "good.yml").write_text("services: {}")
    (folder / "large.yml").write_bytes(b"#" * (FILE_BYTES_MOST + 1))
    (folder / "binary.yml").write_bytes(b"\xff\xfe\x00")
    assert read_compose_text(str(folder / "good.yml")) == "services: {}"
    for name in ("large.yml", "binary.yml", "missing.yml", ".", "a\0b"):
        assert read_compose_text(f"{folder}/{name}") is None
    assert read_compose_text("/dev/zero") is None
