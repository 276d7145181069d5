"""A small real stack under a real Everup that can be killed: for tests of crashes while it acts.

Four services: `store` (stateful) ← `api` ← `web`, and `worker`, which takes long to stop; or those
that a test declares. Flows in: faults and kills. Flows out: what every service noted of its starts,
and the journal when all is over. `close` stops all of it, whatever happened.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from everup.demo.client import Client, NoAnswer
from everup.journal import open_journal
from everup.loop.fold import fold_all
from everup.model.entries import Entry, Finished, Intended, Verified
from everup.model.state import StackState
from tests.contract.process_lab import WallClock, processes_of
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
TIME_SCALE = 0.2
READY_WITHIN_S = 90.0
STEADY_S = 2.0
SERVICES: dict[str, tuple[float, dict[str, Any]]] = {
    "store": (0.5, {"stateful": True}),
    "api": (0.2, {"depends_on": ["store"]}),
    "web": (0.0, {"depends_on": ["api"]}),
    "worker": (1.0, {}),
}
"""Name → how long its stop takes, and what is declared of it."""


@dataclass(frozen=True)
class Start:
    """What a service noted when it began."""

    pid: int
    at_s: float


def small(folder: Path, name: str, takes_s: float = 0.0, **declared: Any) -> dict[str, Any]:
    """A service that answers, and notes its starts."""
    script = str(Path(__file__).with_name("small_service.py"))
    return {
        "command": [sys.executable, "-S", "-E", script, str(folder), name, str(takes_s)],
        "port": free_port(),
        "probe": {"http": "http://127.0.0.1:{port}/"},
        **declared,
    }


class World:
    """Made once per test; `up` may be called again after `kill`."""

    def __init__(
        self,
        folder: Path,
        services: Mapping[str, dict[str, Any]] | None = None,
        time_scale: float = TIME_SCALE,
        stack_name: str = "small",
    ) -> None:
        self.folder = folder
        self.state_dir = folder / "state"
        self.file = folder / "everup.yaml"
        self.port = free_port()
        self.client = Client(self.port)
        self._everup: subprocess.Popen[bytes] | None = None
        if services is None:
            services = {n: small(folder, n, takes, **more) for n, (takes, more) in SERVICES.items()}
        self.names = tuple(services)
        stack = {
            "stack": stack_name,
            "time_scale": time_scale,
            "listen": f"127.0.0.1:{self.port}",
            "services": dict(services),
        }
        self.file.write_text(yaml.safe_dump(stack, sort_keys=False))

    def up(self, point: str = "", mode: str = "auto") -> None:
        """Start Everup; with a point of `killed_everup` it will not live past that."""
        with (self.folder / "everup.log").open("ab") as log:
            self._up(point, mode, log)

    def up_into_a_pipe(self) -> IO[bytes]:
        """Start Everup; what it says comes out here."""
        self._up("", "auto", subprocess.PIPE)
        assert self._everup is not None
        assert self._everup.stdout is not None
        return self._everup.stdout

    def _up(self, point: str, mode: str, output: IO[bytes] | int) -> None:
        module = ["tests.system.killed_everup", point] if point else ["everup.cli"]
        rest = ["up", "-f", str(self.file), "--state-dir", str(self.state_dir), "--mode", mode]
        self._everup = subprocess.Popen(
            [sys.executable, "-m", *module, *rest],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output == subprocess.PIPE else output,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Everup's own."""
        assert self._everup is not None
        return self._everup.pid

    def kill(self) -> None:
        """SIGKILL, at once."""
        assert self._everup is not None
        self._everup.send_signal(signal.SIGKILL)
        self._everup.wait(10)

    def wait_until_dead(self) -> None:
        """For an Everup that ends itself."""
        assert self._everup is not None
        assert self._everup.wait(READY_WITHIN_S) == -signal.SIGKILL, self.log()

    def wait_until_gone(self) -> int:
        """For an Everup that was asked to end; its exit code."""
        assert self._everup is not None
        return self._everup.wait(READY_WITHIN_S)

    def log(self) -> str:
        """What Everup said last."""
        return (self.folder / "everup.log").read_text(errors="replace")[-3000:]

    def restart(self, service: str) -> None:
        """A person asks for it, again while the gate says that what it needs was only just started;
        who answers may be dead before the answer is."""
        until(lambda: self._is_taken(service), READY_WITHIN_S, f"restart of {service}", self.story)

    def _is_taken(self, service: str) -> bool:
        try:
            self.client.post(f"/recovery/manual/{service}?recovery_type=restart")
        except NoAnswer as error:
            return ": 409: " not in str(error)
        return True

    def hurt(self, service: str, number: signal.Signals) -> None:
        """A fault from outside."""
        os.kill(self.starts(service)[-1].pid, number)

    def starts(self, service: str) -> list[Start]:
        """Every start of this service that ever was."""
        with suppress(FileNotFoundError):
            lines = (self.folder / f"{service}.starts").read_text("ascii").splitlines()
            return [Start(int(pid), float(at)) for pid, at in map(str.split, lines)]
        return []

    def pids(self) -> dict[str, int]:
        """Service → pid of its latest start."""
        return {name: self.starts(name)[-1].pid for name in self.names}

    def until_calm(self, stopped: Collection[str] = ()) -> None:
        """Every service healthy (or stopped on purpose), no incident open, nothing in flight, and
        that for longer than a first probe may take: until then a hung service looks well."""
        wanted = {name: "stopped" if name in stopped else "healthy" for name in self.names}
        since_s = time.monotonic()

        def is_steady() -> bool:
            nonlocal since_s
            if not self._is_calm(wanted):
                since_s = time.monotonic()
            return time.monotonic() - since_s > STEADY_S

        until(is_steady, READY_WITHIN_S, "the stack is healthy", self.story)

    def _is_calm(self, wanted: dict[str, str]) -> bool:
        assert self._everup is not None
        assert self._everup.poll() is None, f"Everup has ended:\n{self.log()}"
        with suppress(NoAnswer):
            conditions = self.client.conditions()
            recovery = self.client.get("/status")["components"]["automated_recovery"]
            busy = recovery["incidents_open"] or recovery["actions_in_flight"]
            return not busy and conditions == wanted
        return False

    def until_phase(self, service: str, *phases: str) -> None:
        """Some action on this service is in one of these phases: acting, verifying."""

        def is_there() -> bool:
            with suppress(NoAnswer):
                actions = self.client.get(f"/actions?service={service}")["actions"]
                return any(a["state"] in phases for a in actions)
            return False

        until(is_there, READY_WITHIN_S, f"{service} is {' or '.join(phases)}", self.story)

    def until_started(self, service: str, times: int) -> None:
        """It has begun so many times by now."""
        until(
            lambda: len(self.starts(service)) >= times,
            READY_WITHIN_S,
            f"{service} was started {times} times",
            self.story,
        )

    def story(self) -> str:
        """What a person needs who reads a failure."""
        with suppress(NoAnswer):
            told = {path: self.client.get(path) for path in ("/health-scores", "/actions")}
            return json.dumps(told, indent=1)[-6000:] + self.log()
        return self.log()

    def alive(self) -> dict[int, str]:
        """Processes of this stack: pid → mark."""
        return processes_of(self.state_dir)

    def end(self) -> list[Entry]:
        """Stop Everup and the services in order; the journal's entries, its chain proven whole."""
        assert self._everup is not None
        self.client.close()
        self._everup.send_signal(signal.SIGUSR1)
        assert self._everup.wait(READY_WITHIN_S) == 0, self.log()
        return asyncio.run(self._entries())

    async def _entries(self) -> list[Entry]:
        journal = open_journal(f"sqlite:///{self.state_dir / 'journal.sqlite3'}", clock=WallClock())
        await journal.open("small", "test")
        try:
            assert await journal.verify_chain() == ""
            return [entry for _, _, entry in await journal.entries(limit=10_000)]
        finally:
            await journal.close()

    def close(self) -> None:
        """Nothing of it runs any more."""
        self.client.close()
        if self._everup is not None and self._everup.poll() is None:
            self.kill()
        for pid in self.alive():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def until(
    condition: Callable[[], bool], within_s: float, what: str, story: Callable[[], str]
) -> None:
    """Wait for a condition."""
    ends_s = time.monotonic() + within_s
    while time.monotonic() < ends_s:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s:g} s: {what}\n{story()}")


def check_journal(entries: list[Entry]) -> None:
    """Promises 1 and 2: one action at a time, each with its outcome and its verdict."""
    open_actions: dict[str, str] = {}
    finished: dict[str, str] = {}
    for entry in entries:
        if isinstance(entry, Intended):
            assert entry.step.target not in open_actions, f"{entry.action_id} on top of another"
            open_actions[entry.step.target] = entry.action_id
        elif isinstance(entry, Finished):
            assert open_actions.get(entry.service) == entry.action_id
            finished[entry.action_id] = entry.outcome
            if entry.outcome == "failed":
                del open_actions[entry.service]
        elif isinstance(entry, Verified):
            assert finished[entry.action_id] == "done"
            assert open_actions.pop(entry.service) == entry.action_id
    assert open_actions == {}, "every intent has its end"
    assert fold_all(StackState(), entries).in_flight == {}
