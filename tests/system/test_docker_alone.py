"""A second Everup on one project, with a state folder of its own, is refused and told why."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from everup.model.errors import AskAHuman
from everup.runtimes.docker import create
from tests.contract.process_lab import WallClock
from tests.docker_engine import BUSYBOX, Docker
from tests.system.docker_recreator import settings, stack

pytestmark = [pytest.mark.system, pytest.mark.timeout(60)]


def test_a_second_one_is_refused_until_the_first_has_gone(docker: Docker, tmp_path: Path) -> None:
    project = stack(docker.name("alone"))

    async def story() -> None:
        first = await create(project, tmp_path / "a", WallClock(), settings())
        with pytest.raises(AskAHuman, match=f"another Everup watches .*process {os.getpid()} "):
            await create(project, tmp_path / "b", WallClock(), settings())
        other = await create(stack(docker.name("else")), tmp_path / "c", WallClock(), settings())
        await other.close()
        await first.lose()  # as a crash would
        second = await create(project, tmp_path / "b", WallClock(), settings())
        await second.close()

    asyncio.run(story())


def test_an_everup_in_a_container_is_known_by_its_mark(docker: Docker, tmp_path: Path) -> None:
    name = docker.name("marked")
    marks = ["--label", "everup.internal.controller=true", "--label", "everup.own=true"]
    docker.run(BUSYBOX, "sleep", "600", name=name, options=[*marks, "-e", f"EVERUP_PROJECT={name}"])

    async def story() -> None:
        with pytest.raises(AskAHuman, match=f"the container {name}"):
            await create(stack(name), tmp_path / "a", WallClock(), settings())
        other = await create(stack(docker.name("else")), tmp_path / "b", WallClock(), settings())
        await other.close()

    asyncio.run(story())
