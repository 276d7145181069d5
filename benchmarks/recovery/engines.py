"""The engines that the cells run on: the common one, and throw-away ones in networks of their own.

Swarm mode and a restart of the engine are not for an engine that others use. An own engine has its
own network namespace, so that its bridges, rules and ports meet nobody's; whoever wants to ask a
service there enters that network for one thread.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
COMMON_ADDRESS = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
ANSWERS_WITHIN_S = 60.0
READY_WITHIN_S = 40.0
ENDS_WITHIN_S = 60.0
CLONE_NEWNET = 0x40000000


class EngineError(Exception):
    """The engine or its client said no; the text is its complaint."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Where to ask. `network_pid`: a process in the network of its containers' ports."""

    address: str = COMMON_ADDRESS
    network_pid: int | None = None

    def docker(self, *arguments: str, timeout_s: float = ANSWERS_WITHIN_S) -> str:
        """One command of the client.

        Raises:
            EngineError: it failed, or did not answer in time.
        """
        command = ["docker", "-H", self.address, *arguments]
        environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=timeout_s
            )
        except subprocess.TimeoutExpired:
            raise EngineError(f"{arguments}: no answer in {timeout_s:g} s") from None
        if done.returncode:
            raise EngineError(f"docker {' '.join(arguments)}: {done.stderr.strip()[-400:]}")
        return done.stdout.strip()

    def tried(self, *arguments: str) -> str:
        """The same, for tidying up: a complaint is an empty answer."""
        try:
            return self.docker(*arguments)
        except EngineError:
            return ""

    def entered(self) -> list[str]:
        """What to put before a command that shall run in the network of this engine."""
        return [] if self.network_pid is None else ["nsenter", "-t", str(self.network_pid), "--net"]

    def in_network(self, call: Callable[[], T]) -> T:
        """The call's answer, from a thread that is in the network of this engine."""
        if self.network_pid is None:
            return call()
        found: list[T] = []
        failed: list[BaseException] = []

        def inside() -> None:
            try:
                self.enter()
                found.append(call())
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                failed.append(error)

        thread = threading.Thread(target=inside, daemon=True)
        thread.start()
        thread.join(ANSWERS_WITHIN_S)
        if failed:
            raise failed[0]
        if not found:
            raise EngineError(f"no answer from the network of {self.address}")
        return found[0]

    def enter(self) -> None:
        """Take the calling thread into the network of this engine, for good."""
        if self.network_pid is None:
            return
        with Path(f"/proc/{self.network_pid}/ns/net").open("rb") as file:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "cannot enter the network of the own engine")


@dataclass(slots=True)
class OwnEngine:
    """`start` it, `close` it whatever happened. Its folder should be short: it holds sockets."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    holder: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def engine(self) -> Engine:
        """As the cells know it."""
        return Engine(f"unix://{self.folder / 'd.sock'}", self.holder.pid if self.holder else None)

    def start(self) -> None:
        """Begin network and daemon, and wait until it answers.

        Raises:
            EngineError: there is no dockerd, no right to start one, or it does not answer.
        """
        if shutil.which("dockerd") is None or os.geteuid():
            raise EngineError("an engine of our own needs dockerd and root")
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.holder is None:  # keeps the network while the daemon is away
            script = "ip link set lo up && exec sleep 100000"
            command = ["unshare", "--net", "sh", "-c", script]
            self.holder = subprocess.Popen(command, start_new_session=True)
            time.sleep(0.3)
        log = (self.folder / "dockerd.log").open("ab")
        self.process = subprocess.Popen(
            [
                *self.engine.entered(),
                *("dockerd", "--host", self.engine.address),
                *("--pidfile", str(self.folder / "pid")),
                *("--data-root", str(self.folder / "data")),
                *("--exec-root", str(self.folder / "exec")),
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        deadline_s = time.monotonic() + READY_WITHIN_S
        while not self.engine.tried("version"):
            if self.process.poll() is not None or time.monotonic() > deadline_s:
                raise EngineError((self.folder / "dockerd.log").read_text()[-1500:])
            time.sleep(0.2)

    def take(self, *images: str) -> None:
        """Images, from the common engine."""
        file = self.folder / "images.tar"
        Engine().docker("save", "-o", str(file), *images)
        self.engine.docker("load", "-i", str(file))
        file.unlink()

    def begin_swarm(self) -> None:
        """One manager, which nobody else can reach."""
        self.engine.docker("swarm", "init", "--advertise-addr", "127.0.0.1")

    def stop(self) -> None:
        """An orderly end of the daemon."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def close(self) -> None:
        """Everything of it ends and is removed."""
        engine = self.engine
        engine.tried("swarm", "leave", "--force")
        for found in engine.tried("ps", "-aq").split():
            engine.tried("rm", "-fv", found)
        self.stop()
        if self.holder is not None:
            self.holder.kill()
            self.holder.wait()
            self.holder = None
        for line in Path("/proc/mounts").read_text().splitlines():
            where = line.split()[1]
            if where.startswith(f"{self.folder}/"):
                subprocess.run(["umount", "-l", where], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
