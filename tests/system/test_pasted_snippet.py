"""The snippet that people paste into their Compose file, as it stands but for its build path.

It publishes port 8010 on every address, so one test at a time has it; where something else holds
that port on this machine, the host's side of the entry is another one.
"""

from __future__ import annotations

import fcntl
import re
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker_engine import BUSYBOX, Docker, call, wait_until
from tests.ports import free_port
from tests.system.compose_project import SERVICE, Project, answers, ask, shell

pytestmark = [pytest.mark.system, pytest.mark.timeout(700)]  # the first one builds the image

SNIPPET = """
  infrastructure-recovery-service:
    build: ./everup
    ports: ["8010:8010"]
    volumes: [/var/run/docker.sock:/var/run/docker.sock:ro]
    healthcheck: {test: curl -f http://localhost:8010/health, interval: 30s}
"""
WEB = f"""
services:
  web:
    image: {BUSYBOX}
    command: ["sh", "-c", "mkdir /www; echo hi >/www/i; exec httpd -f -p 8080 -h /www"]
    healthcheck:
      test: wget -qO- http://127.0.0.1:8080/i
      interval: 1s
"""
HEALTHY_WITHIN_S = 180.0  # the owner asks every 30 s
READS = ("/status", "/health-scores", "/predictions/web", "/dependencies")


@pytest.fixture
def port() -> Iterator[int]:
    with (Path(tempfile.gettempdir()) / "everup-test-8010.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield 8010 if _is_free(8010) else free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True


@pytest.fixture
def project(docker: Docker, everup_image: str, tmp_path: Path, port: int) -> Iterator[Project]:
    """A shop with the snippet in it. Its build path leads to Everup, which is built already."""
    (tmp_path / "everup").mkdir()
    (tmp_path / "everup" / "Dockerfile").write_text(f"FROM {everup_image}\n")
    snippet = SNIPPET if port == 8010 else SNIPPET.replace('"8010:', f'"{port}:')
    (tmp_path / "docker-compose.yml").write_text(WEB + snippet)
    made = Project(docker, "pasted", [tmp_path / "docker-compose.yml"], {})
    try:
        made.up()
        yield made
    finally:
        for is_last in (False, False, True):
            try:
                made.compose("down", "-v", "-t", "0", "--rmi", "local")
                break
            except AssertionError:  # what Everup began last may keep the network busy for a moment
                if is_last:
                    raise
                time.sleep(3)


def test_it_is_healthy_asks_for_the_token_and_says_how_to_do_without(
    project: Project, tmp_path: Path, port: int
) -> None:
    here, name = f"http://localhost:{port}", project.container(SERVICE)
    answers(here)
    for path in READS:
        assert ask(here + path)[0] == 401
    status, refused = ask(f"{here}/recovery/manual/web?recovery_type=restart", "POST")
    assert (status, refused["type"]) == (401, "urn:everup:problem:token-needed")
    assert f"port 8010 is published on 0.0.0.0:{port}" in refused["detail"]
    logged = call("logs", name)
    token = call("exec", name, "everup", "token")
    assert token in logged
    assert call("exec", "-u", "everup", name, "stat", "-c", "%a", "/app/state/token") == "600"

    # What it says is what helps: the header, from this host and from elsewhere …
    header = re.search(r'-H "[^"]*"', refused["fix"])
    assert header is not None
    shown = {"Authorization": f"Bearer {token}"}
    wait_until(
        lambda: watched(here, shown) == {"web"}, HEALTHY_WITHIN_S, "its own project, without itself"
    )
    assert '"web"' in shell(f"curl -sf {header[0]} {here}/health-scores")
    elsewhere = f"http://{_gateway(project)}:{port}"
    assert status_of(f"{elsewhere}/status") == 401
    assert status_of(f"{elsewhere}/health") == 200
    assert status_of(f"{header[0]} {elsewhere}/status") == 200
    assert "web" in call("exec", name, "sh", "-c", "everup status || true")

    wait_until(lambda: project.is_healthy(SERVICE), HEALTHY_WITHIN_S, "the healthy state")

    # … or the entry under ports, with which this host reads, …
    file = tmp_path / "docker-compose.yml"
    said = re.search(r"ports: \[.*?]", refused["fix"])
    assert said is not None
    file.write_text(re.sub(r"ports: \[.*?]", said[0], file.read_text()))
    project.up()
    answers(here)
    for path in READS:
        shell(f"curl -sf {here}{path}")
    restart = f"{here}/recovery/manual/web?recovery_type=restart"
    status, refused = ask(restart, "POST")
    beside = project.container("web")
    assert status == 401
    assert f"{beside} on the network {project.name}_default could pretend" in refused["detail"]
    assert status_of(f"-X DELETE {header[0]} {here}/freeze") == 200

    # … and a network of its own, with which every curl on this host passes.
    own, end = (re.search(p, refused["fix"]) for p in (r"networks: \[.*?]", r"networks: {.*?}}"))
    assert own is not None
    assert end is not None
    text = file.read_text().replace(said[0], f"{said[0]}\n    {own[0]}")
    file.write_text(f"{text}\n{end[0]}\n")
    project.up()
    answers(here)
    for path in READS:
        shell(f"curl -sf {here}{path}")
    shell(f"curl -sf -X POST '{restart}'")
    assert status_of(f"{elsewhere}/health") == 0, "nobody else can reach it"
    from_a_container = f"wget -qO- http://{SERVICE}:8010/status 2>&1 || true"
    assert "401" in call("exec", beside, "sh", "-c", from_a_container)
    assert call("exec", name, "everup", "token") == token, "it is kept"

    # Who joins that network is noticed.
    call("network", "connect", f"{project.name}_access", beside)
    assert status_of(f"-X POST '{restart}'") == 401
    shell(f"curl -sf {here}/status")


def status_of(address: str) -> int:
    """As curl sees it; 0 while nobody answers."""
    return int(shell(f"curl -s -m 10 -o /dev/null -w '%{{http_code}}' {address} || true"))


def watched(url: str, headers: dict[str, str]) -> set[str]:
    return set(ask(f"{url}/health-scores", headers=headers)[1].get("services", ()))


def _gateway(project: Project) -> str:
    """An address of this host that is not loopback."""
    networks = project.docker.inspect(project.container(SERVICE))["NetworkSettings"]["Networks"]
    return str(next(iter(networks.values()))["Gateway"])
