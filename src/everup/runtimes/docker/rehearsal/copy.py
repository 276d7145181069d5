"""What a throw-away copy of a container is made of. Pure.

Flows in: the document of the owner's container, names and marks. Flows out: the body of the
engine's create call. The copy has the same image by content, command, environment, account,
healthcheck and limits. It has none of what could reach beyond it: no ports, no volumes or binds of
the owner's (memory in their place), no networks but its own, no devices, no privileges. Where it
cannot run like that, a stand-in of the same image has the same process behaviour: it runs, hears
its stop signal, and answers the healthcheck as long as it makes progress.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from everup.runtimes.docker.containers import NUMBER, PROJECT, SERVICE, section
from everup.runtimes.docker.rehearsal.marks import labels

SICK = "/run/everup-try"
"""A folder of memory in the copy; while it holds a file `sick`, the healthcheck fails."""

VOLUME_OPTIONS = "rw,exec,mode=1777,size=256m"
MEMORY_BYTES, CPUS = 1 << 30, 1_000_000_000
RESTARTS_MOST = 5
FIRST_TO_GO = 500  # to the kernel, when memory runs out
_CONFIG = ("Env", "Cmd", "Entrypoint", "WorkingDir", "User", "StopSignal", "StopTimeout", "Tty")
_HOST = (
    *("Memory", "MemorySwap", "MemoryReservation", "NanoCpus", "CpuShares", "CpuQuota"),
    *("CpuPeriod", "PidsLimit", "Ulimits", "ShmSize", "ReadonlyRootfs", "Tmpfs", "Init"),
    *("CapDrop", "SecurityOpt", "GroupAdd"),
)
_BEAT = "/tmp/.everup-try"  # noqa: S108 - in the copy
_LOOP = (
    "trap 'exit 0' {signal} TERM; n=0; "
    f"while :; do n=$((n+1)); echo $(date +%s) >{_BEAT}; sleep 1 & wait $!; done"
)
_LIVES = f"test $(( $(date +%s) - $(cat {_BEAT}) )) -lt 5"


class Part(StrEnum):
    """Who plays the service."""

    COPY = "copy"
    STAND_IN = "stand-in"


@dataclass(frozen=True, slots=True)
class Names:
    """Of one rehearsal. `project` is what its Everup watches."""

    project: str
    service: str
    network: str
    mark: str

    @property
    def container(self) -> str:
        """The copy's name, as Compose would make it."""
        return f"{self.project}-{self.service}-1"


def can_be_copied(document: Mapping[str, Any]) -> str:
    """Why a true copy would not be safe or possible; "" when it is."""
    host = section(document, "HostConfig")
    mode = str(host.get("NetworkMode") or "")
    if host.get("Privileged") or host.get("Devices") or host.get("DeviceRequests"):
        return "it may reach into the host (privileges, devices), which a copy must not"
    if mode == "host" or mode.startswith("container:"):
        return "it uses a network that is not its own"
    if host.get("CapAdd"):
        return "it has more rights than a container has by itself, which a copy must not"
    return ""


def copy_of(
    document: Mapping[str, Any], names: Names, *, can_be_sick: bool, has_init: bool
) -> dict[str, Any]:
    """The copy. `can_be_sick`: its healthcheck fails while there is a file; `has_init`: the process
    can be killed from inside."""
    config = section(document, "Config")
    body = _common(document, names)
    body |= {key: config[key] for key in _CONFIG if config.get(key) is not None}
    check = section(config, "Healthcheck")
    if check.get("Test"):
        body["Healthcheck"] = _sickened(check) if can_be_sick else dict(check)
    host = body["HostConfig"]
    host["Tmpfs"] = {**(host.get("Tmpfs") or {}), **_in_memory(document), **_folder()}
    if has_init:
        host["Init"] = True
    return body


def stand_in_of(document: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """The stand-in: a loop of the image's own shell, and a check of its progress at the owner's
    pace where the owner has one."""
    config = section(document, "Config")
    body = _common(document, names)
    signal = str(config.get("StopSignal") or "TERM").removeprefix("SIG")
    is_name = signal.isalpha() and signal not in ("KILL", "STOP")
    body |= {
        "Entrypoint": ["/bin/sh", "-c"],
        "Cmd": [_LOOP.format(signal=signal if is_name else "TERM")],
        "User": str(config.get("User") or ""),
    }
    if config.get("StopSignal"):
        body["StopSignal"] = config["StopSignal"]
    check = section(config, "Healthcheck")
    if check.get("Test"):
        test = f"test ! -e {SICK}/sick && {_LIVES}"
        body["Healthcheck"] = {**check, "Test": ["CMD-SHELL", test]}
    host = body["HostConfig"]
    host["Tmpfs"] = {"/tmp": VOLUME_OPTIONS, **_folder()}  # noqa: S108 - in the copy
    host.pop("Init", None)
    return body


def _common(document: Mapping[str, Any], names: Names) -> dict[str, Any]:
    given = section(document, "HostConfig")
    host = {key: given[key] for key in _HOST if given.get(key)}
    host.setdefault("Memory", MEMORY_BYTES)
    if not (host.get("NanoCpus") or host.get("CpuQuota")):
        host["NanoCpus"] = CPUS
    host |= {
        "NetworkMode": names.network,
        "RestartPolicy": _policy(section(given, "RestartPolicy")),
        "OomScoreAdj": FIRST_TO_GO,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m", "max-file": "1"}},
    }
    compose = {PROJECT: names.project, SERVICE: names.service, NUMBER: "1"}
    return {
        "Image": str(document.get("Image") or ""),
        "Hostname": names.service[:63],
        "Labels": {**compose, **labels(names.mark)},
        "HostConfig": host,
        "NetworkingConfig": {
            "EndpointsConfig": {names.network: {"Aliases": [names.service]}},
        },
    }


def _policy(policy: Mapping[str, Any]) -> dict[str, Any]:
    """The same behaviour after a crash, but it does not come back with the engine."""
    name = str(policy.get("Name") or "no")
    if name == "no":
        return {"Name": "no"}
    return {"Name": "on-failure", "MaximumRetryCount": RESTARTS_MOST}


def _in_memory(document: Mapping[str, Any]) -> dict[str, str]:
    """What the owner keeps in volumes and writable binds is memory here. Read-only ones are left
    out: then the image's own files are there."""
    return {
        str(mount["Destination"]): VOLUME_OPTIONS
        for mount in document.get("Mounts") or ()
        if mount.get("RW", True) and mount.get("Type") in ("bind", "volume")
    }


def _folder() -> dict[str, str]:
    return {SICK: "rw,mode=1777,size=1m"}


def _sickened(check: Mapping[str, Any]) -> dict[str, Any]:
    kind, *words = [str(word) for word in check["Test"]]
    line = words[0] if kind == "CMD-SHELL" and words else shlex.join(words)
    return {**check, "Test": ["CMD-SHELL", f"test ! -e {SICK}/sick && {{ {line}\n}}"]}
