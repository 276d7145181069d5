"""An engine of a test's own, which may be stopped, hung and killed, in a network of its own.

Its containers have no network. Everything of it lies in one folder and ends with the test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from everup.runtimes.docker.containers import NUMBER, PROJECT, SERVICE
from tests.docker_engine import BUSYBOX, call

READY_WITHIN_S = 30.0
CONTAINERD_DIES_WITHIN_S = 10.0


class OwnEngine:
    """`start` it first; `close` it whatever happened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """For DOCKER_HOST."""
        return f"unix://{self.socket}"

    def docker(self, *arguments: str) -> str:
        """The client, asking this engine."""
        return call("-H", self.address, *arguments)

    def start(self) -> None:
        """Begin the daemon, and wait until it answers."""
        assert shutil.which("dockerd"), "no dockerd: scripts/engine start installs one"
        log = (self.folder / "dockerd.log").open("ab")
        self._process = subprocess.Popen(
            [
                *("unshare", "--net"),  # in the common one it would take the bridge away
                *("dockerd", "--host", self.address, "--pidfile", str(self.folder / "pid")),
                *("--data-root", str(self.folder / "data")),
                *("--exec-root", str(self.folder / "exec")),
                *("--bridge", "none", "--iptables=false", "--ip-masq=false"),
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        deadline_s = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                self.docker("version")
                return
            except AssertionError:
                text = (self.folder / "dockerd.log").read_text()[-2000:]
                assert self._process.poll() is None, f"dockerd ended: {text}"
                assert time.monotonic() < deadline_s, f"dockerd does not answer: {text}"
                time.sleep(0.2)

    def take_image(self) -> None:
        """The small image, from the common engine."""
        file = self.folder / "image.tar"
        call("save", "-o", str(file), BUSYBOX)
        self.docker("load", "-i", str(file))

    def run(self, project: str, service: str, script: str, *options: str) -> str:
        """A container as Compose would label it; its name."""
        name = f"{project}_{service}_1"
        labels = [f"{PROJECT}={project}", f"{SERVICE}={service}", f"{NUMBER}=1"]
        marks = [part for label in labels for part in ("--label", label)]
        chosen = ["run", "-d", "--name", name, "--network", "none", *marks, *options]
        self.docker(*chosen, BUSYBOX, "sh", "-c", script)
        return name

    def signal(self, number: signal.Signals) -> None:
        """To the daemon."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def stop(self) -> None:
        """An orderly end of the daemon, which ends its containers."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(30)
        self._process = None

    def close(self) -> None:
        """Everything of it ends."""
        if self._process is None or self._process.poll() is not None:
            return
        self.signal(signal.SIGCONT)
        try:
            ids = self.docker("ps", "-aq").split()
            if ids:
                self.docker("rm", "-f", *ids)
        finally:
            self.stop()
