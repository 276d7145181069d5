"""The image: what it says of itself, who runs in it, and that it writes nothing but its folders."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.docker_engine import SOCKET, Docker, api, call, wait_until

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]  # the first one builds the image
HARDENED = ["--read-only", "--tmpfs", "/tmp", "--security-opt", "no-new-privileges"]
HARDENED += ["--cap-drop", "ALL", "--cap-add", "SETUID", "--cap-add", "SETGID"]
WITH_SOCKET = ["-v", f"{SOCKET}:/var/run/docker.sock:ro"]
PLACES = ["/app", "/opt/everup", "/tmp"]
NOBODY_S_STACK = "stack: none\nservices:\n  web: http://127.0.0.1:9/health\n"


def status_of(docker: Docker, container: str) -> dict[str, list[str]]:
    """Key → words of /proc/1/status in the container."""
    text = call("exec", container, "cat", "/proc/1/status")
    return {key: words.split() for key, _, words in (s.partition(":") for s in text.splitlines())}


def start(docker: Docker, image: str, folder: Path, *options: str) -> str:
    stack = folder / "everup.yaml"
    stack.write_text(NOBODY_S_STACK)
    mounted = ["-v", f"{stack}:/app/everup.yaml:ro", "-p", "127.0.0.1::8010"]
    return docker.run(image, options=[*HARDENED, *mounted, *options])


def test_it_says_what_it_is(everup_image: str) -> None:
    status, found = api("GET", f"/images/{everup_image}:latest/json")
    assert status == 200
    config = found["Config"]
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["Healthcheck"]["Test"][-1] == "http://localhost:8010/health"
    assert config["Healthcheck"]["Interval"] == 30 * 10**9
    assert "8010/tcp" in config["ExposedPorts"]
    assert config["Labels"]["everup.own"] == "true"
    assert config["Labels"]["everup.internal.controller"] == "true"
    assert set(config["Volumes"]) == {"/app/logs", "/app/state"}


def test_what_pip_was_told_is_not_in_it(everup_image: str) -> None:
    history = call("history", "--no-trunc", "--format", "{{.CreatedBy}}", everup_image)
    environment = api("GET", f"/images/{everup_image}:latest/json")[1]["Config"]["Env"]
    assert "PIP_" not in history
    assert "PIP_" not in " ".join(environment)


def test_it_answers_with_a_read_only_root(docker: Docker, everup_image: str) -> None:
    assert "Usage: everup" in docker.once(everup_image, "--help", options=HARDENED)
    assert '"everup.yaml"' in docker.once(everup_image, "check", "--schema", options=HARDENED)


def test_it_leaves_root_with_the_socket_s_group_and_gets_healthy(
    docker: Docker, everup_image: str, tmp_path: Path
) -> None:
    """The healthcheck is asked as it stands in the image, only more often."""
    container = start(docker, everup_image, tmp_path, *WITH_SOCKET, "--health-interval", "1s")
    wait_until(
        lambda: docker.inspect(container)["State"]["Health"]["Status"] == "healthy",
        within_s=60,
        what="the healthy state",
    )
    now = status_of(docker, container)
    assert now["Uid"] == now["Gid"] == ["10001"] * 4
    assert now["Groups"] == [str(os.stat(SOCKET).st_gid)]
    assert now["CapPrm"] == now["CapEff"] == ["0" * 16]
    find = ["find", *PLACES, "-user", "everup", "-type", "f"]
    written = call("exec", "-u", "everup", container, *find).splitlines()
    assert any(name.startswith("/app/state/") for name in written)
    assert all(name.startswith(("/app/state/", "/app/logs/", "/tmp/")) for name in written)
    assert docker.inspect(container)["Config"]["Healthcheck"]["Timeout"] == 5 * 10**9
    asked = call("exec", container, "sh", "-c", "everup status || echo it answers")
    assert "journal ok" in asked  # as that user too: root of this container may not read it
    call("stop", container)
    assert docker.inspect(container)["State"]["ExitCode"] == 0


def test_it_asks_the_engine_with_that_group(docker: Docker, everup_image: str) -> None:
    """What a program of the same user and group may do, Everup may."""
    program = (
        "import runpy, socket; e = runpy.run_path('/usr/local/bin/everup');"
        "e['become_everup'](e['group_for'](e['USUAL_SOCKET']));"
        "s = socket.socket(socket.AF_UNIX); s.settimeout(5); s.connect(e['USUAL_SOCKET']);"
        "s.sendall(b'GET /_ping HTTP/1.0\\r\\n\\r\\n'); print(s.recv(12).decode())"
    )
    options = [*HARDENED, *WITH_SOCKET, "--entrypoint", "/opt/everup/bin/python"]
    assert docker.once(everup_image, "-c", program, options=options) == "HTTP/1.0 200"


def test_another_user_is_left_as_it_is(docker: Docker, everup_image: str) -> None:
    said = docker.once(everup_image, "--version", options=[*HARDENED, "--user", "4242:4242"])
    assert said.startswith("everup ") or said[0].isdigit()


def test_without_the_right_to_leave_root_it_says_what_to_add(
    docker: Docker, everup_image: str
) -> None:
    options = ["--read-only", "--cap-drop", "ALL"]
    said = r"cannot leave root .*: add cap_add \[SETUID, SETGID]"
    with pytest.raises(AssertionError, match=said):
        docker.once(everup_image, "--help", options=options)
