"""The generated configuration says what the profiles say, and no secret."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from everup.config.schema import shipped
from everup.demo.stack import ports as ports_module
from everup.demo.stack import prepare
from everup.demo.stack.ports import SPAN, free_base_port
from everup.demo.stack.servers.postgres import PreparedPostgres
from everup.demo.stack.servers.redis import PreparedRedis
from everup.demo.stack.topology import PROFILES, address_variable, base_ports


@pytest.fixture
def postgres() -> PreparedPostgres:
    home = Path("/a stack/postgres")
    return PreparedPostgres(
        Path("/bin"), home, home / "data-16", home / "it's here", "nobody", 9000
    )


@pytest.fixture
def redis() -> PreparedRedis:
    home = Path("/a stack/redis")
    return PreparedRedis(home / "redis-server", home / "redis.conf", home / "password", 9010)


@pytest.fixture
def services(postgres: PreparedPostgres, redis: PreparedRedis) -> dict[str, Any]:
    return prepare.sections(Path("/a stack"), base_ports(9000), postgres, redis, {"api": 2})


def test_every_profile_has_a_complete_section(services: dict[str, Any]) -> None:
    assert list(services) == [profile.name for profile in PROFILES]
    required = {"command", "port", "instances", "probe", "limits", "priority", "stateful", "stop"}
    for name, section in services.items():
        assert required <= section.keys(), name
        assert all(isinstance(part, str) for part in section["command"])


def test_instances_are_one_unless_asked_for(services: dict[str, Any]) -> None:
    assert {name for name, section in services.items() if section["instances"] != 1} == {"api"}


def test_every_dependency_comes_with_its_address(services: dict[str, Any]) -> None:
    for name, section in services.items():
        for target in section.get("depends_on", {}):
            variable = {"postgres": "DATABASE_URL", "redis": "REDIS_URL"}.get(
                target, address_variable(target)
            )
            assert str(services[target]["port"]) in section["env"][variable], (name, target)


def test_critical_is_said_only_where_it_holds(services: dict[str, Any]) -> None:
    edges = [
        edge for section in services.values() for edge in section.get("depends_on", {}).values()
    ]
    assert sum("critical" in edge for edge in edges) == 8
    assert all(edge["kind"] in ("hard", "soft") for edge in edges)


def test_postgres_gets_its_own_account_and_stop_signal(services: dict[str, Any]) -> None:
    assert services["postgres"]["user"] == "nobody"
    assert services["postgres"]["stop"]["signal"] == "SIGINT"
    assert all("user" not in services[name] for name in services.keys() - {"postgres"})


def test_servers_are_asked_in_their_own_protocol(services: dict[str, Any]) -> None:
    for name in ("postgres", "redis"):
        assert services[name]["probe"][name] == f"127.0.0.1:{services[name]['port']}"


def test_addresses_hold_no_password(services: dict[str, Any]) -> None:
    for section in services.values():
        for value in section.get("env", {}).values():
            assert ":" not in value.partition("@")[0].partition("://")[2] or "@" not in value


def test_the_document_is_plain_yaml(services: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml.safe_dump(services)) == services


def test_editors_find_nothing_wrong_in_it(services: dict[str, Any]) -> None:
    document = {"stack": "reference", "mode": "auto", "services": services}
    plain = yaml.safe_load(yaml.safe_dump(document))
    assert list(Draft7Validator(json.loads(shipped())).iter_errors(plain)) == []


def test_free_ports_are_free_and_in_a_row() -> None:
    base = free_base_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", base + SPAN - 1))
        assert not ports_module._is_free(base + SPAN - 1)


def test_removing_what_is_no_stack_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    prepare.remove_stack(tmp_path)
    assert (tmp_path / "postgres").is_dir()
