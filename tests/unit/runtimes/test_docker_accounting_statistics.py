"""The engine's documents, of both versions and of engines that leave things out."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

from everup.model.kinds import UNKNOWN
from everup.runtimes.docker.accounting import Usage, usage_of_stats

V1: dict[str, Any] = {
    "read": "2026-11-25T16:41:13.087194911Z",
    "pids_stats": {"current": 3},
    "blkio_stats": {
        "io_service_bytes_recursive": [
            {"major": 8, "minor": 0, "op": "Read", "value": 4096},
            {"major": 8, "minor": 0, "op": "Write", "value": 100},
            {"major": 8, "minor": 0, "op": "Total", "value": 4196},
        ]
    },
    "cpu_stats": {
        "cpu_usage": {"total_usage": 1_500_000_000},
        "throttling_data": {"periods": 2, "throttled_periods": 1, "throttled_time": 500_000_000},
    },
    "memory_stats": {
        "usage": 50_000_000,
        "stats": {"inactive_file": 1, "total_inactive_file": 40_000_000},
        "limit": 67_108_864,
    },
    "networks": {
        "eth0": {"rx_bytes": 200, "tx_bytes": 10},
        "eth1": {"rx_bytes": 1, "tx_bytes": 2},
    },
}


def is_unknown(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def test_version_1() -> None:
    assert usage_of_stats(V1).filled_from(Usage(waited_s=0, accept_queue=0, oom_kills=0)) == Usage(
        cpu_seconds=1.5,
        io_bytes=4196,
        memory_bytes=10_000_000,
        memory_limit_bytes=67_108_864,
        waited_s=0,
        accept_queue=0,
        oom_kills=0,
        throttled_s=0.5,
        pids=3,
        rx_bytes=201,
        tx_bytes=12,
    )


def test_version_2_names_the_file_cache_otherwise_and_operations_in_small_letters() -> None:
    rows = [{"op": "read", "value": 1}, {"op": "write", "value": 2}]
    document = V1 | {
        "memory_stats": {"usage": 50, "stats": {"inactive_file": 30}, "limit": 10**9},
        "blkio_stats": {"io_service_bytes_recursive": rows},
    }
    seen = usage_of_stats(document)
    assert (seen.memory_bytes, seen.io_bytes) == (20, 3)


def test_the_hosts_memory_is_no_limit() -> None:
    def limit(value: float, host: float = UNKNOWN) -> float:
        return usage_of_stats({"memory_stats": {"limit": value}}, host).memory_limit_bytes

    assert limit(10**9, host=10**10) == 10**9
    assert math.isnan(limit(10**10, host=10**10))
    assert math.isnan(limit(9223372036854771712))
    assert math.isnan(limit(0))


def test_what_is_missing_is_unknown_and_no_document_breaks_it() -> None:
    documents: tuple[dict[str, Any], ...] = (
        {},
        dict.fromkeys(V1),
        {key: [1] for key in V1},
        {key: {} for key in V1},
        {"blkio_stats": {"io_service_bytes_recursive": []}, "networks": {}},
        {"blkio_stats": {"io_service_bytes_recursive": [None, {"op": "read"}]}},
        {"cpu_stats": {"cpu_usage": {"total_usage": True}}},
        {"memory_stats": {"usage": "50", "stats": None, "limit": None}},
        V1 | {"read": "0001-01-01T00:00:00Z"},
    )
    for document in documents:
        seen = usage_of_stats(document)
        for each in fields(seen):
            assert is_unknown(getattr(seen, each.name)), f"{each.name} from {document}"


def test_usage_without_a_file_cache_figure_is_no_working_set() -> None:
    assert math.isnan(usage_of_stats({"memory_stats": {"usage": 50}}).memory_bytes)


def test_filling_keeps_what_was_seen() -> None:
    seen = Usage(cpu_seconds=1, memory_bytes=5, process_state="S")
    filled = seen.filled_from(usage_of_stats(V1))
    assert (filled.cpu_seconds, filled.memory_bytes, filled.process_state) == (1, 5, "S")
    assert filled.rx_bytes == 201
    assert math.isnan(filled.memory_limit_bytes), "its own memory was seen, and no limit with it"
    assert Usage().filled_from(usage_of_stats(V1)).memory_limit_bytes == 67_108_864
