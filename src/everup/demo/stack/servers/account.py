"""Under whose account PostgreSQL runs. It refuses to run as root, so root needs somebody else."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

CANDIDATES = ("nobody", "daemon", "postgres")
"""Accounts that own nothing of worth come first."""


@dataclass(frozen=True)
class Account:
    """``user`` is None when whoever runs us will do."""

    user: str | None

    def run(self, command: list[str | Path], *, text: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a command to its end under this account. Raises with its output if it fails."""
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
            user=self.user,
            group=pwd.getpwnam(self.user).pw_gid if self.user else None,
            extra_groups=[] if self.user else None,
            timeout=60,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
        return done

    def reaches(self, path: Path) -> bool:
        """Whether this account may enter the folder, or execute the file, whatever lies above."""
        try:
            self.run(["test", "-x", path])
        except (RuntimeError, OSError):
            return False
        return True

    def own(self, *paths: Path) -> None:
        """Hands these over, folders with all that is in them."""
        if not self.user:
            return
        entry = pwd.getpwnam(self.user)
        for path in paths:
            for each in (path, *path.rglob("*")):
                os.chown(each, entry.pw_uid, entry.pw_gid, follow_symlinks=False)


def server_account() -> Account:
    """Our own account, or an unprivileged one when we are root."""
    if os.geteuid() != 0:
        return Account(None)
    for name in CANDIDATES:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name)
    raise RuntimeError(f"PostgreSQL does not run as root, and none of {CANDIDATES} exists")
