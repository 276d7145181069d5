"""The contract's five services in a virtual world, on virtual time."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from everup.loop.ports import Runtime
from everup.model.stack import HookSpec
from everup.runtimes.simulated import MANIFEST, Operations, SimulatedRuntime, World
from everup.runtimes.simulated.nature import HookNature, Nature
from everup.simulation.virtual_clock import VirtualClock
from everup.simulation.virtual_loop import VirtualLoop, end
from everup.testing.runtime_lab import CRASH_CODE, GOOD_FILE, LINES_WRITTEN, TURN_S, lab_stack

BOOT_S = 0.05
HOOKS = {
    "greet": HookNature("hello"),
    "broken": HookNature(error="no luck"),
    "slow": HookNature(takes_s=60.0),
}
NATURES = {
    "steady": Nature(
        boot_s=BOOT_S,
        stop_s=0.05,
        lines=tuple(f"line {n}" for n in range(1, LINES_WRITTEN + 1)),
        hooks=HOOKS,
    ),
    "stubborn": Nature(boot_s=BOOT_S, hears_stop=False),
    "crasher": Nature(boot_s=BOOT_S, crashes_after_s=TURN_S, crash_code=CRASH_CODE),
    "hanger": Nature(boot_s=BOOT_S, hangs_after_s=TURN_S),
    "idle": Nature(boot_s=BOOT_S, stop_s=0.05),
}


class SimulatedLab:
    """A `RuntimeLab` in which no second is waited for."""

    manifest = MANIFEST

    def __init__(self) -> None:
        self._loop = VirtualLoop()
        self.clock = VirtualClock(self._loop)
        hooks = {name: HookSpec(command=(name,), timeout_s=5.0) for name in HOOKS}
        self.stack = lab_stack({}, hooks, port=20000)
        self._world = World(self.stack, NATURES, loop=self._loop, now=self.clock.now)
        self._world.hands.usual_s = (0.0, 0.05)
        self._world.hands.orphans_finished = 0.0
        for name in ("main.conf", "parts/one.conf"):
            self._world.services["steady"].write(name, GOOD_FILE, self.clock.now())
        self._operations = Operations(self._world)
        self._lives = 0

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """Tell the story; nothing may be left on the loop that complains."""
        try:
            self._loop.run_until_complete(story)
        finally:
            end(self._loop)
        assert self._loop.complaints == []

    async def open(self) -> SimulatedRuntime:
        self._lives += 1
        runtime = SimulatedRuntime(self._world, self._operations, life=self._lives)
        await runtime.open()
        return runtime

    async def lose(self, runtime: Runtime) -> None:
        assert isinstance(runtime, SimulatedRuntime)
        runtime.lose()

    async def write_file(self, name: str, content: bytes) -> None:
        self._world.services["steady"].write(name, content, self.clock.now())

    async def read_file(self, name: str) -> bytes:
        return self._world.services["steady"].files[name]

    async def talk(self, runtime: Runtime) -> None:
        raise AssertionError("nothing has a socket in here")

    async def settled(self, runtime: Runtime, service: str) -> None:
        await self.clock.sleep(BOOT_S)
