"""Who is not replaced: what would be lost with it, and what is not ours to make. Pure.

Flows in: a container's document, and what would take its place. Flows out: `GiveUp` with the
reason, or nothing (docs/safety.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everup.model.errors import GiveUp
from everup.runtimes.docker import volumes
from everup.runtimes.docker.containers import Container, section
from everup.runtimes.docker.discovery.managers import manager_by
from everup.runtimes.docker.layer import would_be_lost

PATHS_SHOWN_MOST = 3


def refuse(container: Container) -> None:
    """What would be lost or is not ours to make."""
    if section(container.document, "HostConfig").get("AutoRemove"):
        raise GiveUp(
            f"{container.name} runs with --rm: the engine removes it when it stops, so that there "
            "would be no way back; run it without --rm"
        )
    if manager := manager_by(container.labels):
        raise GiveUp(
            f"{manager} manages {container.name}: it would undo what takes its place, or not know "
            f"of it; have {manager} make it anew"
        )


def refuse_other_volumes(old: Container, will_have: Mapping[str, str], *, may_more: bool) -> None:
    """Its successor has the very volumes. `may_more`: not all of them are known yet."""
    known = will_have if not may_more else {**volumes.volumes_of(old.document), **will_have}
    if lost := volumes.lost(old.document, known):
        raise GiveUp(
            f"the one in place of {old.name} would not have its volumes, and so not its data: "
            f"{'; '.join(lost)}; what it holds is a person's to move"
        )


def refuse_what_it_wrote(old: Container, changes: Any) -> None:
    """What a container wrote outside of volumes would be gone with it."""
    host = section(old.document, "HostConfig")
    mounts = [str(m.get("Destination") or "") for m in old.document.get("Mounts") or ()]
    mounted = [*mounts, *section(host, "Tmpfs")]
    if lost := would_be_lost(changes or (), mounted):
        raise GiveUp(
            f"{old.name} has written outside of its volumes, which a new one would not have: "
            f"{', '.join(lost[:PATHS_SHOWN_MOST])}; mount a volume there, or restart it"
        )


def forbids_keeping(container: Container) -> str:
    """Why it cannot be kept beside a fresh one; "" when it can."""
    host = section(container.document, "HostConfig")
    if host.get("AutoRemove"):
        return f"{container.name} runs with --rm, so that the engine would remove it"
    mode = str(host.get("NetworkMode") or "")
    if mode == "host" or mode.startswith("container:"):
        return f"{container.name} is on the network of {mode!r}, where it would keep its ports"
    return ""
