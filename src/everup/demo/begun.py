"""The Everup that a demo begins: its process, its log, its end. Called by the labs."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import everup

WANTED_PORT = 8010
STOP_MOST_S = 60.0
KILL_MOST_S = 10.0
LOG_TAIL_LINES = 15
FOREIGN = ("EVERUP_", "HEALTH_SCORE_", "DATABASE_URL", "REDIS_URL", "PROMETHEUS_URL")
"""Settings in the caller's environment that are meant for another Everup than the demo's."""


class Begun:
    """One Everup in `folder`, which writes to `log`."""

    def __init__(self, folder: Path, log: Path) -> None:
        self._folder, self._log = folder, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Everup's own pid."""
        assert self._process is not None, "it was not started"
        return self._process.pid

    def start(self, *words: str) -> None:
        """In a session of its own, so that Ctrl-C in the terminal reaches only the demo, which
        then cleans up in order."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                _command(words),
                cwd=self._folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self, *words: str) -> None:
        """Another verb, to its end."""
        with self._log.open("ab") as log:
            subprocess.run(
                _command(words),
                cwd=self._folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=STOP_MOST_S,
                check=False,
            )

    def has_died(self) -> bool:
        """It has ended without being told to."""
        return self._process is not None and self._process.poll() is not None

    def last_words(self) -> str:
        """The end of its log."""
        with suppress(OSError):
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            return "\n".join(lines[-LOG_TAIL_LINES:])
        return ""

    def stop(self) -> None:
        """SIGTERM, by which it gives back what it holds; SIGKILL when it does not go."""
        if self._process is None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                self._process.send_signal(number)
            try:
                self._process.wait(KILL_MOST_S)
                return
            except subprocess.TimeoutExpired:
                continue


def free_port(wanted: int) -> int:
    """The wanted loopback port, or another that nobody has."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise OSError("this host has no free loopback port")


def _command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "everup.cli", *words]


def _environment() -> dict[str, str]:
    """Ours, without the settings that are meant for another Everup."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    # The child works in another folder, where a relative path to this package would not hold.
    here = str(Path(everup.__file__).resolve().parent.parent)
    return {**own, "PYTHONPATH": os.pathsep.join(filter(None, (here, own.get("PYTHONPATH"))))}
