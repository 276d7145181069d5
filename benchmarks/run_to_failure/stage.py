"""The stack of a round: the reference stack, those of its services that
work only when they are asked in as many copies as there are cases, and Everup.

Each service is asked at `/ping`, which asks nobody else, so that one case is not felt in another.
Where a disk fills, the working folder is a file system of its own, in memory and 24 MiB large.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.run_to_failure.cases import Case, Kind
from everup.demo.begun import Begun, free_port
from everup.demo.faults import listeners
from everup.demo.stack.ports import SPAN, free_base_port
from everup.demo.stack.prepare import Mode, remove_stack, write_stack
from everup.demo.stack.topology import BY_NAME, PORTS_PER_SERVICE, base_ports

COPIES = ("", *(f"-{which}" for which in "bcdefghi"))
REAL = ("postgres", "redis")
NOT_COPIED = (*REAL, "worker", "coordination-service")
"""Real servers, and whoever works unasked or asks many: nine of those would be a load."""
PROGRAMS = tuple(name for name in BY_NAME if name not in NOT_COPIED)
SLOTS = tuple(f"{name}{which}" for which in COPIES for name in PROGRAMS)
DISK_BYTES = 24 << 20
FILES_MOST = 256
CONNECTIONS_MOST = 60
QUEUE_MOST = 32
ACCEPT_MS = 10.0
TIMEOUT_S = 0.5
"""Of a check and of a user: no network answers faster because time is compressed, so this stands in
a proportion to the interval that is possible, and is not scaled."""
KNOBS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.DISK: {"scratch": True},
    Kind.CONNECTIONS: {"connections_most": CONNECTIONS_MOST},
    Kind.QUEUE: {"accept_ms": ACCEPT_MS},
}


class Stage:
    """One folder, one stack, one Everup in it. `factor`: how many times as fast as it would be."""

    def __init__(self, cases: Mapping[str, Case], factor: float, mode: Mode) -> None:
        self.cases, self.factor, self.mode = cases, factor, mode
        self.port = free_port(0)
        self.folder = Path(tempfile.mkdtemp(prefix="everup-rtf-"))
        self.folder.chmod(0o711)
        self.file = self.folder / "everup.yaml"
        self.sections: dict[str, Any] = {}
        self._begun = Begun(self.folder, self.folder / "everup.log")
        self._mounted: list[Path] = []
        self._has_stopped = False

    def prepare(self) -> None:
        """Writes the stack. Raises `Missing` where a real server is not installed."""
        write_stack(
            self.folder,
            time_scale=1.0 / self.factor,
            mode=self.mode,
            listen=f"127.0.0.1:{self.port}",
        )
        document = yaml.safe_load(self.file.read_text(encoding="utf-8"))
        declared = document["services"]
        taken = {section["port"] for section in declared.values()}
        for which in COPIES[1:]:
            here = [name for name in PROGRAMS if f"{name}{which}" in self.cases]
            ports = _ports_beside(taken) if here else {}
            for name in here:
                twin = copy.deepcopy(declared[name])
                twin["port"] = ports[name]
                declared[f"{name}{which}"] = twin
        for slot, section in declared.items():
            if slot not in REAL:
                self._shape(slot, section, self.cases.get(slot))
        self.file.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
        self.sections = declared

    def _shape(self, slot: str, section: dict[str, Any], case: Case | None) -> None:
        """What this service's case needs."""
        section["probe"] = {
            "http": "http://127.0.0.1:{port}/ping",
            "interval_s": 5,
            "timeout_s": TIMEOUT_S,
        }
        section["start_period_s"] *= self.factor  # nor does a program start faster
        words = " ".join(section["command"])
        section["command"] = ["/bin/sh", "-c", f"ulimit -n {FILES_MOST}; exec {words}"]
        folder = self.folder / "work" / slot
        folder.mkdir(parents=True)
        section["directory"] = str(folder)
        if "DATA_DIR" in section["env"]:
            section["env"]["DATA_DIR"] = str(folder)
        if case is None:
            return
        if case.seed % 2 == 0:  # half of the owners let a prediction restart their only instance
            section["quiet_hours"] = {"from": "00:00", "to": "23:59"}
        if case.kind is Kind.DISK:
            self._mount(folder)
        if case.kind is Kind.CONNECTIONS:
            section["limits"]["connections"] = CONNECTIONS_MOST
        if case.kind in KNOBS:
            section["env"]["EVERUP_KNOBS"] = json.dumps(KNOBS[case.kind])

    def _mount(self, folder: Path) -> None:
        size = f"size={DISK_BYTES},mode=777"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "everup-rtf", str(folder)], check=True)
        self._mounted.append(folder)

    def start(self) -> None:
        """Starts Everup, which starts the services."""
        self._begun.start("up", "-f", str(self.file))

    def has_died(self) -> bool:
        """Everup has ended without being told to."""
        return self._begun.has_died()

    def last_words(self) -> str:
        """The end of Everup's log."""
        return self._begun.last_words()

    def port_of(self, service: str) -> int:
        """Where its instance listens."""
        return int(self.sections[service]["port"])

    def memory_limit_mib(self, service: str) -> int:
        """As it is declared."""
        return int(str(self.sections[service]["limits"]["memory"]).removesuffix("MiB"))

    @property
    def state(self) -> Path:
        """Everup's state folder, history and journal in it."""
        return self.folder / ".everup"

    def stop(self) -> None:
        """Services and Everup have ended; what was written stays."""
        if self._has_stopped:
            return
        self._has_stopped = True
        with suppress(OSError, subprocess.SubprocessError):
            self._begun.run("down", "-f", str(self.file))
        self._begun.stop()
        for pid in listeners({int(section["port"]) for section in self.sections.values()}):
            with suppress(psutil.Error):
                if Path(psutil.Process(pid).cwd()).is_relative_to(self.folder):
                    psutil.Process(pid).kill()

    def remove(self) -> None:
        """Nothing is left of it."""
        for folder in self._mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)
        self._mounted.clear()
        remove_stack(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)


def can_mount() -> bool:
    """May file systems be mounted here? Where not, cases of disks are left out."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "everup-rtf", folder], capture_output=True, check=False
        )
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=False)
        return done.returncode == 0


def _ports_beside(taken: set[int]) -> dict[str, int]:
    """Ports of one more stack, away from those."""
    while True:
        base = free_base_port()
        if not any(base - PORTS_PER_SERVICE < port < base + SPAN for port in taken):
            ports = base_ports(base)
            taken |= set(ports.values())
            return ports
