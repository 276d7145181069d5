"""The kernel's tables of TCP sockets, /proc/PID/net/tcp and tcp6, as rows. Parsing is pure.

Flows in: the content of a table. Flows out: a `Row` per socket. Read by the runtimes, which know
whose sockets these are. What cannot be parsed is passed over.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

TABLE_BYTES_MOST = 4 * 1024 * 1024
"""A busy host has more rows than anybody wants to walk: the first ones will do."""
PART_BYTES = 256 * 1024
LISTENS, GONE = 0x0A, 0x07


class Row(NamedTuple):
    """One socket. `state`: the kernel's number. `inode` 0: no process holds it any more."""

    local: IPv4Address | IPv6Address
    local_port: int
    remote: IPv4Address | IPv6Address
    remote_port: int
    state: int
    inode: int


def rows_of(table: bytes) -> Iterator[Row]:
    """Every row but the head; a last one that was cut off is left out."""
    for line in table.splitlines()[1:]:
        columns = line.split(None, 10)
        if len(columns) < 10:
            continue
        try:
            local, local_port = _address(columns[1])
            remote, remote_port = _address(columns[2])
            state, inode = int(columns[3], 16), int(columns[9])
        except ValueError:
            continue
        yield Row(local, local_port, remote, remote_port, state, inode)


def _address(column: bytes) -> tuple[IPv4Address | IPv6Address, int]:
    """`0100007F:1F90`: words of four bytes in the machine's order."""
    written, _, port = column.partition(b":")
    raw = bytes.fromhex(written.decode())
    if sys.byteorder == "little":
        raw = b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
    found = ip_address(raw)
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found, int(port, 16)


def read_table(path: str, folder: int | None = None) -> bytes:
    """The content, bounded; b"" where it cannot be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return b""
    parts: list[bytes] = []
    size = 0
    try:
        while size < TABLE_BYTES_MOST and (part := os.read(handle, PART_BYTES)):
            parts.append(part)
            size += len(part)
    except OSError:
        return b""
    finally:
        os.close(handle)
    return b"".join(parts)
