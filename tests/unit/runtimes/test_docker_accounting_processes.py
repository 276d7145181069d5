"""Only a process that is known to be the container's is read, and only for as long as it lives."""

from __future__ import annotations

import math
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from everup.runtimes.docker.accounting import Accounting, Target
from everup.runtimes.docker.accounting.process import traffic_of
from tests.unit.runtimes import docker_trees as trees

PATH = f"docker/{trees.ID}"
TARGET = Target(trees.ID, trees.PID)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_state_waiting_and_network_of_the_main_process(tmp_path: Path) -> None:
    trees.make_v2(tmp_path, PATH)
    trees.make_process(tmp_path, f"/{PATH}", letter="T")
    accounting = Accounting(roots=trees.roots(tmp_path))
    seen = accounting.read([TARGET])[trees.ID]
    assert seen.process_state == "T"
    assert seen.waited_s == pytest.approx(2.0)
    assert (seen.rx_bytes, seen.tx_bytes) == (1_000_000_200, 100), "loopback is not traffic"
    assert seen.accept_queue == 2 * (12 + 3), "listening rows of both tables"
    accounting.close()


def test_open_files_are_counted_now_and_then(tmp_path: Path) -> None:
    trees.make_v2(tmp_path, PATH)
    folder = trees.make_process(tmp_path, f"/{PATH}")
    trees.write(folder, {"fd/0": "", "limits": "Max open files  4096  8192  files\n"})
    clock = Clock()
    accounting = Accounting(roots=trees.roots(tmp_path), clock_s=clock, kept_most=100)
    seen = accounting.read([TARGET])[trees.ID]
    assert seen.descriptors >= 1.0
    assert seen.descriptors_most == 4096.0
    (folder / "limits").write_text("Max open files  100  8192  files\n")
    clock.now_s = 14.0
    assert accounting.read([TARGET])[trees.ID].descriptors_most == 4096.0
    clock.now_s = 16.0
    assert accounting.read([TARGET])[trees.ID].descriptors_most == 100.0
    assert math.isnan(seen.gpu_ratio)
    assert math.isnan(seen.connections), "nobody looked into its network"
    accounting.close()


def stat(pid: int, parent: int, ticks: str) -> str:
    return f"{pid} (a ) b) S {parent} 1 1 0 -1 4194560 963 0 2 0 {ticks} 20 0 1 0 12\n"


def test_what_is_run_into_it_from_outside_is_no_work_of_its_own(tmp_path: Path) -> None:
    child, grandchild, check = trees.PID + 1, trees.PID + 2, trees.PID + 3
    pids = "".join(f"{pid}\n" for pid in (trees.PID, child, grandchild, check))
    trees.make_v2(tmp_path, PATH, {**trees.V2_FILES, "cgroup.procs": pids})
    spent = {
        trees.PID: (1, "2 1 10 5"),  # with what its ended children used
        child: (trees.PID, "100 0 0 0"),
        grandchild: (child, "0 200 0 0"),
        check: (77, "400 0 0 0"),  # begun by the engine's shim
    }
    for pid, (parent, ticks) in spent.items():
        folder = trees.make_process(tmp_path, f"/{PATH}", pid=pid)
        (folder / "stat").write_text(stat(pid, parent, ticks))
    accounting = Accounting(roots=trees.roots(tmp_path))
    apart = replace(TARGET, is_checked=True)
    assert accounting.read([apart])[trees.ID].own_cpu_seconds == pytest.approx(3.18)
    assert math.isnan(accounting.read([TARGET])[trees.ID].own_cpu_seconds), "nobody asked for it"
    accounting.close()


def test_a_pid_of_somebody_else_is_not_read(tmp_path: Path) -> None:
    """In a pid namespace of our own the engine's pid names a stranger, or nobody."""
    trees.make_v2(tmp_path, PATH)
    trees.make_process(tmp_path, "/user.slice/somebody")
    accounting = Accounting(roots=trees.roots(tmp_path))
    seen = accounting.read([TARGET])[trees.ID]
    assert seen.cpu_seconds == 2.5
    assert seen.process_state is None
    assert math.isnan(seen.rx_bytes)
    assert not accounting.reach([TARGET]).are_processes_visible
    accounting.close()


