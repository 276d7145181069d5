"""No process is ever signalled that is not, by everything known of it, the one meant."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from everup.model.kinds import InstanceState
from everup.runtimes.processes import procfs
from everup.runtimes.processes.identity import MARK, Handle, Identity, Mark
from tests.contract.process_lab import ProcessLab, processes_of, python
from tests.system.process_driver import controller, stack_of
from tests.system.test_processes_outlive import listed, pid_of

pytestmark = pytest.mark.system

COMMANDS = {"a": ["sleep", "1000"]}

CLOBBER = python(
    """
import ctypes, signal
columns = open("/proc/self/stat").read().rpartition(")")[2].split()
begin, end = int(columns[47]), int(columns[48])
ctypes.memset(begin, 0, end - begin)
signal.pause()
"""
)
"""Writes over its environment, as servers do that show a title."""


@contextmanager
def stranger(**environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of somebody else's, a session leader as ours are."""
    env = {**os.environ, **environ}
    process = subprocess.Popen(["sleep", "1000"], env=env, start_new_session=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def lab_for(folder: Path, commands: dict[str, list[str]] | None = None) -> ProcessLab:
    return ProcessLab(folder, stack_of(commands or COMMANDS))


def record_of(lab: ProcessLab) -> dict[str, Any]:
    (path,) = (lab.state_dir / "instances").glob("*.json")
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def rewrite(lab: ProcessLab, **changes: object) -> None:
    (path,) = (lab.state_dir / "instances").glob("*.json")
    path.write_text(json.dumps({**record_of(lab), **changes}))


def leave_one_running(lab: ProcessLab) -> int:
    """A service that an earlier controller has left; its pid."""
    with controller(
        lab.state_dir, {n: list(s.command) for n, s in lab.stack.services.items()}, "a"
    ):
        return int(record_of(lab)["pid"])


def end_by_hand(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("change", ["start_ticks", "boot_id"])
def test_a_reused_pid_is_not_adopted_nor_signalled(tmp_path: Path, change: str) -> None:
    lab = lab_for(tmp_path)
    ours = leave_one_running(lab)
    with stranger() as other:
        stat = procfs.read_stat(other.pid)
        assert stat is not None
        wrong: dict[str, dict[str, Any]] = {
            "start_ticks": {"start_ticks": stat.start_ticks - 1},
            "boot_id": {"start_ticks": stat.start_ticks, "boot_id": "an-earlier-boot"},
        }
        rewrite(lab, pid=other.pid, **wrong[change])
        end_by_hand(ours)

        async def story() -> None:
            runtime = await lab.open()
            assert (await listed(runtime))["a-0"].state is InstanceState.EXITED
            await runtime.stop("a", grace_s=0.0)
            await runtime.kill("a")
            await runtime.restart("a", grace_s=0.0)
            assert other.poll() is None, "a stranger was signalled"

        lab.run(story())
        assert other.poll() is None


def test_a_process_with_another_mark_is_not_ours(tmp_path: Path) -> None:
    lab = lab_for(tmp_path)
    ours = leave_one_running(lab)
    theirs = str(Mark("driven", "a", 0, "anotherx", "nonce"))
    with stranger(**{MARK: theirs}) as other:
        stat = procfs.read_stat(other.pid)
        assert stat is not None
        rewrite(lab, pid=other.pid, start_ticks=stat.start_ticks)
        end_by_hand(ours)

        async def story() -> None:
            runtime = await lab.open()
            assert (await listed(runtime))["a-0"].state is InstanceState.EXITED
            await runtime.kill("a")
            assert other.poll() is None

        lab.run(story())


def test_a_handle_outlives_its_process_harmlessly() -> None:
    with stranger() as other:
        stat = procfs.read_stat(other.pid)
        assert stat is not None
        identity = Identity(procfs.boot_id(), other.pid, stat.start_ticks)
        handle = Handle.open(identity)
        assert handle is not None
        assert not handle.has_exited()
    assert handle.has_exited()
    assert not handle.send(signal.SIGKILL)
    handle.close()
    handle.close()
    assert Handle.open(identity) is None


def test_a_start_that_was_never_registered_is_found_by_its_mark(tmp_path: Path) -> None:
    lab = lab_for(tmp_path)
    pid = leave_one_running(lab)
    rewrite(lab, stage="starting", pid=0, start_ticks=0, started_at_s=None)
    _same_process_is_adopted(lab, pid)


def test_a_start_that_was_never_registered_is_found_by_its_output(tmp_path: Path) -> None:
    lab = lab_for(tmp_path, {"a": list(CLOBBER)})
    pid = leave_one_running(lab)
    _wait_until_markless(pid)
    rewrite(lab, stage="starting", pid=0, start_ticks=0, started_at_s=None)
    _same_process_is_adopted(lab, pid)


def test_a_lost_registry_is_rebuilt_from_the_marks(tmp_path: Path) -> None:
    lab = lab_for(tmp_path)
    pid = leave_one_running(lab)
    for path in (lab.state_dir / "instances").iterdir():
        path.unlink()
    _same_process_is_adopted(lab, pid)


def test_a_spoilt_registry_is_set_aside(tmp_path: Path) -> None:
    lab = lab_for(tmp_path)
    pid = leave_one_running(lab)
    (path,) = (lab.state_dir / "instances").glob("*.json")
    path.write_text('{"service": "a"')
    _same_process_is_adopted(lab, pid)
    assert path.with_suffix(".bad").exists()


def test_a_server_that_wrote_over_its_environment_is_adopted(tmp_path: Path) -> None:
    lab = lab_for(tmp_path, {"a": list(CLOBBER)})
    pid = leave_one_running(lab)
    _wait_until_markless(pid)
    _same_process_is_adopted(lab, pid)


def test_a_start_that_never_happened_is_a_dead_instance(tmp_path: Path) -> None:
    lab = lab_for(tmp_path)
    end_by_hand(leave_one_running(lab))
    rewrite(lab, stage="starting", nonce="neverstarted", pid=0, start_ticks=0, started_at_s=None)

    async def story() -> None:
        runtime = await lab.open()
        dead = (await listed(runtime))["a-0"]
        assert dead.state is InstanceState.EXITED
        assert dead.exit is not None
        assert not dead.exit.was_witnessed
        await runtime.start("a")
        assert (await listed(runtime))["a-0"].state is InstanceState.RUNNING

    lab.run(story())


def _same_process_is_adopted(lab: ProcessLab, pid: int) -> None:
    async def story() -> None:
        runtime = await lab.open()
        found = (await listed(runtime))["a-0"]
        assert found.state is InstanceState.RUNNING
        assert pid_of(found) == pid
        assert abs(found.started_at_s - lab.clock.now()) < 60
        await runtime.start("a")
        assert pid_of((await listed(runtime))["a-0"]) == pid, "it must not be started twice"
        await runtime.stop("a", grace_s=5.0)
        assert procfs.read_stat(pid) is None or await _is_gone(pid)

    lab.run(story())
    assert processes_of(lab.state_dir) == {}


async def _is_gone(pid: int) -> bool:
    for _ in range(200):
        stat = procfs.read_stat(pid)
        if stat is None or stat.state in procfs.GONE_STATES:
            return True
        await asyncio.sleep(0.01)
    return False


def _wait_until_markless(pid: int) -> None:
    for _ in range(500):
        if not (procfs.read_bytes(f"/proc/{pid}/environ") or b"").strip(b"\0"):
            return
        asyncio.run(asyncio.sleep(0.01))
    raise AssertionError(f"{pid} ({sys.executable}) did not write over its environment")
