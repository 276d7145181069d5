"""The engine of the tests: what a session made is gone at its end, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker_engine import BUSYBOX, LABEL, Docker, api, call, is_orphan, remove_orphans

pytestmark = pytest.mark.system
COMPOSE = """\
services:
  one:
    image: everup-test/busybox
    command: sleep 300
    stop_grace_period: 0s
    volumes: [data:/data]
volumes:
  data:
"""


def test_what_a_failed_test_made_is_removed_and_nothing_else(
    docker: Docker, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    stays = docker.run(BUSYBOX, "sleep", "300")

    def fails() -> None:
        with Docker() as other:
            other.run(BUSYBOX, "sleep", "300", options=["-v", "/an-anonymous-volume"])
            other.volume("v")
            other.network("n")
            other.compose("p", "-f", str(tmp_path / "compose.yaml"), "up", "-d")
            assert {kind: len(ids) for kind, ids in other.left().items()} == {
                "container": 2,
                "network": 2,
                "volume": 3,  # one marks the session
            }
            sessions.append(other)
            raise KeyError("a test that fails")

    sessions: list[Docker] = []
    with pytest.raises(KeyError):
        fails()
    assert sessions[0].left() == {}
    assert docker.inspect(stays)["State"]["Running"]
    call("rm", "-f", stays)


def test_what_a_killed_session_left_is_removed_by_the_next(docker: Docker) -> None:
    program = (
        "import os, signal\n"
        "from tests.docker_engine import BUSYBOX, Docker\n"
        "print(Docker().run(BUSYBOX, 'sleep', '300'), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    left = killed.stdout.strip()
    stays = docker.run(BUSYBOX, "sleep", "300")
    assert api("GET", f"/containers/{left}/json")[0] == 200
    remove_orphans()
    assert api("GET", f"/containers/{left}/json")[0] == 404
    assert docker.inspect(stays)["Config"]["Labels"][LABEL] == docker.token
    call("rm", "-f", stays)


def test_what_compose_made_for_a_killed_session_is_removed_too(
    docker: Docker, tmp_path: Path
) -> None:
    file = tmp_path / "docker-compose.yml"
    web = f"{{image: {BUSYBOX}, command: sleep 300}}"
    file.write_text(f'version: "3.8"\nservices: {{web: {web}}}\n')
    program = (
        "import os, signal\n"
        "from tests.docker_engine import Docker\n"
        "made = Docker()\n"
        f"made.compose('left', '-f', {str(file)!r}, 'up', '-d')\n"
        "print(made.name('left'), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
    )
    project = f"com.docker.compose.project={killed.stdout.strip()}"
    docker.compose("stays", "-f", str(file), "up", "-d")

    def left() -> list[str]:
        listings = (["ps", "-aq"], ["network", "ls", "-q"])
        return [call(*one, "--filter", f"label={project}") for one in listings]

    assert all(left())
    remove_orphans()
    assert not any(left())
    assert docker.compose("stays", "-f", str(file), "ps", "-q")
    docker.compose("stays", "-f", str(file), "down", "-t", "0")


def test_a_session_that_lives_or_runs_elsewhere_is_no_orphan(docker: Docker) -> None:
    machine = docker.token.partition(".")[0]
    assert not is_orphan(docker.token)
    assert not is_orphan(f"elsewhere.{os.getpid()}.1.abc")
    assert not is_orphan("nonsense")
    assert is_orphan(f"{machine}.{os.getpid()}.1.abc")


def test_a_container_of_a_session_answers(docker: Docker) -> None:
    assert docker.once(BUSYBOX, "echo", "well") == "well"
