"""Compose files of ours put up on the real engine, and the Everup in them asked over its port."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.docker_engine import HAPROXY, Docker, wait_until

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
SERVICE = "infrastructure-recovery-service"
ANSWER_S = 10.0
UP_WITHIN_S = 240.0  # two lanes share the cores
LOCAL_IMAGES = {
    "POSTGRES_IMAGE": "everup-test/postgres",
    "REDIS_IMAGE": "everup-test/redis",
    "DOOR_IMAGE": f"{HAPROXY}:latest",
}
"""In place of the official ones, which no registry is asked for."""


class Project:
    """One project of this session."""

    def __init__(
        self, docker: Docker, word: str, files: list[Path], environment: Mapping[str, str]
    ) -> None:
        self.docker, self.word, self.name = docker, word, docker.name(word)
        self.files = [part for file in files for part in ("-f", str(file))]
        self.environment = dict(environment)

    def compose(self, *arguments: str) -> str:
        return self.docker.compose(
            self.word, *self.files, *arguments, timeout_s=UP_WITHIN_S, **self.environment
        )

    def up(self, *arguments: str) -> None:
        """Without building: every image is there."""
        self.compose("up", "-d", *arguments)

    def container(self, service: str, number: int = 1) -> str:
        """Its name, as Compose 1 makes it."""
        return f"{self.name}_{service}_{number}"

    def state(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = self.docker.inspect(self.container(service))["State"]
        return found

    def is_healthy(self, service: str) -> bool:
        return bool(self.state(service).get("Health", {}).get("Status") == "healthy")


def ask(
    url: str, method: str = "GET", headers: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Status and body; 0 and the reason while nobody answers."""
    request = urllib.request.Request(url, method=method, headers=dict(headers or {}))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=ANSWER_S) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")
    except OSError as error:
        return 0, {"nobody": str(error)}


def answers(url: str, within_s: float = UP_WITHIN_S) -> None:
    """Wait until /health there is 200."""
    wait_until(lambda: ask(f"{url}/health")[0] == 200, within_s, f"an answer at {url}")


def shell(command: str) -> str:
    """What a person would type."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
