"""`everup doctor` against a real engine, against none, and against one that never answers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.docker_engine import BUSYBOX, SOCKET, Docker

pytestmark = pytest.mark.system
WITHIN_S = 15.0
LIVES_S = "120"


def doctor(folder: Path, engine: str, port: int, *more: str) -> tuple[int, str]:
    """Exit code and what it printed, of a run in an empty folder."""
    environ = {name: value for name, value in os.environ.items() if "EVERUP" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "everup.cli", "doctor", "--listen", str(port), *more],
        cwd=folder,
        env={**environ, "DOCKER_HOST": f"unix://{engine}", "XDG_STATE_HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=WITHIN_S * 4,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def findings(output: str) -> dict[tuple[str, str], dict[str, Any]]:
    """By check and what it is about."""
    return {(one["check"], one["about"]): one for one in json.loads(output)["findings"]}


def test_a_real_engine_is_looked_at_and_left_as_it_is(
    docker: Docker, tmp_path: Path, free_port: int
) -> None:
    name = docker.name("doctor")
    label = ["--network", "none", "--label", f"com.docker.compose.project={name}"]
    checked = ["--health-cmd", "true", "--restart", "always"]
    of_web, of_worker = ([*label, "--label", f"com.docker.compose.service={s}"] for s in ("a", "b"))
    web = docker.run(BUSYBOX, "sleep", LIVES_S, options=[*of_web, *checked])
    docker.run(BUSYBOX, "sleep", LIVES_S, options=of_worker)
    before = docker.inspect(web)["State"]["StartedAt"]
    code, output = doctor(tmp_path, SOCKET, free_port, "--json")
    found = findings(output)
    assert code == 0, output
    assert json.loads(output)["ok"] is True
    assert found["socket", ""]["state"] == "ok"
    assert "in API 1." in found["engine", ""]["text"]
    assert found["clock", ""]["state"] == "ok"
    assert found["coverage", name]["text"].startswith("1 of 2 can be judged")
    assert found["restart policies", name]["fix"].endswith("for: b")
    assert {"storage", "limits", "swarm", "live-restore", "control groups", "port"} <= {
        check for check, _ in found
    }
    assert all(bool(one["fix"]) == (one["state"] != "ok") for one in found.values())
    assert docker.inspect(web)["State"]["StartedAt"] == before
    assert list(tmp_path.iterdir()) == []


def test_a_table_for_people(docker: Docker, tmp_path: Path, free_port: int) -> None:
    code, output = doctor(tmp_path, SOCKET, free_port)
    assert code == 0
    assert "Everup can work here" in output


def test_where_there_is_no_socket_that_is_said_and_the_rest_is_looked_at(
    tmp_path: Path, free_port: int
) -> None:
    missing = tmp_path / "none.sock"
    code, output = doctor(tmp_path, str(missing), free_port, "--json")
    found = findings(output)
    assert code == 1
    assert found["socket", ""]["state"] == "wrong"
    assert str(missing) in found["socket", ""]["text"]
    assert found["port", ""]["state"] == "ok"
    code, output = doctor(tmp_path, str(missing), free_port)
    assert code == 1
    assert "1 wrong" in output


@contextmanager
def engine_that_hangs(path: Path, answers: bytes = b"") -> Iterator[None]:
    """It takes every call; it answers only where the first line has these words."""
    held: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                caller, _ = server.accept()
                held.append(caller)
                if answers and answers in caller.recv(4096):
                    body = json.dumps({"Version": "27.1", "ApiVersion": "1.46"}).encode()
                    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n"
                    kind = "Content-Type: application/json\r\nConnection: close\r\n\r\n"
                    caller.sendall((head + kind).encode() + body)

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        serving = Thread(target=serve, daemon=True)
        serving.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            serving.join(5)
            for caller in held:
                caller.close()


def test_an_engine_that_never_answers_is_said_in_time(tmp_path: Path, free_port: int) -> None:
    path = tmp_path / "silent.sock"
    with engine_that_hangs(path):
        began_s = time.monotonic()
        code, output = doctor(tmp_path, str(path), free_port, "--json")
        took_s = time.monotonic() - began_s
    found = findings(output)
    assert code == 1
    assert took_s < WITHIN_S
    assert found["socket", ""]["state"] == "ok"
    assert found["engine", ""]["state"] == "wrong"
    assert "no answer" in found["engine", ""]["text"]
    assert "restart docker" in found["engine", ""]["fix"]


def test_an_engine_that_hangs_after_its_first_answer_is_said_in_time(
    tmp_path: Path, free_port: int
) -> None:
    path = tmp_path / "halfway.sock"
    with engine_that_hangs(path, answers=b"/version"):
        began_s = time.monotonic()
        _, output = doctor(tmp_path, str(path), free_port)
        took_s = time.monotonic() - began_s
    assert took_s < WITHIN_S
    assert "Docker 27.1 answers" in output
    assert "no answer in" in output
    assert "port" in output
