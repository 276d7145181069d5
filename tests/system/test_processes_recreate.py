"""Recreate on real processes: the present release in a fresh area, or the old one again."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from everup.config import ConfigError, load_stack
from everup.model.errors import GiveUp
from everup.model.runtime import Captured
from everup.model.settings import Settings
from everup.model.stack import ReleaseSpec, ServiceSpec, Stack
from everup.runtimes.processes import ProcessRuntime, areas, create
from tests.contract.process_lab import WallClock

pytestmark = pytest.mark.system

PROGRAM = """
import os, signal, sys
print(os.path.basename(os.getcwd()), os.environ["EVERUP_AREA"].rpartition("/")[2], flush=True)
open(os.path.join(os.environ["EVERUP_AREA"], "kept"), "a").close()
signal.pause()
"""


class World:
    """One service with two releases."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "releases"
        for version in ("1", "2"):
            (self.home / version).mkdir(parents=True)
            (self.home / version / "serve.py").write_text(PROGRAM)
        self.point("1")
        self.spec = ServiceSpec(
            "it",
            command=(sys.executable, "serve.py"),
            releases=ReleaseSpec(str(self.home), str(self.home / "current")),
        )

    def point(self, version: str) -> None:
        (self.home / "current").unlink(missing_ok=True)
        (self.home / "current").symlink_to(version)

    def tell(self, story: Callable[[ProcessRuntime], Coroutine[Any, Any, None]]) -> None:
        async def whole() -> None:
            stack = Stack("s", {"it": self.spec, "plain": ServiceSpec("plain", ("sleep", "60"))})
            runtime = await create(stack, self.folder / "state", WallClock(), Settings())
            try:
                await story(runtime)
            finally:
                await runtime.close(stop_services=True)

        asyncio.run(whole())


async def said(runtime: ProcessRuntime, count: int) -> list[str]:
    """`release area` of each start so far."""
    async with asyncio.timeout(20.0):
        while len(lines := await runtime.logs("it", lines=100)) < count:
            await asyncio.sleep(0.02)
    return list(lines)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_restart_keeps_the_release_and_a_recreation_takes_the_present_one(world: World) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start("it")
        assert await said(runtime, 1) == ["1 1"]
        world.point("2")
        await runtime.restart("it", grace_s=5.0)
        assert (await said(runtime, 2))[-1] == "1 1"
        await runtime.recreate("it", grace_s=5.0)
        assert (await said(runtime, 3))[-1] == "2 2"
        await runtime.restart("it", grace_s=5.0)
        assert (await said(runtime, 4))[-1] == "2 2"

    world.tell(story)


def test_one_that_cannot_be_started_leaves_the_one_that_ran(world: World) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start("it")
        await said(runtime, 1)
        before = (await runtime.list()).instances[0]
        world.point("nowhere")
        with pytest.raises(GiveUp, match="leads to no folder"):
            await runtime.recreate("it", grace_s=5.0)
        assert (await runtime.list()).instances[0].identity == before.identity, "not even stopped"
        await runtime.restart("it", grace_s=5.0)
        assert (await said(runtime, 2))[-1] == "1 1"
        world.point("../..")
        with pytest.raises(GiveUp, match="does not lie in"):
            await runtime.recreate("it", grace_s=5.0)

    world.tell(story)


def test_a_present_release_that_does_not_execute_is_put_back(world: World) -> None:
    program = world.home / "1" / "go"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} serve.py\n")
    broken = world.home / "2" / "go"
    broken.write_text("#!/no/such/shell\n")
    for path in (program, broken):
        path.chmod(0o755)
    world.spec = replace(world.spec, command=("./go",))

    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start("it")
        await said(runtime, 1)
        world.point("2")
        with pytest.raises(GiveUp, match="cannot be executed"):
            await runtime.recreate("it", grace_s=5.0)
        assert (await said(runtime, 2))[-1].startswith("1 ")

    world.tell(story)


def test_what_was_captured_brings_the_older_release_back_until_the_link_is_moved(
    world: World,
) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start("it")
        await said(runtime, 1)
        good = await runtime.capture("it")
        content = json.loads(json.dumps(good.content))
        assert content["release"] == str(world.home / "1")
        world.point("2")
        await runtime.recreate("it", grace_s=5.0)
        await said(runtime, 2)
        await runtime.apply(Captured("it", content))
        await runtime.recreate("it", grace_s=5.0)
        assert [line[0] for line in await said(runtime, 3)] == ["1", "2", "1"]
        assert await runtime.capture("it") == good
        (world.home / "3").mkdir()
        (world.home / "3" / "serve.py").write_text(PROGRAM)
        world.point("3")
        await runtime.recreate("it", grace_s=5.0)
        assert (await said(runtime, 4))[-1][0] == "3", "the owner's newer word"

    world.tell(story)


def test_a_service_without_releases_is_refused_by_name(world: World) -> None:
    async def story(runtime: ProcessRuntime) -> None:
        await runtime.start("plain")
        with pytest.raises(GiveUp, match="releases: plain declares none"):
            await runtime.recreate("plain", grace_s=5.0)

    world.tell(story)


def test_the_last_good_area_stays_whatever_comes_after_it(tmp_path: Path) -> None:
    for _ in range(2):
        areas.take(tmp_path, "it-0", None, is_fresh=True)
    areas.prove(tmp_path, "it-0")
    for _ in range(5):
        areas.take(tmp_path, "it-0", None, is_fresh=True)
        areas.prune(tmp_path, "it-0")
    home = next(tmp_path.iterdir())
    assert sorted(p.name for p in home.iterdir() if p.is_dir()) == ["2", "6", "7"]


@pytest.mark.parametrize(
    ("text", "said_of_it"),
    [
        ("{releases: r, directory: d}", "stands beside directory"),
        ("{releases: {current: now}}", "names no directory"),
        ("{hooks: {cache_clear: redis-cli FlushAll}}", "which drops what is no cache too"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path: Path, text: str, said_of_it: str) -> None:
    (tmp_path / "everup.yaml").write_text(f"stack: s\nservices:\n  it: {text}\n")
    with pytest.raises(ConfigError, match=said_of_it):
        load_stack(tmp_path / "everup.yaml", {}, {})
