"""Words before a command that make it run as another account. Called by `command`, by root alone.

Flows in: a user and a group. Flows out: a prefix that was proven to work on this host, or nothing:
then the child changes its account itself, which makes Popen copy our whole address space, several
times what the probe costs, and makes every page of ours fault afterwards.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

PROGRAM = "setpriv"
TRIED_WITHIN_S = 0.5
ACCOUNTS_MOST = 100


class Prefixes:
    """Tries each account once. A prefix that fails later says 127, which is no verdict."""

    def __init__(self, path: str | None) -> None:
        self._program = shutil.which(PROGRAM, path=path)
        self._true = shutil.which("true", path=path)
        self._known: dict[tuple[object, object], tuple[str, ...]] = {}

    def of(self, account: Mapping[str, object]) -> tuple[str, ...]:
        """For what Popen calls `user` and `group`, without further groups; empty: none works."""
        key = (account["user"], account["group"])
        if key not in self._known and len(self._known) < ACCOUNTS_MOST:
            self._known[key] = self._tried(*key)
        return self._known.get(key, ())

    def _tried(self, user: object, group: object) -> tuple[str, ...]:
        if self._program is None or self._true is None:
            return ()
        prefix = (self._program, f"--reuid={user}", f"--regid={group}", "--clear-groups", "--")
        try:
            tried = subprocess.run(
                [*prefix, self._true],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=TRIED_WITHIN_S,
                check=False,
            )
        except (OSError, subprocess.SubprocessError):
            return ()
        return prefix if tried.returncode == 0 else ()
