"""What accounting can see from where Everup runs, for `everup doctor`.

Flows in: the roots and, the better, some running containers. Flows out: a `Reach`, with a fix for
what is missing. Without any of it accounting still works, through the engine's statistics, which
cost the engine more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from everup.runtimes.docker.accounting.hierarchy import (
    Hierarchy,
    Version,
    detect,
    find,
    index,
    is_host_root,
)
from everup.runtimes.docker.accounting.process import open_process
from everup.runtimes.docker.accounting.values import Roots, Target

LOOKED_AT_MOST = 50

SEE_GROUPS = "in a container, mount the host's: /sys/fs/cgroup:/host/sys/fs/cgroup:ro"
SEE_PROCESSES = 'in a container, set pid: "host", or mount /proc:/host/proc:ro, which shows less'
ENGINE_IS_ELSEWHERE = " (nothing helps where the engine runs on another machine)"


@dataclass(frozen=True, slots=True)
class Reach:
    """`is_host_visible`: the control groups of the containers. `are_processes_visible`: their
    processes, from which state, waiting and network come. `driver` is the engine's, as seen."""

    version: Version | None
    driver: str | None
    is_host_visible: bool
    are_processes_visible: bool
    why_not: str = ""
    fix: str = ""


def look_around(roots: Roots, containers: Sequence[Target]) -> Reach:
    """Look for some of the containers; with none, at what the roots themselves say."""
    hierarchy = detect(roots.cgroup)
    looked_at = [target for target in containers if target.pid > 0][:LOOKED_AT_MOST]
    said = {target.id: _said(roots, target) for target in looked_at}
    sees_processes = any(said.values()) if looked_at else _is_first_namespace(roots)
    paths = _paths(hierarchy, said)
    sees_groups = bool(paths) if looked_at else bool(hierarchy.version) and is_host_root(hierarchy)
    driver = None
    if paths:
        driver = "systemd" if paths[0].endswith(".scope") else "cgroupfs"
    why_not, fix = _what_is_missing(
        hierarchy, roots, sees_groups=sees_groups, sees_processes=sees_processes
    )
    return Reach(hierarchy.version, driver, sees_groups, sees_processes, why_not, fix)


def _said(roots: Roots, target: Target) -> str | None:
    process = open_process(roots.proc, target.pid, target.id, keeps=False)
    if process is None:
        return None
    process.close()
    return process.said


def _paths(hierarchy: Hierarchy, said: dict[str, str | None]) -> list[str]:
    """Where those containers are that can be found."""
    found = [find(hierarchy, container, path) for container, path in said.items()]
    paths = [next(iter(folders.values())) for folders in found if folders]
    if said and not paths:
        known = index(hierarchy)
        paths = [known[container] for container in said if container in known]
    return paths


def _is_first_namespace(roots: Roots) -> bool:
    """In a container's own pid namespace there is no kernel thread."""
    try:
        with open(f"{roots.proc}/2/stat", "rb") as file:
            return b"(kthreadd)" in file.read(64)
    except OSError:
        return False


def _what_is_missing(
    hierarchy: Hierarchy, roots: Roots, *, sees_groups: bool, sees_processes: bool
) -> tuple[str, str]:
    reasons, fixes = [], []
    if not sees_groups:
        of_others = f"{roots.cgroup} shows no control groups of the containers"
        reasons.append(hierarchy.why_not or of_others)
        fixes.append(SEE_GROUPS)
    if not sees_processes:
        reasons.append(f"{roots.proc} shows no processes of the containers")
        fixes.append(SEE_PROCESSES)
    if not fixes:
        return "", ""
    return "; ".join(reasons), "; ".join(fixes) + ENGINE_IS_ELSEWHERE
