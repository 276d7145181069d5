"""`everup suggest` on a real project, and what docker-compose makes of the file that it writes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.docker_engine import BUSYBOX, Docker, call

pytestmark = [pytest.mark.system, pytest.mark.timeout(180)]

TAG = "7-everup-suggest-test"
REDIS = f"redis:{TAG}"
"""Busybox under the name of Redis, with a program of that name: the engine only knows names."""
DOCKERFILE = f"""
FROM {BUSYBOX}
RUN printf '#!/bin/sh\\nexec sleep 100000\\n' >/bin/redis-server && chmod +x /bin/redis-server
CMD ["redis-server"]
"""

BASE = f"""
version: "2.4"
services:
  cache:
    image: {REDIS}
  web:
    image: {BUSYBOX}
    command: ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
    environment: ["CACHE_URL=redis://:not-to-be-seen@cache:6379/0"]
    expose: ["8080"]
  judged:
    image: {BUSYBOX}
    command: ["sleep", "100000"]
    mem_limit: 32m
    healthcheck: {{test: ["CMD", "true"]}}
"""


@pytest.fixture
def folder(docker: Docker, tmp_path: Path) -> Iterator[Path]:
    call("build", "--network", "none", "-t", REDIS, "-", text=DOCKERFILE)
    try:
        (tmp_path / "docker-compose.yml").write_text(BASE, encoding="utf-8")
        docker.compose("suggest", "-f", str(tmp_path / "docker-compose.yml"), "up", "-d")
        yield tmp_path
    finally:
        docker.compose("suggest", "-f", str(tmp_path / "docker-compose.yml"), "down", "-t", "0")
        call("rmi", REDIS)


def everup(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As a person calls it."""
    environment = {**os.environ, "XDG_STATE_HOME": str(folder)}
    command = [sys.executable, "-m", "everup.cli", "suggest", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


def test_docker_compose_takes_what_is_suggested(docker: Docker, folder: Path) -> None:
    name, base = docker.name("suggest"), folder / "docker-compose.yml"
    said = everup(folder, "--project", name, "--output", "everup.suggested.yml")
    assert said.returncode == 0, said.stderr
    assert "1 of 3 services can be judged; with this file 2" in said.stderr
    written = folder / "everup.suggested.yml"
    text = written.read_text(encoding="utf-8")
    assert "not-to-be-seen" not in text
    assert f"docker compose -p {name} -f docker-compose.yml -f everup.suggested.yml" in text
    assert base.read_text(encoding="utf-8") == BASE

    active = yaml.safe_load(text)["services"]
    assert "judged" not in active
    assert "redis-cli -p 6379 ping" in active["cache"]["healthcheck"]["test"][1]
    assert active["cache"]["stop_grace_period"] == "60s"
    assert active["web"] == {"depends_on": {"cache": {"condition": "service_healthy"}}}
    assert "#? mem_limit: 64m" in text, "so young, a limit is for a person to decide"
    assert "http://127.0.0.1:8080/CHANGE-ME" in text

    both = ["-f", str(base), "-f", str(written)]
    docker.compose("suggest", *both, "config", "-q")
    merged = yaml.safe_load(docker.compose("suggest", *both, "config"))["services"]
    assert merged["web"]["depends_on"] == {"cache": {"condition": "service_healthy"}}
    assert merged["web"]["environment"]["CACHE_URL"].endswith("@cache:6379/0")

    finished = folder / "finished.yml"
    finished.write_text(text.replace("#? ", ""), encoding="utf-8")
    docker.compose("suggest", "-f", str(base), "-f", str(finished), "config", "-q")

    again = everup(folder, "--project", name, "--output", "everup.suggested.yml")
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert written.read_text(encoding="utf-8") == text


def test_it_goes_to_standard_output_and_is_valid_there(docker: Docker, folder: Path) -> None:
    said = everup(folder, "--project", docker.name("suggest"))
    assert said.returncode == 0, said.stderr
    assert set(yaml.safe_load(said.stdout)["services"]) == {"cache", "web"}
    assert everup(folder, "--project", "there-is-none").returncode == 2
