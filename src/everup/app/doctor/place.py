"""The disk, the state folder and the port that Everup would use, judged. Pure; `here` looks."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from enum import StrEnum

from everup.app.doctor.findings import Finding, ok, weak, wrong

GIB = 1024**3
FREE_LEAST_BYTES = GIB
FREE_LEAST_RATIO = 0.05
PORT_MOST = 65_535


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system that a folder lies on, or will lie on."""

    path: str
    free_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class Folder:
    """The state folder. `above`: the nearest folder that there is, itself where it exists."""

    path: str
    above: str
    is_folder: bool
    is_writable: bool
    user: str = ""


class Port(StrEnum):
    """Who has it."""

    FREE = "free"
    EVERUP = "everup"
    OTHER = "other"
    FORBIDDEN = "forbidden"  # a low port, for whoever is not root
    NO_ADDRESS = "no_address"  # not one of this machine


def judge_disk(disk: Disk, whose: str, fix: str) -> Finding:
    """Under 1 GiB writing may fail any time; under 5 % it will soon be so."""
    free, total = disk.free_bytes / GIB, disk.total_bytes / GIB
    ratio = disk.free_bytes / disk.total_bytes if disk.total_bytes else 0.0
    said = f"{free:.1f} of {total:.1f} GiB are free for {whose}"
    if disk.free_bytes < FREE_LEAST_BYTES:
        return wrong("disk", f"{said}, under 1 GiB", fix, disk.path)
    if ratio < FREE_LEAST_RATIO:
        return weak("disk", f"{said}, {ratio:.1%}", fix, disk.path)
    return ok("disk", said, disk.path)


def judge_folder(folder: Folder) -> Finding:
    """Can the journal be written?"""
    check = "state folder"
    if not folder.is_folder:
        fix = f"move {folder.above} away, or name another folder with --state-dir"
        return wrong(check, f"{folder.above} is a file", fix, folder.path)
    if folder.is_writable:
        new = "" if folder.above == folder.path else ", made at the first start"
        return ok(check, f"{folder.path} can be written{new}", folder.path)
    owner, path = shlex.quote(folder.user), shlex.quote(folder.path)
    return wrong(
        check,
        f"{folder.path} cannot be written by {folder.user}",
        f"sudo install -d -o {owner} {path}, or name another folder with --state-dir; in a "
        "container, mount a volume there",
        folder.path,
    )


def judge_port(host: str, port: int, who: Port) -> Finding:
    """Could Everup listen there?"""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if who is Port.FREE:
        return ok("port", f"{where} is free")
    if who is Port.EVERUP:
        return ok("port", f"an Everup listens on {where}")
    if who is Port.FORBIDDEN:
        return wrong("port", f"{where} is only for root", f"everup up --listen {host}:8010")
    if who is Port.NO_ADDRESS:
        fix = f"everup up --listen 127.0.0.1:{port}"
        return wrong("port", f"{host} is no address of this machine", fix)
    other = port + 1 if port < PORT_MOST else port - 1
    free = where.removesuffix(str(port)) + str(other)
    return wrong("port", f"{where} is taken by something else", f"everup up --listen {free}")
