"""A controller in a process of its own, so that a test can kill it: start what is named, then wait.

    python -m tests.system.process_driver WHAT STATE_DIR STACK_JSON SERVICE…

Prints `ready` and stays. STACK_JSON maps service names to commands. WHAT is `holds`, or `hangs`:
then it lets go of everything and lives on as a parent that never asks for its children.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.runtimes.processes import create
from tests.contract.process_lab import WallClock

ROOT = Path(__file__).parents[2]


def stack_of(commands: dict[str, list[str]]) -> Stack:
    """A stack of plain services."""
    services = {name: ServiceSpec(name, command=tuple(c)) for name, c in commands.items()}
    return Stack(name="driven", services=services)


async def _drive(
    what: str, state_dir: Path, commands: dict[str, list[str]], services: list[str]
) -> None:
    runtime = await create(stack_of(commands), state_dir, WallClock(), Settings())
    for service in services:
        await runtime.start(service)
    if what == "hangs":
        runtime.lose()
    print("ready", flush=True)
    await asyncio.sleep(600)


@contextmanager
def controller(
    state_dir: Path, commands: dict[str, list[str]], *services: str, what: str = "holds"
) -> Iterator[subprocess.Popen[str]]:
    """A controller that has started these services; killed with SIGKILL at the end."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    arguments = [what, str(state_dir), json.dumps(commands), *services]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.system.process_driver", *arguments],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        with process.stdout:
            assert process.stdout.readline() == "ready\n"
            yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


if __name__ == "__main__":
    asyncio.run(_drive(sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4:]))
