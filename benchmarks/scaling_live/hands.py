"""Instances started and ended without Everup: what the plain rule is carried out by.

Somebody who scales by hand and does it well: who comes is found by HAProxy's own check, who goes is
drained first, and HAProxy is told that the place is free again.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from benchmarks.recovery.engines import Engine
from benchmarks.recovery.places import end
from benchmarks.scaling_live.haproxy import Haproxy, Server
from benchmarks.scaling_live.world import GRACE_S, INSIDE_PORT, PROGRAM, SERVICE, Size, command

DRAINED_WITHIN_S = 20.0
DOWN_WITHIN_S = 10.0
POLL_S = 0.1


class Hands(Protocol):
    """What starts and ends single instances, by number from 0."""

    def start(self, number: int) -> None:
        """Begin it; it may be a while until it answers."""

    def end(self, number: int) -> None:
        """Have it end what it has in hand, and wait for that."""

    def address(self, number: int) -> str:
        """As HAProxy writes it."""

    def runs(self) -> int:
        """How many are there, ready or not."""


class ProcessHands:
    """Processes of this machine, on ports one after the other."""

    def __init__(self, folder: Path, first_port: int, size: Size) -> None:
        self._folder, self._first, self._size = folder, first_port, size
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, number: int) -> None:
        own = {**os.environ, **self._size.environment(), "PORT": str(self._first + number)}
        with (self._folder / f"by-hand-{number}.log").open("ab") as log:
            self._processes[number] = subprocess.Popen(
                command(), env=own, cwd=self._folder, stdout=log, stderr=log, start_new_session=True
            )

    def end(self, number: int) -> None:
        end(self._processes.pop(number), GRACE_S)

    def address(self, number: int) -> str:
        return f"127.0.0.1:{self._first + number}"

    def runs(self) -> int:
        return sum(one.poll() is None for one in list(self._processes.values()))


class ContainerHands:
    """Containers on a network of their own, all with the service's name on it."""

    def __init__(
        self, engine: Engine, name: str, labels: Sequence[str], image: str, size: Size
    ) -> None:
        self._engine, self._name, self._labels = engine, name, labels
        self._image, self._size = image, size
        self._addresses: dict[int, str] = {}
        engine.docker("network", "create", *labels, name)

    def start(self, number: int) -> None:
        own = {**self._size.environment(), "PORT": str(INSIDE_PORT), "HOST": "0.0.0.0"}
        words = [word for key, value in own.items() for word in ("-e", f"{key}={value}")]
        where = ["--network", self._name, "--network-alias", SERVICE, *self._labels]
        mount = ["-v", f"{PROGRAM}:/service.py:ro"]
        named = ["run", "-d", "--name", f"{self._name}-{number}"]
        program = ["python3", "-S", "-E", "/service.py"]
        self._engine.docker(*named, *where, *mount, *words, self._image, *program)
        shown = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        found = self._engine.docker("inspect", "-f", shown, f"{self._name}-{number}")
        self._addresses[number] = f"{found}:{INSIDE_PORT}"

    def end(self, number: int) -> None:
        name = f"{self._name}-{number}"
        self._engine.docker("stop", "-t", f"{GRACE_S:.0f}", name)
        self._engine.docker("rm", name)
        del self._addresses[number]

    def address(self, number: int) -> str:
        return self._addresses[number]

    def runs(self) -> int:
        return len(self._addresses)


class ByHand:
    """A side that is scaled by these hands. One scaling at a time; what is asked for meanwhile is
    not done, and asked for again at the next sync."""

    def __init__(self, name: str, port: int, haproxy: Haproxy, hands: Hands, size: Size) -> None:
        self.name, self.port, self.haproxy = name, port, haproxy
        self._hands, self._worker = hands, ThreadPoolExecutor(1)
        self._under_way: Future[None] | None = None
        self.count = size.first
        self.changes = [0, 0]
        self.put_off: Mapping[str, int] = {}
        for number in range(size.first):
            hands.start(number)

    def scale(self, count: int) -> None:
        """Begin it, unless something is under way."""
        if count == self.count or not self.is_idle():
            return
        self.changes[count < self.count] += 1
        self._under_way = self._worker.submit(self._change, self.count, count)
        self.count = count

    def is_idle(self) -> bool:
        """Has the latest scaling ended? Raises what it raised."""
        if self._under_way is None or not self._under_way.done():
            return self._under_way is None
        self._under_way.result()
        self._under_way = None
        return True

    def runs(self) -> int:
        return self._hands.runs()

    def close(self) -> None:
        """All of its instances have ended."""
        self._worker.shutdown(wait=True)
        for number in range(self.count):
            self._hands.end(number)

    def _change(self, before: int, count: int) -> None:
        for number in range(before, count):
            self._hands.start(number)
        going = range(before - 1, count - 1, -1)
        servers = [self._server(number) for number in going]
        for server in servers:
            if server is not None:
                self.haproxy.order(server.name, "drain")
        for number, server in zip(going, servers, strict=True):
            if server is not None:
                self._until(server.name, DRAINED_WITHIN_S, has_ended=True)
            self._hands.end(number)
            if server is not None:  # the place is for the next one
                self._until(server.name, DOWN_WITHIN_S, has_ended=False)
                self.haproxy.order(server.name, "ready")

    def _server(self, number: int) -> Server | None:
        address = self._hands.address(number)
        found = (one for one in self.haproxy.see().servers if one.address == address)
        return next(found, None)

    def _until(self, name: str, within_s: float, *, has_ended: bool) -> None:
        """Nothing is in hand any more, or its check has found that nobody is there."""
        deadline_s = time.monotonic() + within_s
        while time.monotonic() < deadline_s:
            now = next((one for one in self.haproxy.see().servers if one.name == name), None)
            if now is None or (not now.sessions if has_ended else not now.is_up):
                return
            time.sleep(POLL_S)
