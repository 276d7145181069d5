"""Recreates a service's containers over and over until it is killed: `PROJECT STATE_FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.runtimes.docker import create
from tests.contract.process_lab import WallClock

TIME_SCALE = 0.02
"""So that a replacement has proven itself after less than a second, and the old one is removed."""


def settings() -> Settings:
    """Of the killed runtime and of its successor."""
    return Settings().scaled(TIME_SCALE)


def stack(project: str) -> Stack:
    """One service, as Compose labels it."""
    return Stack(project, {"web": ServiceSpec("web")}, runtime="docker")


async def main(project: str, folder: Path) -> None:
    runtime = await create(stack(project), folder, WallClock(), settings())
    print("ready", flush=True)
    while True:
        await runtime.recreate("web", grace_s=1.0)
        await asyncio.sleep(1.0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
