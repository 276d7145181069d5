"""Which files and folders of the host a container reads as its configuration. Pure.

Flows in: the host's part of its document, or of what was captured of one, and what its owner
declares. Flows out: `Place`s. Compose's `configs` and `secrets` with `file:` are binds as well.

| mounted | counts |
|---|---|
| a file or folder, read-only | yes |
| the same, but a container of the stack may write there | no: it changes all the time |
| writable | only what its owner declares: `config_files`, or the label `everup.config_files` |
| sockets, devices, what the machine itself lives by, volumes | never |
"""

from __future__ import annotations

import os.path
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PLACES_MOST = 64
SECRETS = "/run/secrets/"
_FOLDERS_OF_MACHINE = (
    *("/dev", "/proc", "/sys", "/run", "/var/run", "/boot", "/bin", "/sbin", "/lib", "/lib64"),
    *("/usr/lib", "/usr/bin", "/usr/share/zoneinfo", "/var/log", "/var/cache"),
    *("/var/lib/docker", "/etc/ssl", "/etc/pki", "/etc/alternatives", "/etc/ssh", "/etc/systemd"),
    *("/etc/sudoers.d", "/etc/cron.d", "/etc/pam.d", "/etc/init.d", "/etc/profile.d"),
)
_KEYS = frozenset({".ssh", ".gnupg", ".docker", ".kube"})
"""Folders of a person's keys, wherever they are."""
_OF_MACHINE = frozenset({"/", "/etc", "/home", "/root", "/usr", "/var", "/var/lib", "/opt", "/srv"})


@dataclass(frozen=True, slots=True)
class Bind:
    """One bind of a container."""

    source: str
    target: str
    is_writable: bool


@dataclass(frozen=True, slots=True)
class Place:
    """What is to be read of the host. `is_secret`: it is mounted as one."""

    path: str
    is_secret: bool = False


def binds_of(host: Mapping[str, Any]) -> list[Bind]:
    """Of the host's part of a container's document, in both ways to write them."""
    found = list(_short(host)) + list(_long(host))
    return found[:PLACES_MOST]


def places_of(
    host: Mapping[str, Any], declared: Sequence[str] | None, written: Collection[str]
) -> list[Place]:
    """`declared`: paths in the container, () for none at all, None for what is usual. `written`:
    folders and files of the host that containers of the stack may write to."""
    if declared is not None and not declared:
        return []
    found: dict[str, Place] = {}
    for bind in binds_of(host):
        for path, target, is_wished in _parts(bind, declared or ()):
            if is_of_machine(path) or path.endswith(".sock"):
                continue
            is_theirs = bind.is_writable or is_within(path, written)
            if is_theirs and not is_wished:
                continue
            found[path] = Place(path, target.startswith(SECRETS))
    return list(found.values())[:PLACES_MOST]


def written_by(hosts: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """What these containers may write to, of the host."""
    return frozenset(b.source for host in hosts for b in binds_of(host) if b.is_writable)


def is_within(path: str, folders: Collection[str]) -> bool:
    """Is it one of these, or in one of them?"""
    return any(path == f or path.startswith(f.rstrip("/") + "/") for f in folders)


def is_of_machine(path: str) -> bool:
    """Does the machine itself live by it, so that it is nobody's configuration alone?"""
    if path in _OF_MACHINE or is_within(path, _FOLDERS_OF_MACHINE):
        return True
    if not _KEYS.isdisjoint(path.split("/")):
        return True
    return os.path.dirname(path) == "/etc" and os.path.splitext(path)[1] != ".d"


def _parts(bind: Bind, declared: Sequence[str]) -> Iterator[tuple[str, str, bool]]:
    """(path of the host, path in the container, did its owner declare it?)."""
    wished = [name for name in declared if is_within(bind.target, (name,))]
    if wished or not bind.is_writable:
        yield bind.source, bind.target, bool(wished)
    for name in declared:
        if name != bind.target and is_within(name, (bind.target,)):
            yield os.path.join(bind.source, os.path.relpath(name, bind.target)), name, True


def _short(host: Mapping[str, Any]) -> Iterator[Bind]:
    for line in host.get("Binds") or ():
        source, target, *rest = [*str(line).split(":"), "", ""]
        if source.startswith("/") and target.startswith("/"):
            options = rest[0].split(",")
            yield Bind(os.path.normpath(source), os.path.normpath(target), "ro" not in options)


def _long(host: Mapping[str, Any]) -> Iterator[Bind]:
    for mount in host.get("Mounts") or ():
        source, target = str(mount.get("Source") or ""), str(mount.get("Target") or "")
        if mount.get("Type") == "bind" and source.startswith("/") and target.startswith("/"):
            is_writable = not mount.get("ReadOnly", False)
            yield Bind(os.path.normpath(source), os.path.normpath(target), is_writable)
