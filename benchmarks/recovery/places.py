"""What a run owns on this machine: its folder, its ports, its mark on processes, and its end.

Every container, network, volume and image of a run carries LABEL, every process of it MARK in its
environment. `clean` removes what this run made; `clean_orphans` what runs left that were killed.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from benchmarks.recovery.engines import Engine

LABEL = "recovery.bench"
MARK = "EVERUP_BENCH_RUN"
PREFIX = "everup-bench"
FIRST_PORT, END_PORT = 31_008, 32_700  # above those of the tests, below those of the kernel
KINDS = {
    "container": (("ps", "-aq"), ("rm", "-fv")),
    "network": (("network", "ls", "-q"), ("network", "rm")),
    "volume": (("volume", "ls", "-q"), ("volume", "rm")),
}


class Stopped(Exception):
    """Somebody pressed Ctrl-C."""


class Run:
    """One run of the benchmark."""

    def __init__(self) -> None:
        self.mark = f"{os.getpid()}.{int(psutil.Process().create_time())}"
        self.word = secrets.token_hex(2)
        self.token = f"{self.mark}.{self.word}"
        self.folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}-{self.mark}."))
        os.environ[MARK] = self.mark
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._ports: set[int] = set()
        self._count = 0

    def name(self) -> str:
        """A project's name that nobody else has."""
        with self._lock:
            self._count += 1
            return f"{PREFIX}-{self.word}-{self._count}"

    def port(self) -> int:
        """A loopback port that this run has not given before, and nobody listens on."""
        with self._lock:
            while True:
                port = random.randrange(FIRST_PORT, END_PORT)
                if port not in self._ports and _is_free(port):
                    self._ports.add(port)
                    return port

    def wait(self, seconds: float) -> None:
        """Sleep.

        Raises:
            Stopped: the run is to end.
        """
        if self.stopping.wait(max(0.0, seconds)):
            raise Stopped

    def close(self) -> None:
        """Everything of this run goes."""
        clean(Engine(), f"{LABEL}={self.token}")
        end_processes({self.mark}, but=os.getpid())
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_free(port: int) -> bool:
    with socket.socket() as door:
        try:
            door.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def labels(run: Run, cell: str) -> list[str]:
    """The options of `docker` that mark a thing as this cell's."""
    return ["--label", f"{LABEL}={run.token}", "--label", f"{LABEL}.cell={cell}"]


def clean(engine: Engine, label: str) -> int:
    """Remove whatever carries the label; how many that were."""
    removed = 0
    for listing, removing in KINDS.values():
        for found in engine.tried(*listing, "--filter", f"label={label}").split():
            engine.tried(*removing, found)
            removed += 1
    return removed


def spawn(
    command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """A process of its own session, so that Ctrl-C is for us to pass on."""
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            env={**os.environ, **(environment or {})},
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def end(process: subprocess.Popen[bytes], within_s: float = 15.0) -> None:
    """Politely, then not."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def end_processes(marks: set[str], but: int) -> int:
    """End whoever carries one of the marks; how many that were."""
    ended = 0
    for process in psutil.process_iter():
        try:
            if process.pid != but and process.environ().get(MARK) in marks:
                process.kill()
                ended += 1
        except psutil.Error:
            continue
    return ended


def clean_orphans() -> str:
    """What killed runs left: processes, containers and folders whose run is no more."""
    marks: set[str] = set()
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(MARK, "")
        except psutil.Error:
            continue
        if mark and not _lives(mark):
            marks.add(mark)
    ended = end_processes(marks, os.getpid())
    time.sleep(0.5 if ended else 0.0)
    removed = 0
    shown = f'{{{{.Label "{LABEL}"}}}}'
    for listing, _ in KINDS.values():
        words = [word for word in listing if word not in ("-q", "-aq")]
        every = ["-a"] if words[0] == "ps" else []
        told = Engine().tried(*words, *every, "--filter", f"label={LABEL}", "--format", shown)
        for token in {token for token in told.split() if not _lives(token)}:
            removed += clean(Engine(), f"{LABEL}={token}")
    for found in set(Engine().tried("images", "-q", "--filter", f"label={LABEL}=image").split()):
        Engine().tried("rmi", found)  # what a run uses stays
    folders = 0
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}-*"):
        if _lives(folder.name.removeprefix(f"{PREFIX}-")):
            continue
        for line in Path("/proc/mounts").read_text().splitlines():
            if (where := line.split()[1]).startswith(f"{folder}/"):
                subprocess.run(["umount", "-l", where], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
        folders += 1
    return f"ended {ended} processes, removed {removed} things of the engine, {folders} folders"


def _lives(mark: str) -> bool:
    pid, began, *_ = [*mark.split("."), "", ""]
    try:
        return abs(int(psutil.Process(int(pid)).create_time()) - int(began)) <= 1
    except (psutil.Error, ValueError):
        return False
