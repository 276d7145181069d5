"""The stack of one cell, as Compose would have made it: containers by label, one network.

`web` has a published port and is whom the end user asks. What else there is depends on the fault.
`swarm_stacks` has the same as Swarm services.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.recovery.engines import Engine
from benchmarks.recovery.images import GOOD, SMALL
from benchmarks.recovery.places import PREFIX, Run, labels

COMPOSE = "com.docker.compose"
DISK_BYTES = 8 * 1024 * 1024
MAY_RESTORE_FILES = "everup.restore_files=true"
"""Its owner allows that files which a container reads are put back; else a person is asked."""
GOOD_CONFIG = json.dumps({"greeting": "hi"})


@dataclass(frozen=True, slots=True)
class Check:
    """The owner's healthcheck: `what` goes to the app's health.py; empty is none."""

    what: str = "/health"
    every_s: float = 5.0
    within_s: float = 2.0
    retries: int = 3

    def options(self) -> list[str]:
        """Of `docker run` and of `docker service create`."""
        if not self.what:
            return []
        return [
            *("--health-cmd", f"python3 -S -E /app/health.py {self.what}"),
            *("--health-interval", f"{self.every_s:g}s", "--health-timeout", f"{self.within_s:g}s"),
            *("--health-retries", str(self.retries)),
        ]


@dataclass(frozen=True, slots=True)
class Service:
    """One service. `policy` is the restart policy where the healer has one at all."""

    name: str
    environment: Mapping[str, str] = field(default_factory=dict)
    check: Check = Check()
    needs: tuple[str, ...] = ()
    policy: str = "unless-stopped"
    memory: str = ""
    has_config: bool = False
    data: str = ""  # tmpfs | volume


class Stack:
    """Made by `up`, removed by `down`."""

    def __init__(
        self, run: Run, engine: Engine, services: tuple[Service, ...], *, has_policy: bool
    ) -> None:
        self.run, self.engine, self.services, self.has_policy = run, engine, services, has_policy
        self.name = run.name()
        self.port = run.port()
        self.folder = run.folder / self.name
        (self.folder / "config").mkdir(parents=True)
        self.image = f"{PREFIX}/{self.name}:live"
        self.write_config(GOOD_CONFIG)

    def write_config(self, text: str) -> None:
        """In place: a bind mount sees it."""
        (self.folder / "config" / "config.json").write_text(text, encoding="utf-8")

    @property
    def mark(self) -> list[str]:
        """The options that make a thing this cell's."""
        return labels(self.run, self.name)

    def up(self) -> None:
        """Everything, in order of need."""
        self.engine.docker("tag", GOOD, self.image)
        self._network()
        if any(service.data == "volume" for service in self.services):
            size = ["-o", "type=tmpfs", "-o", "device=tmpfs", "-o", f"o=size={DISK_BYTES}"]
            self.engine.docker("volume", "create", *self.mark, *size, f"{self.name}_data")
            self._hold_volume()
        for service in self.services:
            self.start(service)

    def _network(self) -> None:
        self.engine.docker("network", "create", *self.mark, f"{self.name}_default")

    def _hold_volume(self) -> None:
        """Somebody else uses the same volume: it does not go empty when the service ends."""
        mount = ["-v", f"{self.name}_data:/data"]
        name = f"{self.name}-holder-1"
        self.engine.docker(
            "run", "-d", "--name", name, *self.mark, *mount, SMALL, "sleep", "1000000"
        )

    def start(self, service: Service) -> None:
        """Make and start it."""
        options = ["--name", self.container(service.name), *self.mark, *self.labels_of(service)]
        options += ["--network", f"{self.name}_default", "--network-alias", service.name]
        options += ["--restart", service.policy if self.has_policy else "no"]
        options += service.check.options()
        if service.name == "web":
            options += ["-p", f"127.0.0.1:{self.port}:8000"]
        for key, value in environment_of(service).items():
            options += ["-e", f"{key}={value}"]
        if service.has_config:
            options += ["-v", f"{self.folder / 'config'}:/config:ro"]
        if service.memory:
            options += ["--memory", service.memory, "--memory-swap", service.memory]
        if service.data == "tmpfs":
            options += ["--tmpfs", f"/data:size={DISK_BYTES}"]
        if service.data == "volume":
            options += ["-v", f"{self.name}_data:/data"]
        self.engine.docker("run", "-d", *options, self.image)

    def labels_of(self, service: Service) -> list[str]:
        needs = ",".join(f"{name}:service_started:false" for name in service.needs)
        said = {
            "project": self.name,
            "service": service.name,
            "container-number": "1",
            "oneoff": "False",
            "config-hash": hashlib.sha256(service.name.encode()).hexdigest(),
            "depends_on": needs,
            "version": "2.20.0",
        }
        found = [f"{COMPOSE}.{key}={value}" for key, value in said.items()]
        if service.has_config:
            found.append(MAY_RESTORE_FILES)
        return [part for label in found for part in ("--label", label)]

    def container(self, service: str) -> str:
        """Its name, as Compose 2 makes it."""
        return f"{self.name}-{service}-1"

    def pid(self, service: str) -> int:
        """Its main process, on this machine.

        Raises:
            EngineError: it does not run.
        """
        format_ = ("--format", "{{.State.Pid}}")
        return int(self.engine.docker("inspect", *format_, self.container(service)))

    def replace(self, service: str, image: str) -> None:
        """As its owner deploys: the tag is moved, the container is made anew."""
        self.engine.docker("tag", image, self.image)
        self.engine.docker("rm", "-f", self.container(service))
        self.start(self.of(service))

    def of(self, name: str) -> Service:
        """The service of this name."""
        return next(service for service in self.services if service.name == name)

    def stop(self, service: str) -> None:
        """Somebody's wish."""
        self.engine.docker("stop", "-t", "2", self.container(service))

    def resume(self, service: str) -> None:
        """And the other one."""
        self.engine.docker("start", self.container(service))

    def pause(self, service: str) -> None:
        """A wish too."""
        self.engine.docker("pause", self.container(service))

    def is_ready(self) -> bool:
        """Nobody who has a check is still starting, or unwell."""
        shown = self.engine.tried(
            "ps", "--filter", f"label={self.mark[3]}", "--format", "{{.Status}}"
        ).splitlines()
        return bool(shown) and not any("starting" in s or "unhealthy" in s for s in shown)

    def has_begun(self) -> bool:
        """Every service has a container that was started."""
        shown = self.engine.tried(
            "ps", "-a", "--filter", f"label={self.mark[3]}", "--format", "{{.Status}}"
        ).splitlines()
        return sum(status.startswith(("Up", "Exited")) for status in shown) >= len(self.services)

    def down(self) -> None:
        """Everything of it goes."""
        for found in self.engine.tried("ps", "-aq", "--filter", f"label={self.mark[3]}").split():
            self.engine.tried("rm", "-fv", found)
        self.engine.tried("network", "rm", f"{self.name}_default")
        self.engine.tried("volume", "rm", f"{self.name}_data")
        self.engine.tried("rmi", self.image)


def environment_of(service: Service) -> dict[str, str]:
    found = dict(service.environment)
    if service.needs:
        found["BACKENDS"] = ",".join(service.needs)
    if service.has_config:
        found["CONFIG"] = "/config/config.json"
    if service.data:
        found["DATA"] = "/data"
    return found
