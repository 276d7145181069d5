"""Services outlive their controller, however it goes, and the next one knows them again."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from everup.model.errors import AskAHuman
from everup.model.kinds import InstanceState
from everup.model.observation import Instance
from everup.model.runtime import EventKind
from everup.model.stack import Stack
from everup.runtimes.processes import ProcessRuntime, procfs
from tests.contract.process_lab import ProcessLab, processes_of
from tests.system.process_driver import controller, stack_of

pytestmark = pytest.mark.system

SLEEPER = ["sleep", "1000"]
COMMANDS = {"a": SLEEPER, "b": SLEEPER}


def pid_of(instance: Instance) -> int:
    return int(instance.identity.partition(".")[0])


async def listed(runtime: ProcessRuntime) -> dict[str, Instance]:
    return {i.name: i for i in (await runtime.list()).instances}


def lab_for(folder: Path, commands: dict[str, list[str]]) -> ProcessLab:
    return ProcessLab(folder, stack_of(commands))


def test_killed_controller_is_followed_by_one_that_adopts(tmp_path: Path) -> None:
    lab = lab_for(tmp_path, COMMANDS)
    with controller(lab.state_dir, COMMANDS, "a", "b"):
        before = processes_of(lab.state_dir)
    assert len(before) == 2
    assert processes_of(lab.state_dir) == before, "the services must live on"

    async def story() -> None:
        runtime = await lab.open()
        watcher = runtime.watch()
        found = await listed(runtime)
        assert {pid_of(i) for i in found.values()} == set(before)
        assert all(i.state is InstanceState.RUNNING for i in found.values())
        await runtime.start("a")
        assert {pid_of(i) for i in (await listed(runtime)).values()} == set(before)

        os.kill(pid_of(found["a-0"]), signal.SIGKILL)
        event = await anext(watcher)
        assert (event.kind, event.instance, event.is_ours) == (EventKind.DIED, "a-0", False)
        assert event.exit is not None
        assert event.exit.code is None, "nobody can read the code of another's child"
        assert event.exit.was_witnessed
        await runtime.stop("b", grace_s=5.0, may_kill=False)
        assert (await listed(runtime))["b-0"].state is InstanceState.EXITED

    lab.run(story())


def test_death_while_nobody_looked_is_said_to_be_unwitnessed(tmp_path: Path) -> None:
    lab = lab_for(tmp_path, COMMANDS)
    with controller(lab.state_dir, COMMANDS, "a", "b"):
        before = processes_of(lab.state_dir)
    for pid, mark in before.items():
        if "/a/" in mark:
            os.kill(pid, signal.SIGKILL)
    _wait_until_gone(next(pid for pid, mark in before.items() if "/a/" in mark))

    async def story() -> None:
        found = await listed(await lab.open())
        dead = found["a-0"]
        assert dead.state is InstanceState.EXITED
        assert dead.exit is not None
        assert (dead.exit.code, dead.exit.was_witnessed) == (None, False)
        assert found["b-0"].state is InstanceState.RUNNING

    lab.run(story())


def _wait_until_gone(pid: int) -> None:
    for _ in range(500):
        stat = procfs.read_stat(pid)
        if stat is None or stat.state in procfs.GONE_STATES:
            return
        asyncio.run(asyncio.sleep(0.01))
    raise AssertionError(f"{pid} did not end")


def test_one_controller_at_a_time_and_its_pid_is_named(tmp_path: Path) -> None:
    lab = lab_for(tmp_path, COMMANDS)
    with controller(lab.state_dir, COMMANDS, "a") as first:

        async def refused() -> None:
            with pytest.raises(AskAHuman, match=str(first.pid)):
                await lab.open()

        asyncio.run(refused())

    async def story() -> None:
        assert len(await listed(await lab.open())) == 1

    lab.run(story())


def test_equally_named_stacks_in_other_folders_stay_strangers(tmp_path: Path) -> None:
    theirs, ours = lab_for(tmp_path / "theirs", COMMANDS), lab_for(tmp_path / "ours", COMMANDS)

    async def story() -> None:
        runtime = await theirs.open()
        await runtime.start("a")
        mine = await ours.open()
        assert await listed(mine) == {}
        await mine.close(stop_services=True)
        assert (await listed(runtime))["a-0"].state is InstanceState.RUNNING

    theirs.run(story())


def test_services_that_left_the_stack_are_stopped_with_it(tmp_path: Path) -> None:
    lab = lab_for(tmp_path, COMMANDS)
    with controller(lab.state_dir, COMMANDS, "a", "b"):
        pass
    smaller = ProcessLab(tmp_path, Stack("driven", {"a": lab.stack.services["a"]}))

    async def story() -> None:
        runtime = await smaller.open()
        assert set(await listed(runtime)) == {"a-0"}
        await runtime.close(stop_services=True)
        assert processes_of(smaller.state_dir) == {}

    smaller.run(story())


def test_an_adopted_zombie_counts_as_exited(tmp_path: Path) -> None:
    """Its parent lives and never asks for it, as a controller that hangs would."""
    lab = lab_for(tmp_path, COMMANDS)

    async def story() -> None:
        runtime = await lab.open()
        watcher = runtime.watch()
        adopted = (await listed(runtime))["a-0"]
        assert adopted.state is InstanceState.RUNNING
        os.kill(pid_of(adopted), signal.SIGKILL)
        event = await anext(watcher)
        stat = procfs.read_stat(pid_of(adopted))
        assert stat is not None
        assert stat.state == "Z", "its parent has not asked for it"
        assert event.exit is not None
        assert event.exit.code is None
        assert (await listed(runtime))["a-0"].state is InstanceState.EXITED

        await runtime.start("a")
        os.kill(pid_of((await listed(runtime))["a-0"]), signal.SIGKILL)
        assert (await anext(watcher)).kind is EventKind.STARTED
        event = await anext(watcher)
        assert event.exit is not None
        assert event.exit.code == -signal.SIGKILL, "our own child's code is read"

    with controller(lab.state_dir, COMMANDS, "a", what="hangs"):
        lab.run(story())
