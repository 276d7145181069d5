"""One round: faults take their course, users ask, and what is foretold is written down.

Flows in: a stage whose stack is well. Flows out: a Told. Everything runs on one asyncio loop. A
fault inside of a process ends with it: after a restart it begins anew, as a leak in a program does.
"""

from __future__ import annotations

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.run_to_failure.cases import NOISE_STEP_MIN, ROUND_MIN, Case, Kind
from benchmarks.run_to_failure.stage import (
    CONNECTIONS_MOST,
    DISK_BYTES,
    FILES_MOST,
    QUEUE_MOST,
    TIMEOUT_S,
    Stage,
)
from benchmarks.run_to_failure.wire import Line, is_served

STEP_S = 1.0
USER_EVERY_S = 1.5
POLL_S = 1.5
STALL_WITHIN_S = 3.0
STALL_SHARE = 0.4
"""When more users of services that have not failed go unserved at once, it is the machine."""
POLLS_LEAST = 0.7
"""Of the questions that were to be asked of Everup; with fewer, faults and users were late too."""
WELL_WITHIN_S = 180.0
START_PAUSE_S = 10.0
UNSERVED_LEAST = 3
"""Users in a row who got no answer in time: the service has failed."""
BYTES_A_MIB = 1 << 20
CLIENT_RESTS_S = 0.01


@dataclass(slots=True)
class Told:
    """Times are true minutes since all was well. `foretold`: when, service, cause, probability."""

    began_s: float = 0.0
    foretold: list[tuple[float, str, str, float]] = field(default_factory=list)
    polls: list[float] = field(default_factory=list)
    failed_min: dict[str, float] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    unserved: dict[str, int] = field(default_factory=dict)
    stalled: int = 0
    """Users who went unserved together with many others: not counted."""
    faults_ended: dict[str, int] = field(default_factory=dict)  # restarts that ended a fault
    actions: list[dict[str, Any]] = field(default_factory=list)


class Driver:
    """Of one stage."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.told = stage, Told()
        self._began = 0.0
        self._everup = Line(stage.port)
        self._lately: deque[tuple[float, str, bool]] = deque()

    def _now_min(self) -> float:
        return (time.monotonic() - self._began) * self.stage.factor / 60.0

    async def run(self) -> Told:
        """Waits until all is well, then the whole round."""
        await self._until_well()
        self._began, self.told.began_s = time.monotonic(), time.time()
        tasks = [asyncio.create_task(self._watch())]
        for service, case in self.stage.cases.items():
            fault = FAULTS[case.kind](self, service, case)
            tasks += [asyncio.create_task(fault.run()), asyncio.create_task(self._use(service))]
        try:
            ends_s = self._began + ROUND_MIN * 60.0 / self.stage.factor
            done, _ = await asyncio.wait(
                tasks, timeout=ends_s - time.monotonic(), return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                task.result()  # none ends by itself
            asked = Line(self.stage.port)  # the other one may wait for its answer just now
            with suppress(OSError):
                answer = await asked.ask("GET", "/actions?limit=500")
                self.told.actions = list(answer["actions"])
            asked.close()
            wanted = ROUND_MIN * 60.0 / self.stage.factor / POLL_S
            if len(self.told.polls) < POLLS_LEAST * wanted:
                said = f"{len(self.told.polls)} of {wanted:.0f} questions"
                raise SystemExit(f"this machine is too busy to say anything: {said} were asked")
            return self.told
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._everup.close()

    async def _until_well(self) -> None:
        deadline_s = time.monotonic() + WELL_WITHIN_S
        while time.monotonic() < deadline_s and not self.stage.has_died():
            await asyncio.sleep(START_PAUSE_S)
            with suppress(OSError):
                found = (await self._everup.ask("GET", "/health-scores"))["services"]
                words = {k: str((one or {}).get("condition")) for k, one in found.items()}
                unwell = [k for k in self.stage.sections if words.get(k) != "healthy"]
                if not unwell:
                    return
                # Thirty-two processes that start at once take longer than compressed time grants.
                for service in unwell:
                    with suppress(OSError):
                        await self._everup.ask("POST", f"/services/{service}/start")
        raise SystemExit(f"the stack is not well:\n{self.stage.last_words()}")

    async def _watch(self) -> None:
        """What Everup says, as anyone may ask."""
        while True:
            with suppress(OSError):
                answer = await self._everup.ask("GET", "/predictions")
                now_min = self._now_min()
                self.told.polls.append(now_min)
                for one in answer["predictions"]:
                    told = (now_min, one["service"], one["cause"], float(one["probability"]))
                    self.told.foretold.append(told)
            await asyncio.sleep(POLL_S)

    async def _use(self, service: str) -> None:
        """Users of one service, one after the other."""
        port, in_a_row, first_min = self.stage.port_of(service), 0, 0.0
        told = self.told
        while True:
            began = time.monotonic()
            at_min = self._now_min()
            is_well = await is_served(port, TIMEOUT_S)
            told.asked[service] = told.asked.get(service, 0) + 1
            is_stalled = self._is_stalled(service, is_well)
            if is_well:
                in_a_row = 0
            elif is_stalled:
                told.stalled += 1
            else:
                told.unserved[service] = told.unserved.get(service, 0) + 1
                first_min = first_min if in_a_row else at_min
                in_a_row += 1
                if in_a_row >= UNSERVED_LEAST:
                    told.failed_min.setdefault(service, first_min)
            await asyncio.sleep(max(0.01, USER_EVERY_S - (time.monotonic() - began)))

    def _is_stalled(self, service: str, is_well: bool) -> bool:
        """Do many go unserved at once, whatever their service?"""
        now_s = time.monotonic()
        self._lately.append((now_s, service, is_well))
        while now_s - self._lately[0][0] > STALL_WITHIN_S:
            self._lately.popleft()
        seen = [well for _, name, well in self._lately if name not in self.told.failed_min]
        return len(seen) > 0 and sum(not well for well in seen) > STALL_SHARE * len(seen)


class Fault(ABC):
    """One case on one service."""

    def __init__(self, driver: Driver, service: str, case: Case) -> None:
        self._driver, self.service, self.case = driver, service, case
        self.port = driver.stage.port_of(service)
        self.line = Line(self.port)
        self._levels = case.levels()
        self._since_min = 0.0
        """When its process began anew, whose fault is then young again."""

    def level(self) -> float:
        """Where it should be now."""
        at = int((self._driver._now_min() - self._since_min) / NOISE_STEP_MIN)
        return float(self._levels[min(max(at, 0), len(self._levels) - 1)])

    async def run(self) -> None:
        """Sets the level, for ever. A service that does not answer is asked again."""
        pid = 0
        while True:
            with suppress(OSError):
                if self.line.is_new or not pid:
                    seen = int((await self.line.ask("GET", "/stats"))["pid"])
                    if pid and seen != pid:
                        self.begin_anew()
                    pid = seen
                await self.set(self.level())
            await asyncio.sleep(STEP_S)

    def begin_anew(self) -> None:
        """Its process was restarted: the fault is at its onset."""
        self._since_min = self._driver._now_min() - self.case.onset_min
        told = self._driver.told.faults_ended
        told[self.service] = told.get(self.service, 0) + 1

    @abstractmethod
    async def set(self, level: float) -> None:
        """Have it there."""

    async def turn(self, **knobs: float) -> None:
        """Knobs of the living process."""
        await self.line.ask("POST", "/knobs", knobs)


class OfMemory(Fault):
    """Memory that is held beside what the process needs."""

    _rest_mib = 0.0

    async def set(self, level: float) -> None:
        if not self._rest_mib:
            stats = await self.line.ask("GET", "/stats")
            self._rest_mib = float(stats["rss_bytes"]) / BYTES_A_MIB
        limit_mib = self._driver.stage.memory_limit_mib(self.service)
        await self.turn(hold_mib=max(0.0, level * limit_mib - self._rest_mib))


class OfFiles(Fault):
    """Open files beside those that the process needs."""

    OWN = 16

    async def set(self, level: float) -> None:
        await self.turn(hold_files=max(0.0, level * FILES_MOST - self.OWN))


class OfLatency(Fault):
    """Every answer takes so much of the time-out."""

    async def set(self, level: float) -> None:
        await self.turn(slow_ms=1000.0 * level * TIMEOUT_S)


class OfDisk(Fault):
    """A file that grows in its folder; it outlives the process."""

    async def set(self, level: float) -> None:
        path = self._driver.stage.folder / "work" / self.service / "grown"
        _size(path, int(min(level, 2.0) * DISK_BYTES))

    def begin_anew(self) -> None:
        """Nothing ends with the process."""


def _size(path: Path, wanted: int) -> None:
    """As far as there is room. The first byte that does not fit is no error."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        now = os.fstat(handle).st_size
        if wanted < now:
            os.ftruncate(handle, wanted)
        os.lseek(handle, min(now, wanted), os.SEEK_SET)
        with suppress(OSError):
            while now < wanted:
                now += os.write(handle, b"\1" * min(4096, wanted - now))
    finally:
        os.close(handle)


