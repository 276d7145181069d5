"""What was changed by hand as a Compose file to lay over the owner's, so that it stays. Pure text.

Flows in: declarations and what is there. Flows out: YAML, or "" where all is as declared. The
owner's own files are never edited; what is held is given back at the end all the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from everup.auto_scaler.state import ServiceScale
from everup.model.kinds import is_known
from everup.model.stack import ServiceSpec

HEAD = "# What was scaled beside your Compose files. Lay it over them to keep it:"
HOW = """\
# docker compose -f docker-compose.yml -f THIS_FILE up -d
# Where a service has its size under deploy: there, move it there here too, since Compose refuses
# two that differ: scale is deploy.replicas; mem_limit and cpus are memory and cpus of
# deploy.resources.limits."""


def is_changed(spec: ServiceSpec, scale: ServiceScale) -> bool:
    """Is anything there that was not declared?"""
    return bool(_lines(spec, scale))


def override(pairs: Sequence[tuple[ServiceSpec, ServiceScale]]) -> str:
    """The file; "" for none."""
    parts = [(spec.name, _lines(spec, scale)) for spec, scale in pairs]
    return file_of(HEAD, parts)


def file_of(head: str, parts: Sequence[tuple[str, Sequence[str]]]) -> str:
    """A Compose file of these services' lines under a comment; "" where no service has any."""
    changed = [(name, lines) for name, lines in parts if lines]
    if not changed:
        return ""
    told = [f"  {name}:\n" + "".join(f"    {line}\n" for line in lines) for name, lines in changed]
    return f'{head}\n{HOW}\nversion: "2.4"\nservices:\n{"".join(told)}'


def _lines(spec: ServiceSpec, scale: ServiceScale) -> list[str]:
    if not scale.instances:
        return []
    found: list[str] = []
    if scale.instances != spec.instances:
        found.append(f"scale: {scale.instances}")
    if _differs(scale.memory_limit_bytes, spec.limits.memory_bytes):
        limit = scale.memory_limit_bytes
        found.append(f"mem_limit: {limit:.0f}b" if math.isfinite(limit) else "mem_limit: 0")
    if _differs(scale.cpus, spec.limits.cpus):
        found.append(f"cpus: {scale.cpus:g}" if math.isfinite(scale.cpus) else "cpus: 0")
    return found


def _differs(now: float, declared: float) -> bool:
    """NaN: not seen, and then nothing is said; a declared NaN is no limit."""
    if not is_known(now):
        return False
    before = declared if is_known(declared) else math.inf
    return not math.isclose(now, before, rel_tol=1e-6)
