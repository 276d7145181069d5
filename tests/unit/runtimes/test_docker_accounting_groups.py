"""What control groups of both versions say, and what is not made up where they are mute."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from everup.runtimes.docker.accounting import Accounting, Target, Usage
from tests.unit.runtimes import docker_trees as trees

ABROAD = Target(trees.ID, 99)
"""Its process cannot be seen."""


def usage(base: Path, target: Target = ABROAD) -> Usage:
    accounting = Accounting(roots=trees.roots(base))
    try:
        return accounting.read([target])[target.id]
    finally:
        accounting.close()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_both_versions_say_the_same(tmp_path: Path, version: str) -> None:
    if version == "v1":
        trees.make_v1(tmp_path, f"docker/{trees.ID}")
    else:
        trees.make_v2(tmp_path, f"docker/{trees.ID}")
    seen = usage(tmp_path)
    assert seen.cpu_seconds == pytest.approx(2.5)
    assert seen.throttled_s == pytest.approx(0.3)
    assert seen.memory_bytes == 10_000_000, "the working set: what can be dropped is not in it"
    assert seen.io_bytes == 5120
    assert seen.oom_kills == 2
    assert seen.pids == 7
    assert seen.is_enough
    assert seen.process_state is None
    assert math.isnan(seen.waited_s)
    assert math.isnan(seen.accept_queue)
    assert math.isnan(seen.rx_bytes)


def test_the_tightest_limit_of_those_above_counts(tmp_path: Path) -> None:
    group = trees.make_v2(tmp_path, f"small.slice/docker-{trees.ID}.scope")
    assert math.isnan(usage(tmp_path).memory_limit_bytes), "nobody set one"
    (group.parent / "memory.max").write_text("70000000\n")
    assert usage(tmp_path).memory_limit_bytes == 70_000_000
    (group / "memory.max").write_text("60000000\n")
    assert usage(tmp_path).memory_limit_bytes == 60_000_000
    (group / "memory.max").write_text("80000000\n")
    assert usage(tmp_path).memory_limit_bytes == 70_000_000


def test_version_1_has_the_limit_of_the_whole_line_in_one_file(tmp_path: Path) -> None:
    root = trees.make_v1(tmp_path, f"docker/{trees.ID}")
    assert usage(tmp_path).memory_limit_bytes == 67_108_864
    stat = root / "memory" / "docker" / trees.ID / "memory.stat"
    stat.write_text(stat.read_text().replace("67108864", "9223372036854771712"))
    assert math.isnan(usage(tmp_path).memory_limit_bytes)


def test_a_working_set_is_never_negative(tmp_path: Path) -> None:
    group = trees.make_v2(tmp_path, f"docker/{trees.ID}")
    (group / "memory.current").write_text("30000000\n")
    assert usage(tmp_path).memory_bytes == 0


def test_an_empty_io_stat_is_zero_and_a_missing_one_unknown(tmp_path: Path) -> None:
    group = trees.make_v2(tmp_path, f"docker/{trees.ID}")
    (group / "io.stat").write_text("")
    assert usage(tmp_path).io_bytes == 0
    (group / "io.stat").unlink()
    assert math.isnan(usage(tmp_path).io_bytes)


def test_a_total_without_devices_is_no_zero_and_the_processes_are_asked(tmp_path: Path) -> None:
    path = f"docker/{trees.ID}"
    root = trees.make_v1(tmp_path, path)
    (root / "blkio" / path / "blkio.throttle.io_service_bytes_recursive").write_text("Total 0\n")
    assert math.isnan(usage(tmp_path).io_bytes)
    trees.make_process(tmp_path, f"/{path}")
    trees.make_process(tmp_path, f"/{path}", pid=5000)
    (root / "memory" / path / "cgroup.procs").write_text(f"{trees.PID}\n5000\n")
    seen = usage(tmp_path, Target(trees.ID, trees.PID))
    assert seen.io_bytes == 2 * (8192 + 4096)
    assert seen.waited_s == pytest.approx(4.0)


def test_processes_further_down_or_out_of_sight_leave_the_sum_unknown(tmp_path: Path) -> None:
    path = f"docker/{trees.ID}"
    group = trees.make_v2(tmp_path, path)
    trees.make_process(tmp_path, f"/{path}")
    (group / "io.stat").unlink()
    target = Target(trees.ID, trees.PID)
    assert usage(tmp_path, target).io_bytes == 8192 + 4096
    (group / "cgroup.procs").write_text(f"{trees.PID}\n0\n")
    assert math.isnan(usage(tmp_path, target).io_bytes), "one lives in another pid namespace"
    (group / "cgroup.procs").write_text(f"{trees.PID}\n")
    (group / "inner").mkdir()
    assert math.isnan(usage(tmp_path, target).io_bytes), "some are in a group of their own"


def test_what_a_kernel_leaves_out_is_unknown(tmp_path: Path) -> None:
    trees.make_v2(tmp_path, f"docker/{trees.ID}", {"cpu.stat": "usage_usec 1000000\n"})
    seen = usage(tmp_path)
    assert seen.cpu_seconds == 1
    assert all(
        math.isnan(value)
        for value in (seen.memory_bytes, seen.memory_limit_bytes, seen.pids, seen.throttled_s)
    )
    assert not seen.is_enough


def test_garbage_is_unknown_too(tmp_path: Path) -> None:
    broken = dict.fromkeys(trees.V2_FILES, "what is this\n\n")
    trees.make_v2(tmp_path, f"docker/{trees.ID}", broken)
    assert math.isnan(usage(tmp_path).cpu_seconds)
    assert math.isnan(usage(tmp_path).memory_bytes)


def test_a_group_that_vanishes_between_passes_is_missing(tmp_path: Path) -> None:
    group = trees.make_v2(tmp_path, f"docker/{trees.ID}")
    trees.make_v2(tmp_path, f"docker/{trees.OTHER}")
    accounting = Accounting(roots=trees.roots(tmp_path), kept_most=0)
    both = [ABROAD, Target(trees.OTHER, 98)]
    assert accounting.read(both).keys() == {trees.ID, trees.OTHER}
    shutil.rmtree(group)
    assert accounting.read(both).keys() == {trees.OTHER}
    assert accounting.read([]) == {}
