"""What the engine says of itself, judged: GET /version and GET /info. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from everup.app.doctor.findings import Finding, ok, weak, wrong
from everup.model.errors import EverupError, GiveUp

Facts = Mapping[str, Any]

GOOD_STORAGE = frozenset({"overlay2", "overlayfs", "btrfs", "zfs", "fuse-overlayfs"})
HOST_FILE, ROOTLESS_FILE = "/etc/docker/daemon.json", "~/.config/docker/daemon.json"
RESTART = (
    "on its machine: sudo systemctl status docker; if it does not answer: sudo systemctl restart "
    "docker, which without live-restore starts the containers anew too"
)
DELEGATE = (
    "on a host with control groups v2, let systemd delegate them: Delegate=cpu cpuset io memory "
    "pids in /etc/systemd/system/user@.service.d/delegate.conf"
)


def judge_version(version: Facts, agreed: str, address: str) -> Finding:
    """It answers, and both sides speak the same version."""
    name = version.get("Version") or "of unknown version"
    return ok("engine", f"Docker {name} answers at {address}, in API {agreed}")


def judge_silence(error: EverupError, version: Facts) -> Finding:
    """It could not be opened. `version`: what it had said of itself until then."""
    text = str(error)
    if version:
        return wrong("engine", text, "update Docker (20.10 and newer will do), or Everup")
    if "DOCKER_HOST: " in text:
        text, _, fix = text.removeprefix("DOCKER_HOST: ").partition("; ")
        return wrong("engine", text, fix)
    if isinstance(error, GiveUp):
        return wrong("engine", text, "let whatever stands before it pass GET /version")
    return wrong("engine", text, RESTART)


def judge_info(info: Facts) -> Iterator[Finding]:
    """Everything that its description tells, but for the clock."""
    is_rootless = _is_rootless(info)
    yield ok("rootless", "it runs without root" if is_rootless else "no: the engine runs as root")
    yield _storage(info, is_rootless=is_rootless)
    yield _groups(info)
    yield _swarm(info)
    yield _live_restore(info, is_rootless=is_rootless)


def _storage(info: Facts, *, is_rootless: bool) -> Finding:
    driver = str(info.get("Driver") or "unknown")
    if driver in GOOD_STORAGE:
        return ok("storage", f"storage driver {driver}")
    return weak(
        "storage",
        f"storage driver {driver}: making containers anew is slow or dear with it",
        f'write "storage-driver": "overlay2" into {_file(is_rootless=is_rootless)} and restart '
        "Docker; what it holds now has to be pulled or built again",
    )


def _groups(info: Facts) -> Finding:
    driver, version = info.get("CgroupDriver"), info.get("CgroupVersion") or "1"
    said = f"control groups v{version}, driver {driver or 'unknown'}"
    if driver == "none":
        return weak("limits", f"{said}: limits can neither be seen nor changed", DELEGATE)
    lacking = [name for name in ("MemoryLimit", "CpuCfsQuota") if info.get(name) is False]
    if not lacking:
        return ok("limits", f"they can be set: {said}")
    return weak(
        "limits",
        f"{said}, but without {' and '.join(lacking)}: such limits have no effect",
        DELEGATE
        if _is_rootless(info)
        else "add cgroup_enable=memory swapaccount=1 to the kernel's command line, then reboot",
    )


def _swarm(info: Facts) -> Finding:
    state = _swarm_state(info)
    if state in {"", "inactive"}:
        return ok("swarm", "Swarm is not active")
    return weak(
        "swarm",
        f"Swarm is {state}: its services are only observed, Compose projects are healed",
        "leave it so if you use it; else: docker swarm leave --force",
    )


def _live_restore(info: Facts, *, is_rootless: bool) -> Finding:
    if info.get("LiveRestoreEnabled"):
        return ok("live-restore", "containers go on while Docker itself restarts")
    if _swarm_state(info) not in {"", "inactive"}:
        return ok("live-restore", "off, as Swarm demands")
    user = "systemctl --user" if is_rootless else "sudo systemctl"
    return weak(
        "live-restore",
        "off: when Docker itself restarts, all containers stop",
        f'write "live-restore": true into {_file(is_rootless=is_rootless)}, then: {user} reload '
        "docker",
    )


def _swarm_state(info: Facts) -> str:
    swarm = info.get("Swarm")
    return str(swarm.get("LocalNodeState") or "") if isinstance(swarm, Mapping) else ""


def _is_rootless(info: Facts) -> bool:
    return any("name=rootless" in str(option) for option in info.get("SecurityOptions") or ())


def _file(*, is_rootless: bool) -> str:
    return ROOTLESS_FILE if is_rootless else HOST_FILE