@pytest.mark.parametrize("kept_most", [0, 8, 1000])
def test_a_process_that_ends_takes_its_container_along(tmp_path: Path, kept_most: int) -> None:
    trees.make_v2(tmp_path, PATH)
    folder = trees.make_process(tmp_path, f"/{PATH}")
    accounting = Accounting(roots=trees.roots(tmp_path), kept_most=kept_most)
    assert accounting.read([TARGET]).keys() == {trees.ID}
    (folder / "stat").write_text("")
    assert accounting.read([TARGET]) == {}
    accounting.close()


def test_another_process_under_the_same_pid_is_not_taken_for_it(tmp_path: Path) -> None:
    trees.make_v2(tmp_path, PATH)
    folder = trees.make_process(tmp_path, f"/{PATH}")
    accounting = Accounting(roots=trees.roots(tmp_path), kept_most=8)
    assert accounting.read([TARGET])[trees.ID].process_state == "S"
    shutil.rmtree(folder)
    trees.make_process(tmp_path, "/somebody", letter="T")
    assert accounting.read([TARGET]) == {}
    assert accounting.read([TARGET])[trees.ID].process_state is None
    accounting.close()


def test_what_was_not_found_is_looked_for_again_later(tmp_path: Path) -> None:
    clock = Clock()
    trees.make_v2(tmp_path, PATH)
    accounting = Accounting(roots=trees.roots(tmp_path), clock_s=clock)
    assert accounting.read([TARGET])[trees.ID].process_state is None
    trees.make_process(tmp_path, f"/{PATH}")
    clock.now_s += 9
    assert accounting.read([TARGET])[trees.ID].process_state is None
    clock.now_s += 2
    assert accounting.read([TARGET])[trees.ID].process_state == "S"
    accounting.close()


def test_a_shared_network_is_nobodys_own(tmp_path: Path) -> None:
    trees.make_v2(tmp_path, PATH)
    trees.make_v2(tmp_path, f"docker/{trees.OTHER}")
    first = trees.make_process(tmp_path, f"/{PATH}")
    second = trees.make_process(tmp_path, f"/docker/{trees.OTHER}", pid=5000)
    trees.write(first, {"ns/net": ""})
    (second / "ns").mkdir()
    os.link(first / "ns/net", second / "ns/net")
    other = Target(trees.OTHER, 5000)
    accounting = Accounting(roots=trees.roots(tmp_path))
    for seen in accounting.read([TARGET, other]).values():
        assert math.isnan(seen.accept_queue)
        assert math.isnan(seen.rx_bytes)
        assert seen.process_state == "S"
    assert accounting.read([TARGET])[trees.ID].rx_bytes > 0
    flagged = Target(trees.ID, trees.PID, shares_network=True)
    assert math.isnan(accounting.read([flagged])[trees.ID].rx_bytes), "the engine's word counts"
    trees.write(tmp_path / "proc" / "1" / "ns", {})
    os.link(first / "ns/net", tmp_path / "proc/1/ns/net")
    assert math.isnan(accounting.read([TARGET])[trees.ID].rx_bytes), "the host's"
    accounting.close()


@pytest.mark.parametrize("kept_most", [0, 3, 15, 60])
def test_open_files_are_bounded_and_given_back(tmp_path: Path, kept_most: int) -> None:
    targets = []
    for number in range(8):
        container = f"{number:064x}"
        trees.make_v2(tmp_path, f"docker/{container}")
        trees.make_process(tmp_path, f"/docker/{container}", pid=5000 + number)
        targets.append(Target(container, 5000 + number))
    before = len(os.listdir("/proc/self/fd"))
    accounting = Accounting(roots=trees.roots(tmp_path), kept_most=kept_most)
    for _ in range(2):
        assert len(accounting.read(targets)) == 8
        assert len(os.listdir("/proc/self/fd")) - before <= kept_most
    accounting.read(targets[:1])
    assert len(os.listdir("/proc/self/fd")) - before <= min(kept_most, 14)
    accounting.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_stopped_container_is_missing(tmp_path: Path) -> None:
    trees.make_v2(tmp_path, PATH)
    accounting = Accounting(roots=trees.roots(tmp_path))
    assert accounting.read([Target(trees.ID, 0)]) == {}


def test_an_unreadable_table_of_interfaces_is_unknown() -> None:
    assert math.isnan(traffic_of(b"").rx_bytes)
    assert traffic_of(b"head\nhead\n    lo: 1 0 0 0 0 0 0 0 1 0\n").rx_bytes == 0
