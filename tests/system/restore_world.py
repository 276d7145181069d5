"""A small project on a real engine, a real Everup over it that can be killed, and what may go wrong
while services go back together.

Flows in: an engine (the common one, or one of the test's own). Flows out: what runs, and what the
API says of the restore. Services: `db` ← `api` ← `web`, and `worker`; each has an image of its own
in two versions, which differ by a label and a variable.
"""

from __future__ import annotations

import asyncio
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
from everup.journal import open_journal
from everup.model.entries import Entry
from everup.runtimes.docker.containers import NUMBER, PROJECT, SERVICE
from tests.contract.process_lab import WallClock
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
        self.next_lives: list[Sequence[str]] = []
        """How those that come after one that has died will die; afterwards they live."""
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

    def run(self, service: str, version: str, *, is_well: bool = True) -> None:
        """As Compose would have it, in place of what is there."""
        name = f"{self.project}_{service}_1"
        with suppress(AssertionError):
            self.docker("rm", "-f", name)
        need = NEEDS[service]
        labels = {PROJECT: self.project, SERVICE: service, NUMBER: "1"}
        if need:
            labels[DEPENDS_ON] = f"{need}:service_started:false"
        marks = [part for k, v in labels.items() for part in ("--label", f"{k}={v}")]
        answer = "true" if is_well else "false"
        check = ["--health-cmd", answer, "--health-interval", "1s", "--health-retries", "3"]
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
            document = ""
            with suppress(AssertionError):  # it may be gone by now
                document = self.docker("inspect", "--format", "{{json .Config.Env}}", name)
            version = OLD if f"VERSION={OLD}" in document else NEW
            service = name.removeprefix(f"{self.project}_").partition("_")[0]
            is_it = name == f"{self.project}_{service}_1" and state == "running"
            found.setdefault(service, []).append(version if is_it else f"{name} is {state}")
        return {s: one[0] if len(one) == 1 else f"{one}" for s, one in found.items()}

    # --- Everup ---------------------------------------------------------------------------------

    def up(self, dies: Sequence[str] = ()) -> None:
        """Start it; it looks for the project by itself. `dies`: number and moment of the effect of
        a way back that it does not outlive (`killed_in_restore`)."""
        module = ["everup.cli"]
        if dies:
            module = ["tests.system.killed_in_restore", *dies, str(self.folder / "died")]
        rest = ["--project", self.project, "--mode", "auto", "--time-scale", str(TIME_SCALE)]
        rest += ["--listen", f"127.0.0.1:{self.port}", "--state-dir", str(self.folder / "state")]
        with (self.folder / "everup.log").open("ab") as log:
            self._everup = subprocess.Popen(
                [sys.executable, "-m", *module, "up", *rest],
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

    def died(self) -> bool:
        """Has it ended by itself?"""
        return self._everup is not None and self._everup.poll() is not None

    def take(self) -> str:
        """A snapshot by hand; its id."""
        found: dict[str, Any] = {}

        def is_taken() -> bool:
            with suppress(NoAnswer):
                found.update(self.client.post("/snapshots?by=test&wait=4"))
            return bool(found.get("id"))

        self.until(is_taken, "a snapshot is taken")
        return str(found["id"])

    def plan(self, services: Sequence[str], snapshot: str = "") -> dict[str, Any]:
        """What would be done; empty while nobody answers, or nothing is kept yet."""
        with suppress(NoAnswer):
            return dict(self.client.post(f"{_path(snapshot)}?{_query(services)}&dry_run=true"))
        return {}

    def is_planned(self, services: Sequence[str], snapshot: str = "") -> bool:
        """Would all of them go back, and nothing stands against it?"""
        plan = self.plan(services, snapshot)
        steps = {step["service"] for step in plan.get("steps", ())}
        return steps == set(services) and not plan["refusals"]

    def are_kept(self) -> bool:
        """Is what runs what each would go back to?"""
        try:
            self.client.post(f"/restores?{_query(tuple(NEEDS))}&dry_run=true")
        except NoAnswer as no:
            return str(no).count("nothing has changed") == len(NEEDS)
        return False

    def begin(self, services: Sequence[str], snapshot: str = "") -> str:
        """A person asks for it until it has begun; its id. The answer may be lost: then it is among
        those that there are."""

        found: list[str] = []

        def is_begun() -> bool:
            with suppress(NoAnswer):
                self.client.post(f"{_path(snapshot)}?{_query(services)}&by=test")
            with suppress(NoAnswer):
                found.extend(one["id"] for one in self.client.get("/restores")["restores"])
            return bool(found)

        self.until(is_begun, "it begins")
        return found[0]

    def roll_back(self, service: str) -> None:
        """A person asks for it until it has begun."""

        def is_begun() -> bool:
            if not self.rollbacks(service):
                with suppress(NoAnswer):
                    self.client.post(f"/rollback/manual/{service}?by=test")
            return bool(self.rollbacks(service))

        self.until(is_begun, "it begins")

    def rollbacks(self, service: str) -> list[dict[str, Any]]:
        """Newest first; none while nobody answers."""
        with suppress(NoAnswer):
            found = self.client.get(f"/actions?service={service}")["actions"]
            return [one for one in found if one["kind"] == "emergency_rollback"]
        return []

    def restore(self, restore_id: str) -> dict[str, Any]:
        """As the API tells it; empty while nobody answers."""
        with suppress(NoAnswer):
            return dict(self.client.get(f"/restores/{restore_id}"))
        return {}

    def entries(self) -> list[Entry]:
        """All of the journal, its chain proven whole; nobody may be writing it."""

        async def read() -> list[Entry]:
            path = self.folder / "state" / "journal.sqlite3"
            journal = open_journal(f"sqlite:///{path}", clock=WallClock())
            await journal.open(self.project, "test")
            try:
                assert await journal.verify_chain() == ""
                return [entry for _, _, entry in await journal.entries(limit=100_000)]
            finally:
                await journal.close()

        return asyncio.run(read())

    def until(self, is_so: Callable[[], object], what: str, within_s: float = WITHIN_S) -> None:
        """Wait for it, or fail with what Everup said last. One that has died is started again."""
        ends_s = time.monotonic() + within_s
        while not is_so():
            if self.died():
                self.up(self.next_lives.pop(0) if self.next_lives else ())
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


def _path(snapshot: str) -> str:
    return f"/snapshots/{snapshot}/restore" if snapshot else "/restores"


def _query(services: Sequence[str]) -> str:
    return "&".join(f"services={service}" for service in services)
