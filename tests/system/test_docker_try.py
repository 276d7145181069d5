"""`everup try`: a copy is hurt and healed, the real one is not touched, and nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.docker_engine import BUSYBOX, Docker, call, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(150)]

CHECKED = ("State", "ExecIDs")  # the owner's healthcheck runs all the time
COMPOSE = f"""
version: "2.4"
services:
  web:
    image: {BUSYBOX}
    command: ["sh", "-c", "echo hi >/data/index.html; exec httpd -f -p 8080 -h /data"]
    ports: ["127.0.0.1::8080"]
    volumes: ["data:/data"]
    labels: {{everup.stateful: "false"}}
    healthcheck:
      test: ["CMD-SHELL", "wget -qO- http://127.0.0.1:8080/"]
      interval: 1s
      timeout: 3s
      retries: 3
  needy:
    image: {BUSYBOX}
    command: ["sh", "-c", "nc -w 2 web 8080 </dev/null || exit 3; sleep 10000"]
    depends_on: [web]
volumes:
  data:
"""


class Project:
    """Two services, one of which cannot be on its own."""

    def __init__(self, docker: Docker, folder: Path) -> None:
        self.docker, self.folder = docker, folder
        self.name = docker.name("try")
        self.file = folder / "docker-compose.yml"
        self.file.write_text(COMPOSE, encoding="utf-8")
        self.compose("up", "-d")

    def compose(self, *arguments: str) -> str:
        return self.docker.compose("try", "-f", str(self.file), *arguments)

    def inspected(self) -> dict[str, Any]:
        found = self.docker.inspect(f"{self.name}_web_1")
        return {key: value for key, value in found.items() if key not in CHECKED} | {
            "since": found["State"]["StartedAt"]
        }

    def everup(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "everup.cli", "try", *arguments, "--project", self.name],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "TMPDIR": str(self.folder)},
        )


@pytest.fixture
def project(docker: Docker, tmp_path: Path) -> Iterator[Project]:
    made = Project(docker, tmp_path)
    yield made
    made.compose("down", "-v", "-t", "0")


def names_of(pid: int) -> list[str]:
    """Containers and networks whose mark is of this process."""
    found = []
    for kind in (["ps", "-a"], ["network", "ls"]):
        name = "{{.Names}}" if kind[0] == "ps" else "{{.Name}}"
        key = '{{.Label "everup.internal.try"}} ' + name
        lines = call(*kind, "--filter", "label=everup.internal.try", "--format", key).splitlines()
        found += [line.split()[-1] for line in lines if f"|{pid}|" in line]
    return found


def test_a_hang_of_the_copy_is_healed_and_the_real_one_is_as_before(project: Project) -> None:
    before = project.inspected()
    running = project.everup("web", "--fault", "hang")
    output, _ = running.communicate(timeout=120)
    assert running.returncode == 0, output
    assert "the copy is well on its own" in output
    assert "graceful restart by everup" in output or "restart by everup" in output
    assert "web itself was not touched" in output
    assert "In mode observe" in output
    assert project.inspected() == before
    assert names_of(running.pid) == []
    assert list(project.folder.glob("everup-try-*")) == []


def test_what_makes_no_sense_is_refused(project: Project) -> None:
    wrong = project.everup("wev")
    output, _ = wrong.communicate(timeout=60)
    assert wrong.returncode == 2
    assert "did you mean 'web'?" in output
    blind = project.everup("needy", "--fault", "hang")
    output, _ = blind.communicate(timeout=60)
    assert blind.returncode == 1
    assert "everup suggest writes one" in output


def test_what_cannot_be_on_its_own_has_a_stand_in(project: Project) -> None:
    running = project.everup("needy", "--within", "100")
    output, _ = running.communicate(timeout=140)
    assert running.returncode == 0, output
    assert "a true copy cannot be on its own: it ends with 3" in output
    assert "stand-in" in output
    assert names_of(running.pid) == []


def test_after_ctrl_c_nothing_is_left_and_after_a_kill_the_next_one_sweeps(
    project: Project,
) -> None:
    running = project.everup("web")
    wait_until(lambda: len(names_of(running.pid)) == 2, 60, "the copy on its network")
    running.send_signal(signal.SIGINT)
    output, _ = running.communicate(timeout=60)
    assert running.returncode == 1, output
    assert "interrupted" in output
    assert names_of(running.pid) == []

    killed = project.everup("web")
    wait_until(lambda: len(names_of(killed.pid)) == 2, 60, "the copy on its network")
    killed.kill()
    killed.communicate(timeout=10)
    notes = list(project.folder.glob("everup-try-*"))
    # Any Everup on this engine may be the next one, also one of another test; the notes are in a
    # folder of this test alone.
    last = project.everup("web", "--within", "10")
    wait_until(lambda: names_of(killed.pid) == [], 60, "the next one sweeps")
    wait_until(lambda: not any(folder.exists() for folder in notes), 60, "and removes the notes")
    last.send_signal(signal.SIGTERM)
    last.communicate(timeout=60)
    assert names_of(last.pid) == []
    assert list(project.folder.glob("everup-try-*")) == []
