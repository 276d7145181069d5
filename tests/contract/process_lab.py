"""The contract's five services as real processes, in a folder of their own.

Each service is a few lines of Python on stdin-less, pipe-less processes. One is settled when it has
made the file that bears its pid.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from everup.loop.ports import Runtime
from everup.model.kinds import InstanceState
from everup.model.settings import Settings
from everup.model.stack import HookSpec, ReleaseSpec, ServiceSpec, Stack
from everup.model.sums import SumKey
from everup.runtimes.processes import MANIFEST, ProcessRuntime, create, procfs
from everup.runtimes.processes.identity import MARK, home_of
from everup.testing.runtime_lab import CRASH_CODE, GOOD_FILE, LINES_WRITTEN, TURN_S, lab_stack

TIME_SCALE = 0.1
KEY = SumKey(b"k" * 32)
"""Of versions, in each life of a lab's runtime."""

_HEAD = """
import os, signal, sys, time
def ready():
    open(os.path.join(os.environ["LAB"], f"ready.{os.getpid()}"), "w").close()
def end(*_):
    os._exit(0)
kept = []
def talk(*_):
    import socket
    at = os.path.join(os.environ["LAB"], "port")
    if os.path.exists(at):
        kept.append(socket.create_connection(("127.0.0.1", int(open(at).read()))))
        return
    kept.append(socket.create_server(("127.0.0.1", 0)))
    with open(at + ".new", "w") as port:
        port.write(str(kept[-1].getsockname()[1]))
    os.rename(at + ".new", at)
signal.signal(signal.SIGUSR1, talk)
"""
_BODIES = {
    "steady": f"""
signal.signal(signal.SIGTERM, end)
for n in range(1, {LINES_WRITTEN} + 1):
    print("line", n)
sys.stdout.flush()
ready()
while True:
    signal.pause()
""",
    "stubborn": """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
ready()
while True:
    signal.pause()
""",
    "crasher": f"""
ready()
time.sleep({TURN_S})
os._exit({CRASH_CODE})
""",
    "hanger": f"""
ready()
time.sleep({TURN_S})
os.kill(os.getpid(), signal.SIGSTOP)
""",
    "idle": """
signal.signal(signal.SIGTERM, end)
ready()
while True:
    signal.pause()
""",
}


class WallClock:
    """The epoch when it was made, advanced by the boot clock."""

    def __init__(self) -> None:
        self._offset_s = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> float:
        return self._offset_s + time.clock_gettime(time.CLOCK_BOOTTIME)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def make_files(folder: Path) -> None:
    """The configuration of `steady`, as every lab has it."""
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    for name in ("main.conf", "parts/one.conf"):
        (folder / name).write_bytes(GOOD_FILE)


def python(script: str) -> tuple[str, ...]:
    """A command that runs these lines with the least start-up time."""
    return (sys.executable, "-S", "-E", "-c", script)


def processes_of(state_dir: Path) -> dict[int, str]:
    """Living processes that carry the mark of this state folder: pid → mark."""
    home = f"/{home_of(state_dir)}."
    found: dict[int, str] = {}
    for pid in procfs.all_pids():
        mark = procfs.read_variable(pid, MARK)
        stat = procfs.read_stat(pid)
        if mark and home in mark and stat and stat.state not in procfs.GONE_STATES:
            found[pid] = mark
    return found


class ProcessLab:
    """A `RuntimeLab` over real processes in `folder`."""

    manifest = MANIFEST

    def __init__(self, folder: Path, stack: Stack | None = None) -> None:
        self.clock = WallClock()
        self.state_dir = folder / "state"
        self.folder = folder
        self.settings = Settings().scaled(TIME_SCALE)
        make_files(folder / "files")
        self.stack = stack if stack is not None else self._stack()
        self._runtime: ProcessRuntime | None = None

    def _stack(self) -> Stack:
        hooks = {
            "greet": HookSpec(command=("echo", "hello", "{port}")),
            "broken": HookSpec(command=("sh", "-c", "echo no luck; exit 7")),
            "slow": HookSpec(command=("sleep", "60"), timeout_s=0.5),
        }
        commands = {name: python(_HEAD + body) for name, body in _BODIES.items()}
        stack = lab_stack(commands, hooks, port=20000)
        return replace(stack, services={n: self._at_home(s) for n, s in stack.services.items()})

    def _at_home(self, spec: ServiceSpec) -> ServiceSpec:
        env = {**spec.env, "LAB": str(self.folder)}
        stop = replace(spec.stop, grace_s=spec.stop.grace_s * TIME_SCALE)
        spec = replace(spec, env=env, stop=stop)
        if spec.name != "steady":
            return replace(spec, directory=str(self.folder))
        home = self.folder / "releases"
        (home / "1").mkdir(parents=True, exist_ok=True)
        if not (home / "current").is_symlink():
            (home / "current").symlink_to("1")
        files = self.folder / "files"
        return replace(
            spec,
            releases=ReleaseSpec(str(home), str(home / "current")),
            config_files=(str(files / "main.conf"), str(files / "parts")),
        )

    async def write_file(self, name: str, content: bytes) -> None:
        (self.folder / "files" / name).write_bytes(content)

    async def read_file(self, name: str) -> bytes:
        return (self.folder / "files" / name).read_bytes()

    async def talk(self, runtime: Runtime) -> None:
        for service in ("steady", "idle"):
            pid = (await self._pids(runtime, service))[0]
            os.kill(pid, signal.SIGUSR1)
            while not (self.folder / "port").exists():
                await asyncio.sleep(0.02)

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """Tell the story, then end the world and see that nothing is left of it."""
        asyncio.run(self._run(story))
        assert processes_of(self.state_dir) == {}, "processes were left behind"

    async def _run(self, story: Coroutine[Any, Any, None]) -> None:
        try:
            await story
        finally:
            if self._runtime is not None:
                await self._runtime.close()
            last = await self.open()
            await last.close(stop_services=True)

    async def open(self) -> ProcessRuntime:
        self._runtime = await create(self.stack, self.state_dir, self.clock, self.settings, key=KEY)
        return self._runtime

    async def lose(self, runtime: Runtime) -> None:
        assert isinstance(runtime, ProcessRuntime)
        runtime.lose()

    async def settled(self, runtime: Runtime, service: str) -> None:
        for _ in range(1000):
            pids = await self._pids(runtime, service)
            if all(f"ready.{pid}" in os.listdir(self.folder) for pid in pids):
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"{service} did not settle")

    async def _pids(self, runtime: Runtime, service: str) -> list[int]:
        listing = await runtime.list()
        return [
            int(i.identity.partition(".")[0])
            for i in listing.instances
            if i.service == service and i.state is InstanceState.RUNNING
        ]
