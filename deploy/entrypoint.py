#!/opt/everup/bin/python -I
"""What `everup` is in the image: root only to take the group of the engine's socket.

The container's first process, and every `docker exec … everup …`. Run as root it becomes the user
`everup` with one group more, the socket's, checks that there is no way back, and turns into
`everup` with the arguments it was given. Run as anyone else it just does the latter. It writes
nothing; what it has to say goes to standard error, with the fix.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Mapping

USER_ID = GROUP_ID = 10001
EVERUP = "/opt/everup/bin/everup"
USUAL_SOCKET = "/var/run/docker.sock"
WRITTEN = ("/app/state", "/app/logs")


def socket_of(environ: Mapping[str, str]) -> str | None:
    """The engine's socket in the file system; none when it is reached in another way."""
    address = environ.get("DOCKER_HOST") or f"unix://{USUAL_SOCKET}"
    return address.removeprefix("unix://") if address.startswith("unix://") else None


def address_of_autoheal(environ: Mapping[str, str]) -> str | None:
    """Where the usual autoheal tool was told to find the engine: a path, or tcp://… as it is."""
    named = environ.get("DOCKER_SOCK", "").strip()
    if not named or environ.get("DOCKER_HOST"):
        return None
    return named if "://" in named else f"unix://{named}"


def group_for(path: str | None) -> int | None:
    """The group that may use this socket, or none when there is no socket or no need."""
    try:
        seen = os.stat(path) if path else None
    except OSError:
        return None
    if seen is None or not stat.S_ISSOCK(seen.st_mode):
        return None
    if not seen.st_mode & stat.S_IWGRP:
        if not seen.st_mode & stat.S_IWOTH:
            say(f"{path} is for its owner alone: chmod g+rw it on the host, or set DOCKER_HOST")
        return None
    return seen.st_gid


def become_everup(group: int | None) -> None:
    """Drop root for good. Raises OSError where the container may not change its user."""
    os.setgroups([] if group is None else [group])
    os.setresgid(GROUP_ID, GROUP_ID, GROUP_ID)
    os.setresuid(USER_ID, USER_ID, USER_ID)
    try:
        os.setuid(0)
    except PermissionError:
        return
    raise OSError("root could be taken back; Everup does not start like this")


def say(text: str) -> None:
    """One line for whoever reads the container's log."""
    print(f"everup: {text}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Become who we are to be, then `everup ARGUMENTS`."""
    if address := address_of_autoheal(os.environ):
        os.environ["DOCKER_HOST"] = address
    if os.geteuid() == 0:
        try:
            become_everup(group_for(socket_of(os.environ)))
        except OSError as error:
            say(f"cannot leave root ({error}): add cap_add [SETUID, SETGID], or set user")
            return 1
    for folder in WRITTEN:
        if not os.access(folder, os.W_OK):
            say(f"cannot write {folder}: on the host, chown {os.geteuid()} what is mounted there")
    try:
        os.execv(EVERUP, [EVERUP, *arguments])  # noqa: S606 - no shell is what we want
    except OSError as error:
        say(f"cannot run {EVERUP}: {error}")
        return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
