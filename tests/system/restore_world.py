"""A small project on a real engine, a real Everup over it that can be killed, and what may go wrong
while services go back together.

Flows in: an engine (the common one, or one of the test's own). Flows out: what runs, and what the
API says of the restore. Services: `db` ← `api` ← `web`, and `worker`; each has an image of its own
in two versions, which differ by a label and a variable.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from everup.demo.client import Client, NoAnswer
from everup.runtimes.docker.containers import NUMBER, PROJECT, SERVICE
from tests.docker_engine import BUSYBOX
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
TIME_SCALE = 0.1
WITHIN_S = 150.0
STAYS = "trap 'exit 0' TERM; sleep 100000 & wait"
NEEDS = {"db": "", "api": "db", "web": "api", "worker": ""}
DEPENDS_ON = "com.docker.compose.depends_on"
OLD, NEW = "old", "new"

Call = Callable[..., str]


class RestoreWorld:
    """`close` it whatever happened. `docker`: the client's call on the engine at `address`."""

    def __init__(
        self, folder: Path, project: str, docker: Call, address: str, options: Sequence[str] = ()
    ) -> None:
        self.folder, self.project, self.docker = folder, project, docker
        self.address, self.options = address, tuple(options)
        self.port, self.web_port = free_port(), 0
        self.client = Client(self.port)
        self.images: dict[tuple[str, str], str] = {}
        self._everup: subprocess.Popen[bytes] | None = None

    # --- the project ----------------------------------------------------------------------------

    def build(self) -> None:
        """Two images for each service."""
        for service in NEEDS:
            for version in (OLD, NEW):
                tag = f"{self.project}-{service}:{version}"
                lines = f"FROM {BUSYBOX}\nLABEL of={self.project} number={service}-{version}\n"
                self.docker("build", "-q", "-t", tag, "-", text=lines)
                self.images[service, version] = tag

    def run(self, service: str, version: str) -> None:
        """As Compose would have it, in place of what is there."""
        name = f"{self.project}_{service}_1"
        with suppress(AssertionError):
            self.docker("rm", "-f", name)
        need = NEEDS[service]
        labels = {PROJECT: self.project, SERVICE: service, NUMBER: "1"}
        if need:
            labels[DEPENDS_ON] = f"{need}:service_started:false"
        marks = [part for k, v in labels.items() for part in ("--label", f"{k}={v}")]
        check = ["--health-cmd", "true", "--health-interval", "1s", "--health-retries", "3"]
        more = ["-e", f"VERSION={version}", "--restart", "unless-stopped", "--stop-timeout", "1"]
        if service == "web" and version == OLD and self.web_port:
            more += ["-p", f"127.0.0.1:{self.web_port}:8080"]
        chosen = ["run", "-d", "--name", name, *marks, *check, *more, *self.options]
        self.docker(*chosen, self.images[service, version], "sh", "-c", STAYS)

    def versions(self) -> dict[str, str]:
        """Service → what it runs from; else what is there in place of one running container."""
        found: dict[str, list[str]] = {service: [] for service in NEEDS}
        line = "{{.Names}} {{.State}}"
        mark = f"label={PROJECT}={self.project}"
        for each in self.docker("ps", "-a", "--filter", mark, "--format", line).splitlines():
            name, _, state = each.partition(" ")
            document = self.docker("inspect", "--format", "{{json .Config.Env}} {{.Name}}", name)
            version = OLD if f"VERSION={OLD}" in document else NEW
            service = name.removeprefix(f"{self.project}_").partition("_")[0]
            is_it = name == f"{self.project}_{service}_1" and state == "running"
            found.setdefault(service, []).append(version if is_it else f"{name} is {state}")
        return {s: one[0] if len(one) == 1 else f"{one}" for s, one in found.items()}

    # --- Everup ---------------------------------------------------------------------------------

    def up(self) -> None:
        """Start it; it looks for the project by itself."""
        rest = ["--project", self.project, "--mode", "auto", "--time-scale", str(TIME_SCALE)]
        rest += ["--listen", f"127.0.0.1:{self.port}", "--state-dir", str(self.folder / "state")]
        with (self.folder / "everup.log").open("ab") as log:
            self._everup = subprocess.Popen(
                [sys.executable, "-m", "everup.cli", "up", *rest],
                cwd=self.folder,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
                    "DOCKER_HOST": self.address,
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """SIGKILL, at once."""
        assert self._everup is not None
        self._everup.send_signal(signal.SIGKILL)
        self._everup.wait(10)

    def plan(self, services: Sequence[str]) -> dict[str, Any]:
        """What would be done; empty while nobody answers, or nothing is kept yet."""
        with suppress(NoAnswer):
            return dict(self.client.post(f"/restores?{_query(services)}&dry_run=true"))
        return {}

    def is_planned(self, services: Sequence[str]) -> bool:
        """Would all of them go back, and nothing stands against it?"""
        plan = self.plan(services)
        steps = {step["service"] for step in plan.get("steps", ())}
        return steps == set(services) and not plan["refusals"]

    def are_kept(self) -> bool:
        """Is what runs what each would go back to?"""
        try:
            self.client.post(f"/restores?{_query(tuple(NEEDS))}&dry_run=true")
        except NoAnswer as no:
            return str(no).count("nothing has changed") == len(NEEDS)
        return False

    def begin(self, services: Sequence[str]) -> str:
        """A person asks for it until it has begun; its id."""
        found: dict[str, Any] = {}

        def is_begun() -> bool:
            with suppress(NoAnswer):
                found.update(self.client.post(f"/restores?{_query(services)}&by=test"))
            return bool(found.get("restore_id"))

        self.until(is_begun, "it begins")
        return str(found["restore_id"])

    def restore(self, restore_id: str) -> dict[str, Any]:
        """As the API tells it; empty while nobody answers."""
        with suppress(NoAnswer):
            return dict(self.client.get(f"/restores/{restore_id}"))
        return {}

    def until(self, is_so: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
        """Wait for it, or fail with what Everup said last."""
        ends_s = time.monotonic() + within_s
        while not is_so():
            if time.monotonic() > ends_s:
                log = (self.folder / "everup.log").read_text(errors="replace")[-4000:]
                raise AssertionError(f"not within {within_s:g} s: {what}\n{log}")
            time.sleep(0.2)

    def close(self) -> None:
        """Nothing of it is left on the engine."""
        if self._everup is not None and self._everup.poll() is None:
            with suppress(NoAnswer):
                self.client.post("/release")
            self.kill()
        self.client.close()
        mark = f"label={PROJECT}={self.project}"
        if ids := self.docker("ps", "-aq", "--filter", mark).split():
            self.docker("rm", "-f", *ids)
        of_us = f"label=of={self.project}"
        for image in set(self.docker("images", "-q", "--no-trunc", "--filter", of_us).split()):
            with suppress(AssertionError):
                self.docker("rmi", "-f", image)


def _query(services: Sequence[str]) -> str:
    return "&".join(f"services={service}" for service in services)
