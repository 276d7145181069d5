"""scripts/engine in a small world of its own: processes, network, /run and data that nobody shares.

There it finds no engine, begins one, uses it, and ends it; the engine outside is not disturbed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker_engine import BUSYBOX, HAPROXY, PYTHON, Docker, call

ROOT = Path(__file__).resolve().parents[2]
HOME_OF_DATA = Path("/var/lib/everup-engine")
UNSHARE = ["unshare", "-m", "-n", "-p", "-f", "--kill-child", "--mount-proc"]
WORLD = """
set -eu
mount --make-rprivate /
mkdir -p /var/lib/everup-engine
mount --bind "$1" /var/lib/everup-engine
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
ip link set lo up
unset DOCKER_HOST
"""
pytestmark = pytest.mark.system


def in_a_world(data: Path, script: str) -> str:
    """What it says there. When it ends, so do the processes in there, and the mounts."""
    done = subprocess.run(
        [*UNSHARE, "bash", "-c", WORLD + script, "bash", str(data)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
    )
    return f"{done.stdout}ended with {done.returncode}"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """For the data of the engine that is begun; nothing else of the machine is written."""
    folder = tmp_path / "data"
    folder.mkdir()
    yield folder
    if HOME_OF_DATA.is_dir() and not any(HOME_OF_DATA.iterdir()):
        HOME_OF_DATA.rmdir()  # the place to mount on


def test_where_none_answers_one_is_begun_used_and_ended(docker: Docker, data: Path) -> None:
    beside = docker.run(BUSYBOX, "sleep", "300")
    said = in_a_world(
        data,
        """
        scripts/engine stop
        scripts/engine status || echo "status: $?"
        scripts/engine start
        scripts/engine start
        scripts/engine status
        docker ps -aq | wc -l
        tar -C /bin -c . --files-from /dev/null | docker import - everup-test/empty >/dev/null
        scripts/engine stop
        scripts/engine stop
        docker version >/dev/null 2>&1 || echo "no engine any more"
        scripts/engine start >/dev/null
        docker image inspect -f "kept {{index .RepoTags 0}}" everup-test/empty
        scripts/engine stop >/dev/null
        """,
    )
    lines = [line.removeprefix("engine: ") for line in said.splitlines()]
    told = [line.split(" (")[0] for line in lines if " is missing" not in line]
    version = call("version", "--format", "{{.Server.Version}}")
    pid = next(line for line in lines if line.startswith("stopped")).split(";")[0].split()[-1]
    assert told == [
        "none was started here: nothing to stop",
        "no engine answers; scripts/engine start begins one",
        "status: 1",
        f"started version {version}",
        f"version {version} answers and is used as it is",
        f"version {version}, started here",
        "0",
        f"stopped pid {pid}; its data stays in {HOME_OF_DATA}",
        "none was started here: nothing to stop",
        "no engine any more",
        "kept everup-test/empty:latest",
        "ended with 0",
    ], said
    assert docker.inspect(beside)["State"]["Running"]


def test_an_engine_that_runs_and_does_not_answer_is_left_alone(data: Path) -> None:
    """One that was begun by somebody else, and stands still."""
    said = in_a_world(
        data,
        """
        cp /bin/sleep /run/dockerd
        /run/dockerd 60 &
        sed 's/^READY_WITHIN_S=.*/READY_WITHIN_S=2/' scripts/engine >/run/engine
        bash /run/engine start && exit 9
        kill -0 $! && echo "it lives"
        """,
    )
    assert "an engine runs (pid " in said
    assert "does not answer" in said
    assert said.endswith("it lives\nended with 0")


def test_a_number_in_the_pid_file_is_not_enough_to_be_stopped(data: Path) -> None:
    said = in_a_world(
        data,
        """
        sleep 60 &
        mkdir /run/everup-engine
        echo $! >/run/everup-engine/dockerd.pid
        scripts/engine stop
        kill -0 $! && echo "it lives"
        """,
    )
    assert "nothing to stop" in said
    assert said.endswith("it lives\nended with 0")


def test_who_is_not_root_is_told_what_to_do(data: Path) -> None:
    """In this world root is somebody else."""
    said = in_a_world(
        data,
        """
        mkdir /run/bin
        printf '#!/bin/sh\\n[ "$1" = -u ] && echo 1000 || echo somebody\\n' >/run/bin/id
        chmod +x /run/bin/id
        PATH=/run/bin:$PATH
        scripts/engine start
        """,
    )
    assert "join the group of its socket (usermod -aG docker somebody" in said
    assert said.endswith("ended with 1")


def test_what_is_missing_is_named_with_the_packages_that_bring_it(data: Path) -> None:
    said = in_a_world(
        data,
        """
        mkdir /run/bin
        for name in bash env id mktemp rm timeout; do ln -s "$(command -v $name)" /run/bin; done
        PATH=/run/bin scripts/engine start
        """,
    )
    assert "missing: docker curl update-ca-certificates busybox haproxy docker-compose. " in said
    assert "Install docker.io curl ca-certificates busybox-static haproxy" in said
    assert said.endswith("ended with 1")


def test_an_engine_that_answers_is_used_and_not_called_ours(docker: Docker) -> None:
    said = subprocess.run(
        ["scripts/engine", "start"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert said.returncode == 0, said.stderr
    assert "answers and is used as it is" in said.stdout


def test_the_images_are_there_and_are_not_made_twice(docker: Docker) -> None:
    said = subprocess.run(
        ["scripts/engine", "images"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")
    program = "import ctypes, lzma, sqlite3, ssl, sys, venv; print(sys.version_info[:2])"
    assert docker.once(PYTHON, "python3", "-c", program) == "(3, 11)"
    assert docker.once(PYTHON, "curl", "--version").startswith("curl ")
    assert docker.once(HAPROXY, "haproxy", "-v").startswith("HAProxy ")


def test_it_says_how_it_is_called() -> None:
    said = subprocess.run(["scripts/engine", "x"], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 2
    assert said.stderr.startswith("engine start ")
