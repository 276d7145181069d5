"""The demo's Compose project and an Everup over it, which finds it by itself.

In: the pace. Out: a running Everup whose port is known, and on `close` nothing at all: Everup ends
and gives back what it holds, the project is removed with its image, and the folder. Implements
`chapters.stage.Lab`; called by `main` and by the chapters of containers.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from everup.demo import faults
from everup.demo.begun import WANTED_PORT, Begun, free_port
from everup.demo.containers.project import Project, docker
from everup.demo.stack import control

CHECK_EVERY_TRUE_S = 5.0
CHECK_EVERY_LEAST_S = 2.0
"""Each check starts a process in its container, which small hosts feel."""
KILL = "everup-demo-kill"


class ContainerLab:
    """One folder, one project, one Everup."""

    opening = (
        "Everup watches over a Compose project of eight services, of which nobody told it anything."
    )
    store, spare = "store", "webui"

    def __init__(self, time_scale: float) -> None:
        self.time_scale = time_scale
        self.port = free_port(WANTED_PORT)
        self.folder = Path(tempfile.mkdtemp(prefix="everup-demo-"))
        self.log = self.folder / "everup.log"
        check_every_s = max(CHECK_EVERY_TRUE_S * time_scale, CHECK_EVERY_LEAST_S)
        self.project = Project(self.folder, f"everup-demo-{secrets.token_hex(3)}", check_every_s)
        self._begun = Begun(self.folder, self.log)

    @property
    def pid(self) -> int:
        """Everup's own."""
        return self._begun.pid

    def prepare(self) -> None:
        """Makes the project. Raises `NoDocker` where that cannot be."""
        self.folder.chmod(0o755)  # its knobs are mounted, and read by whoever the container is
        self.project.open()
        self.port = free_port(self.port)  # that took its time, and somebody may have it now

    def start(self, mode: str = "auto") -> None:
        """Starts Everup over the project; without a file."""
        state = str(self.folder / "state")
        listen = f"127.0.0.1:{self.port}"
        scale = f"{self.time_scale:g}"
        self._begun.start(
            "up", "--project", self.project.name, "--mode", mode, "--time-scale", scale,
            "--listen", listen, "--state-dir", state,
        )  # fmt: skip

    def start_again(self, mode: str) -> None:
        """Ends Everup and starts it in another mode; the containers live on."""
        self._begun.stop()
        self.start(mode)

    def has_died(self) -> bool:
        """Everup has ended without being told to."""
        return self._begun.has_died()

    def last_words(self) -> str:
        """The end of Everup's log."""
        return self._begun.last_words()

    def how_to_end(self, everup: str) -> str:
        """What to type when all was left running."""
        ours = f"$(docker ps -aq --filter label=com.docker.compose.project={self.project.name})"
        return f"kill {self.pid}; docker rm -fv {ours}; rm -r {self.folder}"

    def crash(self, service: str) -> int:
        """SIGKILL to its main process, past the engine; see `chapters.stage.Lab`."""
        return self._signal(service, "KILL")

    def hang(self, service: str) -> int:
        """SIGSTOP."""
        return self._signal(service, "STOP")

    def unhang(self, service: str, pid: int) -> None:
        """SIGCONT."""
        if self._pid_of(service) == pid:
            self._signal(service, "CONT")

    def turn(self, service: str, **knobs: Any) -> None:
        """Knobs of the living process."""
        control.turn(self.project.port(service), **knobs)

    def keep_broken(self, service: str, **knobs: Any) -> None:
        """Knobs of every new process."""
        (self.project.knobs / f"{service}.json").write_text(json.dumps(knobs), encoding="utf-8")

    def mend(self, service: str) -> None:
        """No more of that."""
        (self.project.knobs / f"{service}.json").unlink(missing_ok=True)

    def close(self) -> list[str]:
        """Stops all of it and removes the folder. Returns what would not go, in words."""
        self._begun.stop()
        left = self.project.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return left

    def _pid_of(self, service: str) -> int:
        pid = int(self.project.state(service)["Pid"])
        if not pid:
            raise faults.NoProcess(f"{service} does not run")
        return pid

    def _signal(self, service: str, name: str) -> int:
        """From the host where we may; else from a container that sees the host's processes."""
        pid = self._pid_of(service)
        if os.geteuid() == 0 and Path(f"/proc/{pid}").exists():
            subprocess.run(["kill", f"-{name}", str(pid)], check=True, timeout=10)
            return pid
        program = f"import os, signal; os.kill({pid}, signal.SIG{name})"
        docker(
            "run", "--rm", "--privileged", "--pid", "host", "--name", f"{self.project.name}-{KILL}",
            "--label", "everup.own=true", self.project.image, "python3", "-c", program,
        )  # fmt: skip
        return pid