class OfConnections(Fault):
    """Clients that connect and never let go; those that the service closes come again."""

    OURS = 2
    BEYOND = 1.2

    def __init__(self, driver: Driver, service: str, case: Case) -> None:
        super().__init__(driver, service, case)
        self._kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def set(self, level: float) -> None:
        wanted = round(min(level, self.BEYOND) * CONNECTIONS_MOST) - self.OURS
        self._kept = [each for each in self._kept if not each[0].at_eof()]
        while len(self._kept) > max(0, wanted):
            self._kept.pop()[1].close()
        while len(self._kept) < wanted:
            async with asyncio.timeout(STEP_S):
                self._kept.append(await asyncio.open_connection("127.0.0.1", self.port))


class OfQueue(Fault):
    """More and more clients, each of which comes again once it was served."""

    def __init__(self, driver: Driver, service: str, case: Case) -> None:
        super().__init__(driver, service, case)
        self._clients: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Asks the service nothing: where its queue is full, nothing would come of it."""
        try:
            while True:
                await self.set(self.level())
                await asyncio.sleep(STEP_S)
        finally:
            for client in self._clients:
                client.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)

    async def set(self, level: float) -> None:
        wanted = round(level * QUEUE_MOST)
        while len(self._clients) > wanted:
            self._clients.pop().cancel()
        while len(self._clients) < wanted:
            self._clients.append(asyncio.create_task(self._client()))

    async def _client(self) -> None:
        while True:
            await is_served(self.port, 10.0 * TIMEOUT_S)
            await asyncio.sleep(CLIENT_RESTS_S)


FAULTS: Mapping[Kind, Callable[[Driver, str, Case], Fault]] = {
    Kind.MEMORY: OfMemory,
    Kind.DISK: OfDisk,
    Kind.FILES: OfFiles,
    Kind.CONNECTIONS: OfConnections,
    Kind.LATENCY: OfLatency,
    Kind.QUEUE: OfQueue,
}
