"""The demo's own copy of everything: a folder, the reference stack in it, and Everup over both.

In: the pace. Out: a running Everup whose port is known, and on `close` nothing at all: services
stopped through `everup down`, whoever is left by pid, the folder removed. Called by `main`; faults
and story are left to the chapters.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import yaml

import everup
from everup.demo import faults
from everup.demo.stack import control
from everup.demo.stack.prepare import Mode, remove_stack, write_stack

WANTED_PORT = 8010
STOP_MOST_S = 60.0
KILL_MOST_S = 10.0
LOG_TAIL_LINES = 15
ASKED_FIRST: dict[str, Mode] = {"coordination-service": "approve"}
"""Whose owner wants to be asked before anything is done."""
FOREIGN = ("EVERUP_", "HEALTH_SCORE_", "DATABASE_URL", "REDIS_URL", "PROMETHEUS_URL")
"""Settings in the caller's environment that are meant for another Everup than the demo's."""


class Lab:
    """One folder, one stack, one Everup. `open` before use, `close` at the end."""

    def __init__(self, time_scale: float) -> None:
        self.time_scale = time_scale
        self.port = free_port(WANTED_PORT)
        self.folder = Path(tempfile.mkdtemp(prefix="everup-demo-"))
        # PostgreSQL may run as another user, who must be able to pass through, not to list.
        self.folder.chmod(0o711)
        self.log = self.folder / "everup.log"
        self.file = self.folder / "everup.yaml"
        self.services: dict[str, Any] = {}
        self._everup: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Everup's own pid."""
        assert self._everup is not None, "the lab is not open"
        return self._everup.pid

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
        """Starts Everup, which starts the services. In a session of its own, so that Ctrl-C in the
        terminal reaches only the demo, which then cleans up in order."""
        with self.log.open("ab") as log:
            self._everup = subprocess.Popen(
                self._command("up"),
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def has_died(self) -> bool:
        """Everup has ended without being told to."""
        return self._everup is not None and self._everup.poll() is not None

    def last_words(self) -> str:
        """The end of Everup's log."""
        with suppress(OSError):
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            return "\n".join(lines[-LOG_TAIL_LINES:])
        return ""

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
                self._run("down")
        self._stop_everup()
        left = _kill(self._instances())
        remove_stack(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        return [f"pid {process.pid} is still there" for process in left]

    def _run(self, verb: str) -> None:
        with self.log.open("ab") as log:
            subprocess.run(
                self._command(verb),
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=STOP_MOST_S,
                check=False,
            )

    def _command(self, verb: str) -> list[str]:
        return [sys.executable, "-m", "everup.cli", verb, "-f", str(self.file)]

    def _stop_everup(self) -> None:
        if self._everup is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._everup.poll() is None:
                self._everup.send_signal(number)
            try:
                self._everup.wait(KILL_MOST_S)
                return
            except subprocess.TimeoutExpired:
                continue

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


def free_port(wanted: int) -> int:
    """The wanted loopback port, or another that nobody has."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise OSError("this host has no free loopback port")


def _environment() -> dict[str, str]:
    """Ours, without the settings that are meant for another Everup."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    # The child works in another folder, where a relative path to this package would not hold.
    here = str(Path(everup.__file__).resolve().parent.parent)
    return {**own, "PYTHONPATH": os.pathsep.join(filter(None, (here, own.get("PYTHONPATH"))))}


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
