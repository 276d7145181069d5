"""A service is more than its main process: nothing that belongs to it is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from everup.model.errors import GiveUp
from everup.model.kinds import InstanceState
from everup.model.stack import ServiceSpec, Stack
from everup.runtimes.processes import ProcessRuntime, procfs
from tests.contract.process_lab import ProcessLab, processes_of, python
from tests.system.test_processes_outlive import listed, pid_of

pytestmark = pytest.mark.system

WRAPPER = ("sh", "-c", "sleep 1000 & sleep 1000 & wait")
DEAF_CHILD = ("sh", "-c", "sh -c 'trap \"\" TERM; while :; do sleep 1; done' & wait")
NEW_SESSION = python(
    """
import os, signal
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.environ.clear()
            os.execve("/bin/sleep", ["sleep", "1000"], {})
        signal.pause()
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
while True:
    signal.pause()
"""
)
"""Descendants with sessions of their own, and without any mark."""


def lab_of(folder: Path, command: tuple[str, ...]) -> ProcessLab:
    return ProcessLab(folder, Stack("trees", {"it": ServiceSpec("it", command)}))


async def with_members(lab: ProcessLab, runtime: ProcessRuntime, count: int) -> set[int]:
    """Start it and wait for its tree; the pids below the main process, as accounted."""
    await runtime.start("it")
    for _ in range(500):
        await runtime.list()
        members = _members(runtime)
        if len(members) == count:
            return members
        await asyncio.sleep(0.01)
    raise AssertionError(f"expected {count} members, there are {members}")


def _members(runtime: ProcessRuntime) -> set[int]:
    (life,) = runtime._house.roster.of("it")
    return {member.pid for member in life.members}


def alive(pids: set[int]) -> set[int]:
    """Those that have not ended; whether somebody has asked for a zombie is not our business."""
    stats = [procfs.read_stat(pid) for pid in pids]
    return {stat.pid for stat in stats if stat and stat.state not in procfs.GONE_STATES}


@pytest.mark.parametrize(
    ("command", "count"),
    [(WRAPPER, 2), (DEAF_CHILD, 2), (NEW_SESSION, 4)],
    ids=["wrapper", "deaf child", "sessions of their own"],
)
@pytest.mark.parametrize("verb", ["stop", "kill", "crash"])
def test_nothing_of_it_stays(
    tmp_path: Path, command: tuple[str, ...], count: int, verb: str
) -> None:
    lab = lab_of(tmp_path, command)

    async def story() -> None:
        runtime = await lab.open()
        members = await with_members(lab, runtime, count)
        before = (await listed(runtime))["it-0"]
        if verb == "stop":
            await runtime.stop("it", grace_s=0.5)
        elif verb == "kill":
            await runtime.kill("it")
        else:
            watcher = runtime.watch()
            os.kill(pid_of(before), signal.SIGKILL)
            await anext(watcher)
            await runtime.stop("it", grace_s=0.5)
        assert (await listed(runtime))["it-0"].state is InstanceState.EXITED
        assert not alive(members)
        assert processes_of(lab.state_dir) == {}

    lab.run(story())


def test_what_a_crash_left_behind_makes_room_for_the_next_life(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, WRAPPER)

    async def story() -> None:
        runtime = await lab.open()
        members = await with_members(lab, runtime, 2)
        watcher = runtime.watch()
        os.kill(pid_of((await listed(runtime))["it-0"]), signal.SIGKILL)
        await anext(watcher)
        assert alive(members) == members, "nobody has acted yet"
        await runtime.start("it")
        assert not alive(members)

    lab.run(story())


def test_after_a_crash_of_both_the_leftovers_are_still_known(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, WRAPPER)

    async def story() -> None:
        runtime = await lab.open()
        members = await with_members(lab, runtime, 2)
        main = pid_of((await listed(runtime))["it-0"])
        runtime.lose()
        os.kill(main, signal.SIGKILL)
        again = await lab.open()
        for _ in range(500):
            dead = (await listed(again))["it-0"]
            if dead.state is InstanceState.EXITED:
                break
            await asyncio.sleep(0.01)
        assert dead.state is InstanceState.EXITED, "a leftover is not its main process"
        await again.restart("it", grace_s=1.0)
        assert not alive(members)

    lab.run(story())


def test_leftovers_are_not_killed_where_that_is_not_allowed(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, DEAF_CHILD)

    async def story() -> None:
        runtime = await lab.open()
        members = await with_members(lab, runtime, 2)
        with pytest.raises(GiveUp, match="left processes behind") as refused:
            await runtime.stop("it", grace_s=0.3, may_kill=False)
        assert any(str(pid) in str(refused.value) for pid in members)
        assert alive(members)

    lab.run(story())


def test_a_service_is_accounted_with_everything_that_it_made(tmp_path: Path) -> None:
    busy = "while :; do :; done"
    lab = lab_of(tmp_path, ("sh", "-c", f"sh -c '{busy}' & wait"))

    async def story() -> None:
        runtime = await lab.open()
        await with_members(lab, runtime, 1)
        used_s = 0.0
        for _ in range(1000):
            used_s = (await listed(runtime))["it-0"].cpu_seconds
            if used_s > 0.05:
                break
            await asyncio.sleep(0.01)
        assert used_s > 0.05, "the child's work is the service's"

    lab.run(story())
