"""A virtual service's configuration as JSON-able content, and back. Pure; called by `runtime`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from everup.model.errors import GiveUp
from everup.model.kinds import UNKNOWN, is_known
from everup.model.observation import Instance
from everup.model.runtime import KeptFile
from everup.model.stack import ServiceSpec
from everup.model.version import with_files

if TYPE_CHECKING:
    from everup.runtimes.simulated.service import VirtualService

FIELDS = ("command", "directory", "env", "user", "port", "instances", "memory_bytes")


def content_of(spec: ServiceSpec, instances: int) -> dict[str, object]:
    """Unknown numbers become null."""
    memory_bytes = spec.limits.memory_bytes
    return {
        "command": [*spec.command],
        "directory": spec.directory,
        "env": dict(spec.env),
        "user": spec.user,
        "port": spec.port,
        "instances": instances,
        "memory_bytes": memory_bytes if is_known(memory_bytes) else None,
    }


def version_of(spec: ServiceSpec) -> str:
    """Equal for what is made of the same; not how many there are, nor the limit."""
    content = {**content_of(spec, 1), "memory_bytes": None}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
    return f"1:{digest}"


def kept_files(files: Mapping[str, bytes]) -> tuple[KeptFile, ...]:
    """Files as values, as they are captured."""
    return tuple(
        KeptFile(path, hashlib.sha256(content).hexdigest(), content)
        for path, content in sorted(files.items())
    )


def with_files_of(instance: Instance, service: VirtualService) -> Instance:
    """As listed: its files are part of what it is."""
    digest = service.files_digest
    if not digest:
        return instance
    version = with_files(instance.version, digest)
    return replace(instance, version=version, files_changed_at_s=service.files_changed_at_s)


def merged(spec: ServiceSpec, content: Mapping[str, Any]) -> ServiceSpec:
    """The declaration with this content over it. How many there are stays as it is.

    Raises:
        GiveUp: a field is unknown or cannot be read.
    """
    unknown = sorted(set(content) - set(FIELDS))
    if unknown:
        raise GiveUp(f"{unknown[0]}: there is no such field; known are {', '.join(FIELDS)}")
    try:
        limit = content.get("memory_bytes", spec.limits.memory_bytes)
        limit_bytes = UNKNOWN if limit is None else float(limit)
        if limit_bytes <= 0:
            raise GiveUp(f"memory_bytes: {limit_bytes:g} is not above 0")
        return replace(
            spec,
            command=tuple(str(word) for word in content.get("command", spec.command)),
            env={str(k): str(v) for k, v in dict(content.get("env", spec.env)).items()},
            directory=content.get("directory", spec.directory),
            user=content.get("user", spec.user),
            port=content.get("port", spec.port),
            limits=replace(spec.limits, memory_bytes=limit_bytes),
        )
    except (TypeError, ValueError) as error:
        raise GiveUp(f"the configuration of {spec.name} cannot be read: {error}") from error
