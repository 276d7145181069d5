"""The demo's own Compose project: image, file, and the few docker commands that it takes.

Flows in: a folder and a base image with Python. Flows out: a running project whose name begins with
`everup-demo-`, and on `close` nothing of it. Called by `lab`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

CALL_WITHIN_S, BUILD_WITHIN_S = 60.0, 300.0
BASES = ("everup-test/python:3.11", "python:3.11-slim", "python:3-slim", "python:3")
"""Images that have Python 3.11 or newer; the first that the engine holds, else the second is
pulled."""
PULLED = BASES[1]
SERVICE = Path(__file__).with_name("service.py")


class NoDocker(RuntimeError):
    """The demo over containers cannot be told here; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Member:
    """What is particular about one service of the project."""

    needs: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    has_check: bool = True
    """A healthcheck of the engine's; else a label says what Everup shall ask."""
    memory_mib: int = 0
    has_data: bool = False
    """A volume of its own: it counts as one that keeps data."""
    has_scratch: bool = False
    """A tmpfs of 8 MiB that it has to be able to write."""


MEMBERS: Mapping[str, Member] = {
    "store": Member(has_data=True),
    "api": Member(needs=("store",)),
    "webui": Member(needs=("api",)),
    "worker": Member(memory_mib=64, has_scratch=True),
    "learning-service": Member(
        has_check=False,
        memory_mib=192,
        labels={"everup.hook.cache_clear": "POST http://:8080/cache/clear"},
    ),
    "coordination-service": Member(
        needs=("store",), has_check=False, labels={"everup.mode": "approve"}
    ),
    "perception-service": Member(has_check=False),
    "reports": Member(labels={"autoheal": "true"}),
}


class Project:
    """Names and calls. `open` makes it, `close` removes it."""

    def __init__(self, folder: Path, name: str, check_every_s: float) -> None:
        self.folder, self.name = folder, name
        self.image = f"{name}:live"
        self.file = folder / "docker-compose.yml"
        self.knobs = folder / "knobs"
        self._check_every_s = check_every_s
        self._compose: tuple[str, ...] = ()

    def open(self) -> None:
        """Builds the image and starts everything.

        Raises:
            NoDocker: no engine, no docker-compose, or no image with Python.
        """
        self._compose = _compose_command()
        self.knobs.mkdir(exist_ok=True)
        self._build(_base(), is_broken=False)
        self._tag("good")
        self.file.write_text(yaml.safe_dump(self._document(), sort_keys=False), encoding="utf-8")
        self.compose("up", "-d")

    def container(self, service: str) -> str:
        """The id of its container."""
        found = docker(
            "ps", "-aq", "--no-trunc",
            "--filter", f"label=com.docker.compose.project={self.name}",
            "--filter", f"label=com.docker.compose.service={service}",
        )  # fmt: skip
        running = [one for one in found.split() if not self._is_aside(one)]
        if not running:
            raise NoDocker(f"{service} has no container")
        return running[0]

    def state(self, service: str) -> dict[str, Any]:
        """What the engine says of it."""
        found: list[dict[str, Any]] = json.loads(docker("inspect", self.container(service)))
        return dict(found[0]["State"])

    def port(self, service: str) -> int:
        """Where it listens on loopback."""
        said = docker("port", self.container(service), "8080/tcp")
        return int(said.splitlines()[0].rpartition(":")[2])

    def deploy(self, service: str, *, is_broken: bool) -> None:
        """Moves the tag and lets Compose replace the container, as a deployment does."""
        if is_broken:
            self._build(f"{self.name}:good", is_broken=True)
        else:
            self.mend_tag()
        self.compose("up", "-d", "--no-deps", "--force-recreate", service)

    def mend_tag(self) -> None:
        """The tag names the good release again."""
        docker("tag", f"{self.name}:good", self.image)

    def compose(self, *words: str) -> None:
        """Compose, for this project."""
        call((*self._compose, "-p", self.name, "-f", str(self.file), *words))

    def close(self) -> list[str]:
        """Removes all of it. Returns what would not go, in words."""
        left = []
        label = f"label=com.docker.compose.project={self.name}"
        for kind, listing, removing in (
            ("container", ("ps", "-aq"), ("rm", "-f", "-v")),
            ("volume", ("volume", "ls", "-q"), ("volume", "rm", "-f")),
            ("network", ("network", "ls", "-q"), ("network", "rm")),
        ):
            for one in _quietly(*listing, "--filter", label).split():
                _quietly(*removing, one)
            left += [
                f"{kind} {one} is still there"
                for one in _quietly(*listing, "--filter", label).split()
            ]
        # By name: an image of the same content may have names of somebody else's, and may run.
        named = ("images", "--format", "{{.Repository}}:{{.Tag}}", self.name)
        for name in _quietly(*named).split():
            _quietly("rmi", name)
        return left + [f"image {name} is still there" for name in _quietly(*named).split()]

    def _document(self) -> dict[str, Any]:
        return {
            "version": "2.4",
            "services": {name: self._section(name, member) for name, member in MEMBERS.items()},
            "volumes": {"store-data": {}},
        }

    def _section(self, name: str, member: Member) -> dict[str, Any]:
        environment = {"NAME": name}
        section: dict[str, Any] = {
            "image": self.image,
            "environment": environment,
            "ports": ["127.0.0.1::8080"],
            "volumes": [f"{self.knobs}:/knobs:ro"],
            "stop_grace_period": "10s",
            # The knobs of all lie in one folder, and are no configuration of anybody.
            "labels": {"everup.config_files": "none", **member.labels},
        }
        if member.has_check:
            section["healthcheck"] = {
                "test": ["CMD", "python3", "-S", "-E", "/service.py", "check"],
                "interval": f"{self._check_every_s:g}s",
                "timeout": "2s",
                "retries": 3,
            }
        else:
            section["labels"]["everup.probe"] = "http://:8080/health"
        if member.needs:
            environment["NEEDS"] = ",".join(member.needs)
            section["depends_on"] = list(member.needs)
        if member.memory_mib:
            section["mem_limit"] = section["memswap_limit"] = f"{member.memory_mib}m"
        if member.has_data:
            section["volumes"].append("store-data:/data")
        if member.has_scratch:
            section["tmpfs"] = ["/scratch:size=8m"]
            environment["DATA"] = "/scratch"
        return section

    def _build(self, base: str, *, is_broken: bool) -> None:
        lines = [f"FROM {base}"]
        if is_broken:
            lines += ["ENV BROKEN=1"]
        else:
            lines += ["COPY service.py /service.py", 'CMD ["python3", "-u", "/service.py"]']
        room = self.folder / "image"
        room.mkdir(exist_ok=True)
        shutil.copy(SERVICE, room / "service.py")
        (room / "Dockerfile").write_text("\n".join(lines) + "\n", encoding="utf-8")
        call(("docker", "build", "-q", "-t", self.image, str(room)), BUILD_WITHIN_S)

    def _tag(self, word: str) -> None:
        docker("tag", self.image, f"{self.name}:{word}")

    def _is_aside(self, container: str) -> bool:
        return docker("inspect", "-f", "{{.Name}}", container).startswith("/everup-aside-")


