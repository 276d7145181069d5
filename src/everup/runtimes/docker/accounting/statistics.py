"""The engine's own statistics of one container, where its control group is out of reach.

Flows in: the document of `GET /containers/ID/stats?stream=false&one-shot=true`, as it was parsed.
Flows out: a `Usage`. Pure. Engines differ in what they leave out; whatever is missing or of
another type is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everup.model.kinds import UNKNOWN, is_known
from everup.runtimes.docker.accounting.groups import NO_LIMIT_BYTES, working_set
from everup.runtimes.docker.accounting.values import Usage

NEVER_READ = "0001-"
"""The engine's zero moment: the container does not run, and its zeros are none."""


def usage_of_stats(document: Mapping[str, Any], host_memory_bytes: float = UNKNOWN) -> Usage:
    """`host_memory_bytes` is the engine's MemTotal: it stands for a limit where there is none."""
    if str(document.get("read", "")).startswith(NEVER_READ):
        return Usage()
    cpu = _part(document, "cpu_stats")
    rx_bytes, tx_bytes = _traffic(document.get("networks"))
    return Usage(
        cpu_seconds=_number(_part(cpu, "cpu_usage"), "total_usage") / 1e9,
        io_bytes=_io_bytes(_part(document, "blkio_stats").get("io_service_bytes_recursive")),
        memory_bytes=_memory_bytes(_part(document, "memory_stats")),
        memory_limit_bytes=_limit_bytes(_part(document, "memory_stats"), host_memory_bytes),
        throttled_s=_number(_part(cpu, "throttling_data"), "throttled_time") / 1e9,
        pids=_number(_part(document, "pids_stats"), "current"),
        rx_bytes=rx_bytes,
        tx_bytes=tx_bytes,
    )


def _memory_bytes(memory: Mapping[str, Any]) -> float:
    """Version 1 says total_inactive_file, version 2 inactive_file."""
    stats = _part(memory, "stats")
    key = "total_inactive_file" if "total_inactive_file" in stats else "inactive_file"
    return working_set(_number(memory, "usage"), _number(stats, key))


def _limit_bytes(memory: Mapping[str, Any], host_memory_bytes: float) -> float:
    limit = _number(memory, "limit")
    is_none = limit <= 0 or limit >= NO_LIMIT_BYTES or limit >= host_memory_bytes
    return UNKNOWN if is_none else limit


def _io_bytes(rows: object) -> float:
    """An empty list may mean nothing yet, or that nobody counts."""
    total = UNKNOWN
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and str(row.get("op", "")).lower() in ("read", "write"):
            total = _number(row, "value") + (total if is_known(total) else 0.0)
    return total


def _traffic(networks: object) -> tuple[float, float]:
    if not isinstance(networks, Mapping) or not networks:
        return UNKNOWN, UNKNOWN
    parts = [part for part in networks.values() if isinstance(part, Mapping)]
    return sum(_number(p, "rx_bytes") for p in parts), sum(_number(p, "tx_bytes") for p in parts)


def _part(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}


def _number(part: Mapping[str, Any], key: str) -> float:
    value = part.get(key)
    return (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) else UNKNOWN
    )
