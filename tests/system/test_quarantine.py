"""Quarantine on real processes: the sick one is kept frozen, a fresh one has its port."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from everup.app import Engine
from everup.model import entries as e
from everup.model.errors import GiveUp, NotKept, TryAgain
from everup.model.evidence import KEPT
from everup.model.request import Request, Verb
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.runtimes.processes import ProcessRuntime, create, freezing, procfs, sockets
from everup.runtimes.processes.house import House
from tests.contract.process_lab import WallClock, processes_of
from tests.system.engine_lab import engine, told

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SERVICE = Path(__file__).with_name("small_service.py")
FILE = """
stack: kept
time_scale: 0.1
services:
  web:
    command: [{python}, -S, -E, {service}, {folder}, web, "0"]
    port: {port}
    probe: http://127.0.0.1:{port}/
    quarantine: 10m
"""
SELFISH = """
import os, socket, sys
server = socket.socket()
{options}
server.bind(("127.0.0.1", int(os.environ["PORT"])))
server.listen(8)
{forks}
print("ready", flush=True)
while True:
    connection, _ = server.accept()
    connection.sendall(str(os.getpid()).encode())
    connection.close()
"""
SHARING = "server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)"
LOCKING = (
    SHARING
    + """
import fcntl
held = open("lock", "w")
try:
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    sys.exit(1)
"""
)


def state_of(pid: int) -> str:
    stat = procfs.read_stat(pid)
    return stat.state if stat is not None else ""


def pid_of(identity: str) -> int:
    return int(identity.partition(".")[0])


async def proven(made: Engine, count: int) -> None:
    """So many actions were done, and all have helped."""
    async with asyncio.timeout(60.0):
        while len(found := [x for x in await told(made) if isinstance(x, e.Verified)]) < count:
            await asyncio.sleep(0.1)
    assert all(x.has_passed for x in found)


def test_a_hang_is_healed_on_its_own_port_while_the_sick_one_is_kept(
    tmp_path: Path, free_port: int
) -> None:
    text = FILE.format(python=sys.executable, service=SERVICE, folder=tmp_path, port=free_port)

    async def story() -> None:
        async with engine(tmp_path, text) as made:
            await proven(made, 1)
            listing = await made.control.runtime.list()
            sick = pid_of(listing.instances[0].identity)
            os.kill(sick, signal.SIGSTOP)
            await proven(made, 2)
            assert state_of(sick) == "T"
            (instance,) = (await made.control.runtime.list()).instances
            assert pid_of(instance.identity) != sick
            ended = [x for x in await told(made) if isinstance(x, e.Finished)][-1]
            (kept,) = [line for line in ended.during if line.startswith(KEPT)]
            assert f"process {sick}" in kept
            assert "everup release web" in kept
            answer = await made.control.request(Request(Verb.RELEASE, by="Ann", service="web"))
            assert f"process {sick} (web-0), kept aside, is ended" in answer.text
            assert state_of(sick) in ("", "Z")
            (after,) = (await made.control.runtime.list()).instances
            assert after.identity == instance.identity

    asyncio.run(story())
    assert processes_of(tmp_path / "state") == {}


class Place:
    """One service that listens, with its runtime, for what a single verb does."""

    def __init__(self, folder: Path, port: int, options: str = SHARING, forks: str = "") -> None:
        self.folder, self.port = folder, port
        script = SELFISH.format(options=options, forks=forks)
        command = (sys.executable, "-S", "-E", "-c", script)
        spec = ServiceSpec("it", command, directory=str(folder), port=port)
        self.stack = Stack("one", {"it": spec})
        self.runtime: ProcessRuntime | None = None

    async def open(self) -> ProcessRuntime:
        settings = Settings().scaled(0.1)
        self.runtime = await create(self.stack, self.folder / "state", WallClock(), settings)
        return self.runtime

    async def begin(self) -> tuple[ProcessRuntime, int]:
        runtime = await self.open()
        await runtime.start("it")
        return runtime, await self.answers()

    async def answers(self) -> int:
        """The pid that serves on the port; waits for one."""
        async with asyncio.timeout(20.0):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    said = await asyncio.wait_for(reader.read(), 1.0)
                    writer.close()
                    if said:
                        return int(said)
                except OSError:
                    pass
                await asyncio.sleep(0.02)

    async def end(self) -> None:
        runtime = self.runtime
        assert runtime is not None
        await runtime.close(stop_services=True)
        assert processes_of(self.folder / "state") == {}


def tell(place: Place, story: Callable[[Place], object]) -> None:
    async def run() -> None:
        try:
            await story(place)  # type: ignore[misc]
        finally:
            await place.end()

    asyncio.run(run())


def test_peers_of_the_kept_one_see_an_end(tmp_path: Path, free_port: int) -> None:
    async def story(place: Place) -> None:
        runtime, sick = await place.begin()
        os.kill(sick, signal.SIGSTOP)
        while state_of(sick) != "T":
            await asyncio.sleep(0.01)
        waiting = socket.create_connection(("127.0.0.1", place.port), 2.0)
        waiting.settimeout(2.0)
        await runtime.quarantine("it", "it-0", keep_s=60.0, grace_s=0.0)
        with pytest.raises(ConnectionResetError):
            waiting.recv(1)
        waiting.close()
        assert await place.answers() != sick
        assert state_of(sick) == "T"

    tell(Place(tmp_path, free_port), story)


def test_the_whole_family_is_kept_and_ended(tmp_path: Path, free_port: int) -> None:
    async def story(place: Place) -> None:
        runtime, _ = await place.begin()
        before = processes_of(place.folder / "state")
        assert len(before) == 3
        (said,) = await runtime.quarantine("it", "it-0", keep_s=60.0, grace_s=0.0)
        assert "and 2 more" in said
        assert {state_of(pid) for pid in before} == {"T"}
        assert await place.answers() not in before
        assert len(processes_of(place.folder / "state")) == 6
        await runtime.release("it")
        assert {state_of(pid) for pid in before} <= {"", "Z"}
        assert len(processes_of(place.folder / "state")) == 3

    forks = "for leaves in (False, True):\n    if os.fork() == 0:\n        leaves and os.setsid()\n"
    forks += "        break"
    tell(Place(tmp_path, free_port, forks=forks), story)


def test_where_nobody_else_could_have_the_port_it_is_restarted(
    tmp_path: Path, free_port: int
) -> None:
    async def story(place: Place) -> None:
        runtime, sick = await place.begin()
        said = await runtime.quarantine("it", "it-0", keep_s=60.0, grace_s=1.0)
        assert any(f"took port {place.port} without SO_REUSEADDR" in line for line in said)
        assert state_of(sick) in ("", "Z")
        assert not await runtime.release()

    tell(Place(tmp_path, free_port, options=""), story)


def test_a_fresh_one_that_fails_beside_the_kept_one_has_its_way(
    tmp_path: Path, free_port: int
) -> None:
    async def story(place: Place) -> None:
        runtime, sick = await place.begin()
        said = await runtime.quarantine("it", "it-0", keep_s=60.0, grace_s=1.0)
        assert any("failed at once" in line for line in said)
        assert state_of(sick) in ("", "Z")
        assert await place.answers() != sick
        assert not await runtime.release()

    tell(Place(tmp_path, free_port, options=LOCKING), story)


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (sockets, "unshared_port"),
        (freezing, "freeze"),
        (sockets, "shut"),
    ],
)
def test_what_cannot_be_kept_runs_on_as_it_was(
    tmp_path: Path, free_port: int, where: object, what: str
) -> None:
    async def story(place: Place) -> None:
        runtime, pid = await place.begin()
        refusal = patch.object(where, what, side_effect=GiveUp("not permitted"))
        with refusal, pytest.raises(NotKept, match="not permitted"):
            await runtime.quarantine("it", "it-0", keep_s=60.0, grace_s=0.0)
        assert await place.answers() == pid
        assert not await runtime.release()
        assert list((place.folder / "state" / "held" / "aside").glob("*.json")) == []

    tell(Place(tmp_path, free_port), story)


def test_a_host_short_of_memory_keeps_nobody(tmp_path: Path, free_port: int) -> None:
    async def story(place: Place) -> None:
        runtime, pid = await place.begin()
        short = patch.object(procfs, "read_host_memory", return_value=(8e9, 1e9))
        with short, pytest.raises(NotKept, match="memory"):
            await runtime.quarantine("it", "it-0", keep_s=60.0, grace_s=0.0)
        assert await place.answers() == pid

    tell(Place(tmp_path, free_port), story)


def test_a_fresh_one_that_cannot_be_started_leaves_nobody_aside(
    tmp_path: Path, free_port: int
) -> None:
    async def story(place: Place) -> None:
        runtime, sick = await place.begin()
        failing = patch.object(House, "_launch", side_effect=TryAgain("no processes left"))
        with failing, pytest.raises(TryAgain):
            await runtime.quarantine("it", "it-0", keep_s=60.0, grace_s=0.0)
        assert state_of(sick) in ("", "Z")
        (seen,) = (await runtime.list()).instances
        assert seen.exit is not None
        await runtime.start("it")
        assert await place.answers() != sick

    tell(Place(tmp_path, free_port), story)


@pytest.mark.parametrize("where", ["freeze", "shut", "launch"])
def test_lost_in_the_midst_the_next_start_leaves_one_life_or_none(
    tmp_path: Path, free_port: int, where: str
) -> None:
    """Everup is lost when this step has been done, or instead of the launch."""

    async def story(place: Place) -> None:
        runtime, sick = await place.begin()

        class Lost(BaseException):
            pass

        real = {"freeze": freezing.freeze, "shut": sockets.shut}

        def then_lost(*arguments: object) -> None:
            real[where](*arguments)  # type: ignore[operator]
            raise Lost

        patches: dict[str, Any] = {
            "freeze": patch.object(freezing, "freeze", then_lost),
            "shut": patch.object(sockets, "shut", then_lost),
            "launch": patch.object(House, "_launch", side_effect=Lost),
        }
        with patches[where], pytest.raises(Lost):
            await runtime.quarantine("it", "it-0", keep_s=60.0, grace_s=0.0)
        assert state_of(sick) == "T"
        runtime.lose()
        again = await place.open()
        (seen,) = (await again.list()).instances
        assert seen.exit is not None, "it was to be replaced, and nobody adopts it"
        assert state_of(sick) in ("", "Z")
        await again.start("it")
        assert await place.answers() != sick
        assert not await again.release()

    tell(Place(tmp_path, free_port), story)


def test_a_dead_fresh_one_does_not_make_the_kept_one_an_instance(
    tmp_path: Path, free_port: int
) -> None:
    async def story(place: Place) -> None:
        runtime, sick = await place.begin()
        await runtime.quarantine("it", "it-0", keep_s=60.0, grace_s=0.0)
        fresh = await place.answers()
        runtime.lose()
        os.kill(fresh, signal.SIGKILL)
        while state_of(fresh) not in ("", "Z"):
            await asyncio.sleep(0.01)
        again = await place.open()
        (seen,) = (await again.list()).instances
        assert pid_of(seen.identity) == fresh
        assert state_of(sick) == "T", "until it is given back"
        assert len(await again.release("it")) == 1
        assert state_of(sick) in ("", "Z")

    tell(Place(tmp_path, free_port), story)


def test_whoever_ends_the_kept_one_by_hand_ends_the_quarantine(
    tmp_path: Path, free_port: int
) -> None:
    async def story(place: Place) -> None:
        runtime, sick = await place.begin()
        await runtime.quarantine("it", "it-0", keep_s=60.0, grace_s=0.0)
        os.kill(sick, signal.SIGKILL)
        deadline_s = time.monotonic() + 10.0
        held = place.folder / "state" / "held" / "aside"
        while list(held.glob("*.json")) and time.monotonic() < deadline_s:
            await asyncio.sleep(0.02)
        assert not await runtime.release()

    tell(Place(tmp_path, free_port), story)
