"""Throw-away containers of one test, through the docker command: named, counted, removed by name.

Needs an engine on this machine, and a busybox and a Python image that it holds already.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from everup.runtimes.docker.accounting import Target

COMMAND_WITHIN_S = 60.0
SOCKET = "/var/run/docker.sock"
BUSYBOX = ("stack/busybox", "busybox")
PYTHON = ("stack/python:3.11", "python:3.11-slim", "python:3.11")


def docker(*words: str) -> str:
    """What the command prints. Fails the test with what it complains of."""
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, timeout=COMMAND_WITHIN_S
    )
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr}"
    return done.stdout.strip()


def image(names: tuple[str, ...]) -> str:
    """The first that the engine holds."""
    held = docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
    for name in names:
        if (name if ":" in name else f"{name}:latest") in held:
            return name
    raise AssertionError(f"the engine holds none of {', '.join(names)}; docker pull one of them")


def stats(container: str) -> dict[str, Any]:
    """The engine's own statistics, once."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(COMMAND_WITHIN_S)
        channel.connect(os.environ.get("DOCKER_HOST", SOCKET).removeprefix("unix://"))
        client = http.client.HTTPConnection("docker")
        client.sock = channel
        client.request("GET", f"/v1.41/containers/{container}/stats?stream=false&one-shot=true")
        document: dict[str, Any] = json.load(client.getresponse())
        return document


class Bench:
    """Makes containers and remembers them."""

    def __init__(self) -> None:
        self.prefix = f"accounting-{uuid.uuid4().hex[:8]}"
        self.containers: list[str] = []
        self.networks: list[str] = []

    def run(self, *words: str) -> str:
        """The id of a new container; the words follow `docker run -d --name NAME`."""
        name = f"{self.prefix}-{len(self.containers)}"
        self.containers.append(name)
        return docker("run", "-d", "--name", name, *words)

    def network(self) -> str:
        """A new bridge, of no use outside this test."""
        name = f"{self.prefix}-net{len(self.networks)}"
        docker("network", "create", "--internal", name)
        self.networks.append(name)
        return name

    def remove(self) -> None:
        """All that was made, also what was only half made."""
        for kind, names in (("container", self.containers), ("network", self.networks)):
            flags = ["-f", "-v"] if kind == "container" else []
            for name in names:
                subprocess.run(
                    ["docker", kind, "rm", *flags, name],
                    capture_output=True,
                    timeout=COMMAND_WITHIN_S,
                )


@contextmanager
def bench() -> Iterator[Bench]:
    """One test's containers; nothing stays."""
    made = Bench()
    try:
        yield made
    finally:
        made.remove()


def target(container: str) -> Target:
    """As the engine names it now."""
    return Target(container, int(docker("inspect", "-f", "{{.State.Pid}}", container)))
