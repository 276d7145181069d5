"""Does a service keep data? By SAFETY's rule on stateful services, in doubt yes. Pure.

Called by `build` with all containers of a service. Flows out: the reasons, for people to judge;
none means stateless.
"""

from __future__ import annotations

from collections.abc import Sequence

from everup.runtimes.docker.discovery.container import Container, Mounted
from everup.runtimes.docker.discovery.images import (
    Family,
    family_of_command,
    family_of_image,
    family_of_name,
)

REASONS_MOST = 5
_OF_THE_HOST = ("/dev", "/proc", "/sys", "/run/udev", "/lib/modules", "/var/run/dbus", "/run/dbus")
_CLOCK = frozenset({"/etc/localtime", "/etc/timezone"})


def family_of(service: str, copies: Sequence[Container]) -> Family | None:
    """The known product that a service runs: by image, program, and in the end by its own name."""
    for one in copies:
        found = family_of_image(one.image) or family_of_command(one.command)
        if found is not None:
            return found
    return family_of_name(service)


def holds_data(mount: Mounted) -> bool:
    """Can the container write there what outlives it? Sockets, devices and clocks hold nothing."""
    if not mount.is_writable or mount.kind not in {"volume", "bind", "cluster", ""}:
        return False
    if mount.kind != "bind":
        return True
    if mount.source.endswith(".sock") or mount.target in _CLOCK or mount.source in _CLOCK:
        return False
    return not any(
        mount.source == folder or mount.source.startswith(folder + "/") for folder in _OF_THE_HOST
    )


def reasons(service: str, copies: Sequence[Container]) -> tuple[str, ...]:
    """Why this service is stateful, the strongest reason first."""
    found = []
    family = family_of(service, copies)
    if family is not None and family.keeps_data:
        found.append(f"is {family.product}")
    for one in copies:
        found += [_said(mount) for mount in one.mounts if holds_data(mount)]
    return tuple(dict.fromkeys(found))[:REASONS_MOST]


def _said(mount: Mounted) -> str:
    if mount.is_anonymous:
        return f"writes to {mount.target}, a volume without a name"
    if mount.kind == "bind":
        return f"writes to {mount.target}, a folder or file of the host"
    return f"writes to {mount.target}, the volume {mount.source}"
