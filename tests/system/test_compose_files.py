"""deploy/*.yaml as docker-compose 1.29 reads them, and their door before the engine, put up."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docker_engine import BUSYBOX, HAPROXY, Docker, wait_until
from tests.system.compose_project import DEPLOY, SERVICE

pytestmark = pytest.mark.system
BASE = DEPLOY / "compose.yaml"
LAYERS = sorted(path for path in DEPLOY.glob("compose.*.yaml"))
SOCKET_MOUNT = "/var/run/docker.sock:/var/run/docker.sock:ro"


def over(path: Path) -> list[str]:
    """The base file, and what is laid over it."""
    return [part for file in dict.fromkeys((BASE, path)) for part in ("-f", str(file))]


def read(path: Path) -> dict[str, Any]:
    said = subprocess.run(
        ["docker-compose", *over(path), "config"], capture_output=True, text=True, timeout=60
    )
    assert said.returncode == 0, said.stderr
    assert said.stderr == ""
    document: dict[str, Any] = yaml.safe_load(said.stdout)
    return document


@pytest.mark.parametrize("path", [BASE, *LAYERS], ids=lambda path: path.name)
def test_everup_is_asked_on_8010_and_drops_what_it_does_not_need(path: Path) -> None:
    service = read(path)["services"][SERVICE]
    assert service["ports"] == ["127.0.0.1:8010:8010/tcp"]
    assert service["healthcheck"]["test"] == "curl -f http://localhost:8010/health"
    assert service["healthcheck"]["interval"] == "30s"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["labels"]["everup.own"] == "true"


@pytest.mark.parametrize("path", [BASE, *LAYERS], ids=lambda path: path.name)
def test_it_is_written_for_both_generations_of_compose(path: Path) -> None:
    """The newer one warns of `version`; the older one reads it as the newest it knows without."""
    fields = {name for name in yaml.safe_load(path.read_text()) if not name.startswith("x-")}
    assert fields <= {"services", "volumes", "networks"}


def test_there_are_the_three_ways_to_the_socket() -> None:
    assert [path.name for path in LAYERS] == ["compose.observe.yaml", "compose.proxy.yaml"]
    assert SOCKET_MOUNT in read(BASE)["services"][SERVICE]["volumes"]
    for path in LAYERS:
        services = read(path)["services"]
        mounts = [v for v in services[SERVICE]["volumes"] if "docker.sock" in v]
        assert mounts == ["/dev/null:/var/run/docker.sock:ro"]
        assert services[SERVICE]["environment"]["DOCKER_HOST"] == "tcp://engine-door:2375"
        assert SOCKET_MOUNT in services["engine-door"]["volumes"]
        assert set(services["engine-door"]["networks"]) == {"engine-door"}
        assert "ports" not in services["engine-door"]
        assert services["engine-door"]["labels"]["everup.own"] == "true"


def test_only_looking_is_not_a_matter_of_everup_s_mode() -> None:
    observing = read(DEPLOY / "compose.observe.yaml")
    assert observing["services"][SERVICE]["environment"]["EVERUP_MODE"] == "observe"
    assert observing["networks"]["engine-door"] == {"internal": True}


@pytest.mark.parametrize("path", LAYERS, ids=lambda path: path.name)
def test_the_door_is_put_up_without_any_power_and_refuses(docker: Docker, path: Path) -> None:
    project = path.name.split(".")[1]
    docker.compose(project, *over(path), "up", "-d", "engine-door", DOOR_IMAGE=f"{HAPROXY}:latest")
    beside = docker.run(
        BUSYBOX, "sleep", "120", options=["--network", f"{docker.name(project)}_engine-door"]
    )

    def ask(path: str, *options: str) -> str:
        command = ["docker", "exec", beside, "wget", "-qO-", *options]
        done = subprocess.run(
            [*command, f"http://engine-door:2375{path}"],
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.stdout + done.stderr

    wait_until(lambda: ask("/_ping") == "OK", what="the door")
    seen = [names for found in json.loads(ask("/containers/json")) for names in found["Names"]]
    assert any(name.startswith(f"/{docker.prefix}") for name in seen)
    assert "403 Forbidden" in ask(f"/containers/{beside}/exec", "--post-data", "{}")
    assert "403 Forbidden" in ask("/containers/create", "--post-data", "{}")
    assert docker.inspect(beside)["State"]["Running"]
