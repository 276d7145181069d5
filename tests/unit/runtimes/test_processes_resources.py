"""What a process has of things that run out, read of this very process."""

from __future__ import annotations

import asyncio
import math
import os
import socket
from collections.abc import Awaitable, Callable, Mapping

from everup.model.resources import Resources
from everup.runtimes.descriptors import INTERVAL_S
from everup.runtimes.gpu import Gpus
from everup.runtimes.processes import procfs
from everup.runtimes.processes.configuration import Configuration
from everup.runtimes.processes.identity import Handle, Identity
from everup.runtimes.processes.listening import listeners
from everup.runtimes.processes.records import Key, Record
from everup.runtimes.processes.resources import ResourceReader
from everup.runtimes.processes.roster import Life
from everup.runtimes.processes.threads import Threads
from tests.unit.clocks import StepClock

Read = Callable[[], Awaitable[Mapping[Key, Resources]]]


def ourselves(port: int) -> Life:
    stat = procfs.read_stat(os.getpid())
    assert stat is not None
    declared = Configuration.parse({"command": ["x"], "port": port})
    record = Record(
        "a", 0, "n", procfs.boot_id(), 0, declared, pid=stat.pid, start_ticks=stat.start_ticks
    )
    return Life(record, Handle.open(Identity(procfs.boot_id(), stat.pid, stat.start_ticks)))


def story(tell: Callable[[StepClock, socket.socket, Read], Awaitable[None]]) -> None:
    async def run() -> None:
        threads, clock = Threads(), StepClock()
        with socket.socket() as door:
            door.bind(("127.0.0.1", 0))
            door.listen(16)
            life = ourselves(door.getsockname()[1])
            reader = ResourceReader(threads, clock, 1.0, lambda: Gpus(lambda: None))

            async def read() -> Mapping[Key, Resources]:
                return await reader.read([life], listeners(), {"a": 40.0})

            try:
                await tell(clock, door, read)
            finally:
                assert life.handle is not None
                life.handle.close()
                await asyncio.to_thread(threads.close)

    asyncio.run(run())


def test_files_connections_and_the_room_to_wait() -> None:
    async def tell(clock: StepClock, door: socket.socket, read: Read) -> None:
        first = (await read())["a", 0]
        assert first.queue_most == 16.0
        assert first.descriptors > 3.0
        assert 0.0 < first.descriptors_ratio < 1.0
        assert (first.connections, first.connections_most) == (0.0, 40.0)
        assert math.isnan(first.gpu_ratio)
        assert math.isnan(first.received_bytes), "all share the host's network"
        with socket.create_connection(door.getsockname()), door.accept()[0]:
            assert (await read())["a", 0].connections == 0.0, "looked at now and then"
            clock.at_s += INTERVAL_S + 1.0
            later = (await read())["a", 0]
            assert later.connections == 1.0
            assert later.connections_ratio == 1.0 / 40.0
            assert later.descriptors == first.descriptors + 2.0

    story(tell)


def test_who_does_not_listen_has_no_connections_that_are_known() -> None:
    async def tell(clock: StepClock, door: socket.socket, read: Read) -> None:
        door.close()
        found = (await read())["a", 0]
        assert math.isnan(found.connections)
        assert math.isnan(found.queue_most)
        assert found.descriptors > 3.0

    story(tell)
