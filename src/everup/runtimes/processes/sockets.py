"""Takes the network away from processes that stand still: their TCP sockets, shut from outside.

Flows in: processes of one instance. Flows out: how many sockets were shut, or why a fresh process
could not have the port. A socket is duplicated out of its process (pidfd_getfd) and shut down:
that acts on the socket itself, so that it stops listening and its peers see an end, while the
process keeps its memory and its file descriptors. Blocks; runs in a thread, called by `aside`.

Left alone: datagrams, and sockets of the Unix family.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress

from everup.model.errors import GiveUp
from everup.runtimes.processes.identity import Handle, Identity

_PIDFD_GETFD = 438  # the same number on every architecture
_IPPROTO_MPTCP = 262
_STREAMS = (socket.IPPROTO_TCP, _IPPROTO_MPTCP)
_FAMILIES = (socket.AF_INET, socket.AF_INET6)
FILES_MOST = 100_000

_libc = ctypes.CDLL(None, use_errno=True)


def unshared_port(processes: Iterable[Identity]) -> int | None:
    """A port on which one of them listens and which nobody else could have while it lives, though
    its socket is shut: it was bound without SO_REUSEADDR and SO_REUSEPORT. None: there is none.

    Raises:
        GiveUp: their sockets may not be reached from outside.
    """
    for found in _of_all(processes):
        if not _is_on(found, socket.SO_ACCEPTCONN):
            continue
        if not (_is_on(found, socket.SO_REUSEADDR) or _is_on(found, socket.SO_REUSEPORT)):
            port: int = found.getsockname()[1]
            return port
    return None


def shut(processes: Iterable[Identity]) -> int:
    """Listening ones stop listening, connected ones end. How many there were. Raises like above."""
    count = 0
    for found in _of_all(processes):
        count += 1
        with suppress(OSError):  # its peer was faster
            found.shutdown(socket.SHUT_RDWR)
    return count


def _is_on(found: socket.socket, option: int) -> bool:
    return bool(found.getsockopt(socket.SOL_SOCKET, option))


def _of_all(processes: Iterable[Identity]) -> Iterator[socket.socket]:
    """Each TCP socket as a duplicate of ours, closed again when the next one is asked for."""
    for identity in processes:
        handle = Handle.open(identity)
        if handle is None:
            continue  # it has ended
        try:
            yield from _of(handle)
        finally:
            handle.close()


def _of(handle: Handle) -> Iterator[socket.socket]:
    pid = handle.identity.pid
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")[:FILES_MOST]
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refusal(pid, error) from error
    for number in numbers:
        try:
            if not os.readlink(f"/proc/{pid}/fd/{number}").startswith("socket:"):
                continue
            copy = _duplicate(handle.pidfd, int(number))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EBADF, errno.ESRCH):
                continue  # closed meanwhile
            raise _refusal(pid, error) from error
        with socket.socket(fileno=copy) as found:
            if found.family in _FAMILIES and found.proto in _STREAMS:
                yield found


def _duplicate(pidfd: int, number: int) -> int:
    """Raises OSError."""
    copy: int = _libc.syscall(_PIDFD_GETFD, pidfd, number, 0)
    if copy < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return copy


def _refusal(pid: int, error: OSError) -> GiveUp:
    fix = "it needs Linux 5.6 or newer" if error.errno == errno.ENOSYS else "run Everup as root"
    return GiveUp(
        f"quarantine: the sockets of process {pid} cannot be reached from outside "
        f"({error.strerror}), so that a fresh one could not have its port; {fix}"
    )
