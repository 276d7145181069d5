"""The demo's own copy of everything: a folder, the reference stack in it, and Everup over both.

In: the pace. Out: a running Everup whose port is known, and on `close` nothing at all: services
stopped through `everup down`, whoever is left by pid, the folder removed. Called by `main`; faults
and story are left to the chapters.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

from everup.demo import faults
from everup.demo.begun import KILL_MOST_S, WANTED_PORT, Begun, free_port
from everup.demo.stack import control
from everup.demo.stack.prepare import Mode, remove_stack, write_stack

ASKED_FIRST: dict[str, Mode] = {"coordination-service": "approve"}
"""Whose owner wants to be asked before anything is done."""


class Lab:
    """One folder, one stack, one Everup. Implements `chapters.stage.Lab`."""

    opening = "Everup watches over twelve services; PostgreSQL and Redis are real ones."
    store = "redis"
    spare = "ollama"
    """A service that one may stop to see what comes of it."""

    def __init__(self, time_scale: float) -> None:
        self.time_scale = time_scale
        self.port = free_port(WANTED_PORT)
        self.folder = Path(tempfile.mkdtemp(prefix="everup-demo-"))
        # PostgreSQL may run as another user, who must be able to pass through, not to list.
        self.folder.chmod(0o711)
        self.log = self.folder / "everup.log"
        self.file = self.folder / "everup.yaml"
        self.services: dict[str, Any] = {}
        self._begun = Begun(self.folder, self.log)

    @property
    def pid(self) -> int:
        """Everup's own pid."""
        return self._begun.pid

    def prepare(self) -> None:
        """Writes the stack. Raises `Missing` where a real server is not installed."""
        self.file = write_stack(
            self.folder,
            time_scale=self.time_scale,
            mode="auto",
            listen=f"127.0.0.1:{self.port}",
            modes=ASKED_FIRST,
        )
        self.services = yaml.safe_load(self.file.read_text(encoding="utf-8"))["services"]

    def start(self) -> None:
        """Starts Everup, which starts the services."""
        self._begun.start("up", "-f", str(self.file))

    def has_died(self) -> bool:
        """Everup has ended without being told to."""
        return self._begun.has_died()

    def last_words(self) -> str:
        """The end of Everup's log."""
        return self._begun.last_words()

    def how_to_end(self, everup: str) -> str:
        """What to type when all was left running."""
        return f"{everup} down -f {self.file} && rm -r {self.folder}"

    def port_of(self, service: str) -> int:
        """Where the first instance of the service listens."""
        return int(self.services[service]["port"])

    def crash(self, service: str) -> int:
        """SIGKILL; see `chapters.stage.Lab`."""
        pid = self._pid_of(service)
        faults.crash(pid)
        return pid

    def hang(self, service: str) -> int:
        """SIGSTOP."""
        pid = self._pid_of(service)
        faults.hang(pid)
        return pid

    def unhang(self, service: str, pid: int) -> None:
        """SIGCONT."""
        faults.unhang(pid)

    def turn(self, service: str, **knobs: Any) -> None:
        """Knobs of the living process."""
        control.turn(self.port_of(service), **knobs)

    def keep_broken(self, service: str, **knobs: Any) -> None:
        """Knobs of every new process."""
        control.keep_broken(self.folder, service, **knobs)

    def mend(self, service: str) -> None:
        """No more of that."""
        control.mend(self.folder, service)

    def _pid_of(self, service: str) -> int:
        return faults.listener(self.port_of(service))

    def close(self) -> list[str]:
        """Stops all of it and removes the folder. Returns what would not go, in words."""
        with suppress(OSError, subprocess.SubprocessError):
            if self.services:
                self._begun.run("down", "-f", str(self.file))
        self._begun.stop()
        left = _kill(self._instances())
        remove_stack(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        return [f"pid {process.pid} is still there" for process in left]

    def _instances(self) -> list[psutil.Process]:
        """Processes of this stack that are left: they listen on its ports or work in its folder."""
        ports = {int(section["port"]) for section in self.services.values()}
        found: dict[int, psutil.Process] = {}
        for pid in faults.listeners(ports):
            with suppress(psutil.NoSuchProcess):
                found[pid] = psutil.Process(pid)
        for process in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if Path(process.cwd()).is_relative_to(self.folder):
                    found[process.pid] = process
        found.pop(os.getpid(), None)
        return list(found.values())


def _kill(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Ends them, the hard way after a while; returns who is left."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
            process.resume()
    _, left = psutil.wait_procs(processes, timeout=KILL_MOST_S / 2)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _, left = psutil.wait_procs(left, timeout=KILL_MOST_S / 2)
    return left
