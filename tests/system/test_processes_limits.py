"""Bounds that hold while services run: memory, output, waiting connections, our own descriptors."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from everup.model.errors import GiveUp, NotSupported
from everup.model.kinds import InstanceState, is_known
from everup.model.runtime import Captured, EventKind
from everup.model.stack import Limits, ServiceSpec, Stack
from everup.runtimes.processes import ProcessRuntime, output
from tests.contract.process_lab import ProcessLab, processes_of, python
from tests.ports import free_port
from tests.system.test_processes_outlive import listed, pid_of

pytestmark = pytest.mark.system

MIB = 1024 * 1024

HUNGRY = python(
    """
import os, signal, time
def eat(*_):
    global food
    food = bytearray(os.urandom(1024)) * (200 * 1024)
signal.signal(signal.SIGUSR1, eat)
print("ready", flush=True)
while True:
    time.sleep(1000)
"""
)
"""Eats 200 MiB when it is told to."""

LISTENER = python(
    """
import os, signal, socket
door = socket.socket()
door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
door.bind(("127.0.0.1", int(os.environ["PORT"])))
door.listen(16)
print("ready", flush=True)
signal.pause()
"""
)
"""Listens and never accepts."""


def lab_of(folder: Path, spec: ServiceSpec) -> ProcessLab:
    return ProcessLab(folder, Stack("limits", {spec.name: spec}))


async def ready(runtime: ProcessRuntime) -> None:
    await runtime.start("it")
    for _ in range(1000):
        if "ready" in await runtime.logs("it", lines=5):
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not start")


def test_who_exceeds_its_memory_is_killed_and_said_so(tmp_path: Path) -> None:
    spec = ServiceSpec("it", HUNGRY, limits=Limits(memory_bytes=100.0 * MIB))
    lab = lab_of(tmp_path, spec)

    async def story() -> None:
        runtime = await lab.open()
        await ready(runtime)
        watcher = runtime.watch()
        before = (await listed(runtime))["it-0"]
        assert before.memory_bytes < before.memory_limit_bytes == 100 * MIB
        os.kill(pid_of(before), 10)
        assert (await anext(watcher)).kind is EventKind.OUT_OF_MEMORY
        died = await anext(watcher)
        assert (died.kind, died.is_ours) == (EventKind.DIED, False)
        assert died.exit is not None
        assert died.exit.is_out_of_memory
        assert (await listed(runtime))["it-0"].exit == died.exit

    lab.run(story())


def test_a_raised_limit_holds_at_once_and_a_senseless_one_is_refused(tmp_path: Path) -> None:
    spec = ServiceSpec("it", HUNGRY, limits=Limits(memory_bytes=100.0 * MIB))
    lab = lab_of(tmp_path, spec)

    async def story() -> None:
        runtime = await lab.open()
        await ready(runtime)
        await runtime.set_limits("it", Limits(memory_bytes=400.0 * MIB))
        pid = pid_of((await listed(runtime))["it-0"])
        os.kill(pid, 10)
        for _ in range(500):
            used = (await listed(runtime))["it-0"].memory_bytes
            if used > 150 * MIB:
                break
            await asyncio.sleep(0.01)
        assert used > 150 * MIB
        await asyncio.sleep(0.3)  # three looks of the guard
        assert (await listed(runtime))["it-0"].state is InstanceState.RUNNING
        with pytest.raises(GiveUp, match="memory_bytes"):
            await runtime.set_limits("it", Limits(memory_bytes=100.0 * MIB))
        with pytest.raises(NotSupported, match="limit cpus"):
            await runtime.set_limits("it", Limits(cpus=2.0))
        assert (await listed(runtime))["it-0"].memory_limit_bytes == 400 * MIB
        runtime.lose()
        again = await lab.open()
        assert (await listed(again))["it-0"].memory_limit_bytes == 400 * MIB
        await again.restart("it", grace_s=5.0)
        assert (await listed(again))["it-0"].memory_limit_bytes == 400 * MIB

    lab.run(story())


def test_the_owners_newer_word_beats_what_was_applied(tmp_path: Path) -> None:
    spec = ServiceSpec("it", ("sleep", "1000"), env={"COLOUR": "green"})
    lab = lab_of(tmp_path, spec)

    async def story() -> None:
        runtime = await lab.open()
        captured = await runtime.capture("it")
        blue = {**captured.content, "env": {"COLOUR": "blue"}}
        await runtime.apply(Captured("it", blue))
        await runtime.close()
        lab.stack = Stack("limits", {"it": replace(spec, env={"COLOUR": "red"})})
        assert (await (await lab.open()).capture("it")).content["env"] == {"COLOUR": "red"}

    lab.run(story())


def test_output_is_cut_while_it_is_written_and_put_aside_at_a_start(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, ServiceSpec("it", HUNGRY))
    log = lab.state_dir / "output" / "it-0.log"

    async def story() -> None:
        runtime = await lab.open()
        await ready(runtime)
        log.write_bytes(b"an old line\n" * (output.LOG_BYTES_MOST // 12 + 2) + b"the last one\n")
        for _ in range(1000):
            if log.stat().st_size < output.LOG_BYTES_MOST:
                break
            await asyncio.sleep(0.01)
        assert log.stat().st_size < output.LOG_BYTES_MOST
        assert list(await runtime.logs("it", lines=1)) == ["the last one"]
        await runtime.restart("it", grace_s=5.0)
        await ready(runtime)
        assert list(await runtime.logs("it", lines=2)) == ["the last one", "ready"]

    lab.run(story())


def test_waiting_connections_are_counted(tmp_path: Path) -> None:
    port = free_port()
    lab = lab_of(tmp_path, ServiceSpec("it", LISTENER, port=port))

    async def story() -> None:
        runtime = await lab.open()
        await ready(runtime)
        assert (await listed(runtime))["it-0"].accept_queue == 0
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        assert (await listed(runtime))["it-0"].accept_queue == 3
        for client in clients:
            client.close()
        await runtime.kill("it")
        assert not is_known((await listed(runtime))["it-0"].accept_queue)

    lab.run(story())


def test_fifty_lives_leak_no_descriptor_and_no_child(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, ServiceSpec("it", ("sleep", "1000"), port=free_port()))

    async def story() -> None:
        runtime = await lab.open()
        await runtime.start("it")
        await runtime.stop("it", grace_s=5.0)
        before = await _descriptors(runtime)
        identities = set()
        for turn in range(50):
            await runtime.start("it")
            identities.add((await listed(runtime))["it-0"].identity)
            if turn % 2:
                await runtime.stop("it", grace_s=5.0)
            else:
                await runtime.restart("it", grace_s=5.0)
                await runtime.kill("it")
        assert len(identities) == 50
        assert await _descriptors(runtime) == before
        assert processes_of(lab.state_dir) == {}
        assert not _zombies()

    lab.run(story())


async def _descriptors(runtime: ProcessRuntime) -> int:
    await runtime._house.threads.write(lambda: None)  # what is being written now has one open
    return len(os.listdir("/proc/self/fd"))


def _zombies() -> list[int]:
    """Children of ours that nobody has asked for."""
    found = []
    for pid in map(int, (Path(f"/proc/self/task/{os.getpid()}/children").read_text()).split()):
        if "State:\tZ" in Path(f"/proc/{pid}/status").read_text():
            found.append(pid)
    return found
