"""The same stacks as one-replica Swarm services, on an engine of their own in Swarm mode.

Host-mode ports and DNS round robin, since neither asks for more of the kernel than there is. A
task that ends is begun anew after 1 s, a bad update is rolled back: what a careful owner declares.
"""

from __future__ import annotations

import time

from benchmarks.recovery.engines import EngineError
from benchmarks.recovery.stacks import DISK_BYTES, Service, Stack, environment_of

POLICIES = {"no": "none", "on-failure": "on-failure"}
GONE_WITHIN_S = 30.0
SERVICE = "com.docker.swarm.service.name"


class SwarmStack(Stack):
    """As `Stack`, for Swarm."""

    def _network(self) -> None:
        options = ["-d", "overlay", "--attachable", *self.mark]
        self.engine.docker("network", "create", *options, f"{self.name}_default")

    def start(self, service: Service) -> None:
        options = ["-d", "--name", f"{self.name}_{service.name}", "--no-resolve-image"]
        for label in (*self.mark[1::2], f"com.docker.compose.service={service.name}"):
            options += ["--container-label", label, "--label", label]
        options += ["--network", f"name={self.name}_default,alias={service.name}"]
        options += ["--endpoint-mode", "dnsrr"]
        options += ["--restart-condition", POLICIES.get(service.policy, "any")]
        options += ["--restart-delay", "1s", "--stop-grace-period", "10s"]
        options += ["--update-failure-action", "rollback", "--update-monitor", "25s"]
        options += ["--update-order", "stop-first", *service.check.options()]
        if service.name == "web":
            options += ["--publish", f"mode=host,published={self.port},target=8000"]
        for key, value in environment_of(service).items():
            options += ["-e", f"{key}={value}"]
        if service.has_config:
            options += ["--mount", f"type=bind,src={self.folder / 'config'},dst=/config,readonly"]
        if service.memory:
            options += ["--limit-memory", service.memory]
        if service.data == "tmpfs":
            options += ["--mount", f"type=tmpfs,dst=/data,tmpfs-size={DISK_BYTES}"]
        if service.data == "volume":
            options += ["--mount", f"type=volume,src={self.name}_data,dst=/data"]
        self.engine.docker("service", "create", *options, self.image)

    def container(self, service: str) -> str:
        """The id of its running task's container."""
        name = f"label={SERVICE}={self.name}_{service}"
        found = self.engine.docker("ps", "-aq", "--latest", "--filter", name).split()
        if not found:
            raise EngineError(f"no task of {service} runs")
        return found[0]

    def replace(self, service: str, image: str) -> None:
        """An update of the service to another image; it is done when the new task has begun, so
        that what the owner did is not counted as somebody's act."""
        before = self.container(service)
        self.engine.docker("tag", image, f"{self.image}-next")
        options = ["-d", "--no-resolve-image", "--image", f"{self.image}-next"]
        self.engine.docker("service", "update", *options, f"{self.name}_{service}")
        deadline_s = time.monotonic() + GONE_WITHIN_S
        while time.monotonic() < deadline_s:
            name = f"label={SERVICE}={self.name}_{service}"
            running = self.engine.tried("ps", "-q", "--filter", name).split()
            if running and running != [before]:
                return
            time.sleep(0.2)

    def down(self) -> None:
        for service in self.services:
            self.engine.tried("service", "rm", f"{self.name}_{service.name}")
        deadline_s = time.monotonic() + GONE_WITHIN_S
        label = f"label={self.mark[3]}"
        while self.engine.tried("ps", "-q", "--filter", label) and time.monotonic() < deadline_s:
            time.sleep(0.5)
        super().down()
        self.engine.tried("rmi", f"{self.image}-next")