def docker(*words: str) -> str:
    """What the docker command prints.

    Raises:
        NoDocker: it failed, with what it complains of.
    """
    return call(("docker", *words))


def call(command: Sequence[str], within_s: float = CALL_WITHIN_S) -> str:
    """One command to its end.

    Raises:
        NoDocker: as for `docker`.
    """
    environment = {**os.environ, "DOCKER_BUILDKIT": os.environ.get("DOCKER_BUILDKIT", "0")}
    shown = " ".join(command[:4])
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=within_s, env=environment
        )
    except FileNotFoundError as error:
        raise NoDocker(f"{command[0]} is not installed; see docs/engine.md") from error
    except subprocess.TimeoutExpired as error:
        raise NoDocker(f"{shown} …: no answer within {within_s:g} s") from error
    if done.returncode != 0:
        raise NoDocker(f"{shown} …: {done.stderr.strip()[-300:]}")
    return done.stdout.strip()


def _quietly(*words: str) -> str:
    """For the way out, where one failure must not keep the rest."""
    try:
        return docker(*words)
    except NoDocker:
        return ""


def _compose_command() -> tuple[str, ...]:
    if _quietly("compose", "version"):
        return ("docker", "compose")
    if shutil.which("docker-compose"):
        return ("docker-compose",)
    raise NoDocker("neither `docker compose` nor docker-compose is there: install one of them")


def _base() -> str:
    held = set(docker("images", "--format", "{{.Repository}}:{{.Tag}}").split())
    for name in BASES:
        if name in held:
            return name
    try:
        call(("docker", "pull", "-q", PULLED), BUILD_WITHIN_S)
    except NoDocker as error:
        raise NoDocker(f"{error}; without a registry: scripts/engine images makes one") from error
    return PULLED
