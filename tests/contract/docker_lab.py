"""The contract's five services as real containers of a project of their own.

Each lab makes its containers as Compose would, with its labels, before the first runtime is opened,
and removes exactly them at the end. A service is a few lines of shell in a small image.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from everup.loop.ports import Runtime
from everup.model.kinds import InstanceState
from everup.model.settings import Settings
from everup.model.stack import HookSpec, Stack
from everup.runtimes.docker import MANIFEST, create
from everup.runtimes.docker.containers import NUMBER, PROJECT, SERVICE
from everup.runtimes.docker.engine import Engine, Gone
from everup.runtimes.docker.runtime import DockerRuntime
from everup.testing.runtime_lab import CRASH_CODE, LINES_WRITTEN, TURN_S, lab_stack
from tests.contract.process_lab import KEY, WallClock, make_files
from tests.docker_engine import BUSYBOX, call

IMAGE = BUSYBOX
TIME_SCALE = 0.1
LABEL = "everup.test"
PORT = 7000
_numbers = itertools.count(1)

_STAY = "touch /tmp/ready; sleep 100000 & wait"
_SCRIPTS = {
    "steady": "trap 'exit 0' TERM; n=1; "
    f"while [ $n -le {LINES_WRITTEN} ]; do echo line $n; n=$((n+1)); done; {_STAY}",
    "stubborn": "trap '' TERM; touch /tmp/ready; while :; do sleep 1; done",
    "crasher": f"touch /tmp/ready; sleep {TURN_S}; exit {CRASH_CODE}",
    "hanger": f"touch /tmp/ready; sleep {TURN_S}; kill -STOP $$; {_STAY}",
    "idle": f"trap 'exit 0' TERM; {_STAY}",
}
_OF_HOST = {"PidMode": "host"}
"""For `hanger`: the first process of a table of its own cannot be stopped from inside."""


class DockerLab:
    """A `RuntimeLab` over real containers."""

    manifest = MANIFEST

    def __init__(self, folder: Path) -> None:
        self.clock = WallClock()
        self.folder = folder
        self.settings = Settings().scaled(TIME_SCALE)
        self.project = f"everup-lab-{os.getpid()}-{next(_numbers)}"
        self.stack: Stack = replace(
            lab_stack(
                {},
                {
                    "greet": HookSpec(command=("echo", "hello")),
                    "broken": HookSpec(command=("sh", "-c", "echo no luck; exit 7")),
                    "slow": HookSpec(command=("sleep", "60"), timeout_s=0.5),
                },
            ),
            name=self.project,
            runtime="docker",
        )
        self._runtime: DockerRuntime | None = None
        self._is_made = False
        make_files(folder / "files")

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """Tell the story, then end the world."""
        asyncio.run(self._run(story))

    async def _run(self, story: Coroutine[Any, Any, None]) -> None:
        engine = Engine()
        await engine.open()
        try:
            await self._make(engine)
            await story
        finally:
            if self._runtime is not None:
                await self._runtime.close()
            await self._end(engine)
            await engine.close()

    async def _make(self, engine: Engine) -> None:
        await engine.call(
            "POST", "networks/create", body={"Name": self.network, "Labels": {LABEL: self.project}}
        )
        wanted = [
            (service, number)
            for service, spec in self.stack.services.items()
            for number in range(1, spec.instances + 1)
        ]
        await asyncio.gather(*(self._make_one(engine, s, n) for s, n in wanted))

    async def _make_one(self, engine: Engine, service: str, number: int) -> None:
        memory = int(self.stack.services[service].limits.memory_bytes)
        body: Mapping[str, Any] = {
            "Image": IMAGE,
            "Cmd": ["sh", "-c", _SCRIPTS[service]],
            "Env": ["COLOUR=green"],
            "Labels": {
                PROJECT: self.project,
                SERVICE: service,
                NUMBER: str(number),
                LABEL: self.project,
            },
            "HostConfig": {
                "NetworkMode": self.network,
                **({"Binds": self._binds()} if service == "steady" else {}),
                "Memory": memory,
                **(_OF_HOST if service == "hanger" else {}),
            },
            "NetworkingConfig": {"EndpointsConfig": {self.network: {"Aliases": [service]}}},
        }
        name = f"{self.project}_{service}_{number}"
        await engine.call("POST", "containers/create", params={"name": name}, body=body)

    def _binds(self) -> list[str]:
        files = self.folder / "files"
        return [f"{files}/main.conf:/etc/main.conf:ro", f"{files}/parts:/etc/parts:ro"]

    async def write_file(self, name: str, content: bytes) -> None:
        (self.folder / "files" / name).write_bytes(content)

    async def read_file(self, name: str) -> bytes:
        return (self.folder / "files" / name).read_bytes()

    async def talk(self, runtime: Runtime) -> None:
        hear = f"nc -ll -p {PORT} -e cat"
        await asyncio.to_thread(call, "exec", "-d", f"{self.project}_steady_1", "sh", "-c", hear)
        speak = (
            f"until nc steady {PORT} </dev/null; do sleep 0.05; done; sleep 1000 | nc steady {PORT}"
        )
        await asyncio.to_thread(call, "exec", "-d", f"{self.project}_idle_1", "sh", "-c", speak)

    @property
    def network(self) -> str:
        """Of this lab alone."""
        return f"{self.project}_default"

    async def _end(self, engine: Engine) -> None:
        filters = {"label": [f"{PROJECT}={self.project}"]}
        found = await engine.call(
            "GET", "containers/json", params={"all": True, "filters": filters}
        )
        for line in found:
            try:
                await engine.call(
                    "DELETE", f"containers/{line['Id']}", params={"force": True, "v": True}
                )
            except Gone:
                continue
        await engine.call("DELETE", f"networks/{self.network}")

    async def open(self) -> DockerRuntime:
        self._runtime = await create(
            self.stack, self.folder / "state", self.clock, self.settings, key=KEY
        )
        return self._runtime

    async def lose(self, runtime: Runtime) -> None:
        assert isinstance(runtime, DockerRuntime)
        await runtime.lose()

    async def settled(self, runtime: Runtime, service: str) -> None:
        engine = Engine()
        await engine.open()
        try:
            for _ in range(400):
                listing = await runtime.list()
                names = [
                    i.name
                    for i in listing.instances
                    if i.service == service and i.state is InstanceState.RUNNING
                ]
                if all([await self._is_ready(engine, name) for name in names]):
                    return
                await asyncio.sleep(0.02)
        finally:
            await engine.close()
        raise AssertionError(f"{service} did not settle")

    async def _is_ready(self, engine: Engine, name: str) -> bool:
        changes = await engine.get(f"containers/{name}/changes") or []
        return any(change["Path"] == "/tmp/ready" for change in changes)
