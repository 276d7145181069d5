"""Looks at this machine: the socket's file, disks, the state folder, the port. Changes nothing.

Flows out: values for the judges. What blocks is called in threads of `bounded`.
"""

from __future__ import annotations

import asyncio
import errno
import grp
import os
import pwd
import socket as sockets
import stat
from contextlib import suppress
from pathlib import Path

import httpx2

from everup.app.access.own import INSIDE
from everup.app.doctor.access import Socket
from everup.app.doctor.place import Disk, Folder, Port

CONNECT_S = 1.0
ANSWER_S = 2.0
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only compared
OF_EVERUP = "last_look_age_s"
"""A field that /health of an Everup has, and hardly another's."""


def user_name() -> str:
    """Who we are, for people."""
    with suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return str(os.geteuid())


def see_socket(path: str) -> Socket:
    """The file, and what we are to it."""
    is_inside, user, user_id = INSIDE.exists(), user_name(), os.geteuid()
    try:
        seen = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return Socket(path, is_there=False, is_inside=is_inside, user=user, user_id=user_id)
    except OSError as error:
        return Socket(path, problem=error.strerror or str(error), user=user, user_id=user_id)
    group, members = str(seen.st_gid), []
    with suppress(KeyError):
        found = grp.getgrgid(seen.st_gid)
        group, members = found.gr_name, found.gr_mem
    return Socket(
        path,
        is_socket=stat.S_ISSOCK(seen.st_mode),
        may_use=os.access(path, os.R_OK | os.W_OK, effective_ids=True),
        group=group,
        group_id=seen.st_gid,
        user=user,
        user_id=user_id,
        is_in_group=seen.st_gid in {os.getegid(), *os.getgroups()},
        is_listed=user in members,
        is_inside=is_inside,
    )


def see_disk(path: Path) -> Disk:
    """The file system of the nearest folder above that there is.

    Raises:
        OSError: it cannot be asked.
    """
    found = os.statvfs(_above(path))
    return Disk(str(path), found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def see_folder(path: Path) -> Folder:
    """Whether it can be written, or made. Asks for the permission; writes nothing."""
    above = _above(path)
    return Folder(
        str(path),
        str(above),
        is_folder=above.is_dir(),
        is_writable=os.access(above, os.W_OK | os.X_OK, effective_ids=True),
        user=user_name(),
    )


def see_engine_root(root: str, address: str) -> Path | None:
    """The engine's own folder, where it is on this machine and not hidden from us."""
    is_local = address.startswith("unix://")
    return Path(root) if is_local and root and os.path.isdir(root) else None


async def see_port(host: str, port: int) -> Port:
    """Who listens there; where nobody does, whether we may. Our own try ends at once."""
    near = EVERYWHERE.get(host, host)
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(near, port)
    except (OSError, TimeoutError):
        return _may_listen(host, port)
    writer.close()
    return Port.EVERUP if await _is_everup(near, port) else Port.OTHER


def _may_listen(host: str, port: int) -> Port:
    family = sockets.AF_INET6 if ":" in host else sockets.AF_INET
    with sockets.socket(family) as probe:
        probe.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            return Port.FORBIDDEN
        except OSError as error:
            return Port.OTHER if error.errno == errno.EADDRINUSE else Port.NO_ADDRESS
    return Port.FREE


async def _is_everup(host: str, port: int) -> bool:
    shown = f"[{host}]" if ":" in host else host
    try:
        async with httpx2.AsyncClient(timeout=ANSWER_S, trust_env=False) as client:
            body = (await client.get(f"http://{shown}:{port}/health")).json()
    except (httpx2.HTTPError, ValueError):
        return False
    return isinstance(body, dict) and OF_EVERUP in body


def _above(path: Path) -> Path:
    return next((one for one in (path, *path.parents) if one.exists()), Path("/"))
