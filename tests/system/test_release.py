"""Nothing that Everup holds outlives it: given back on wish, at the end, and at the next start."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from everup.app import build_app
from everup.config import load_stack
from everup.model import entries as e
from everup.model.kinds import Purpose
from everup.model.request import AnswerState, Request, Verb
from everup.model.settings import Settings
from everup.model.stack import Limits
from everup.runtimes.processes import ProcessRuntime, create
from tests.contract.process_lab import WallClock
from tests.system.engine_lab import engine, told

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

MIB = 1024 * 1024
FILE = """
stack: held
time_scale: 0.1
services:
  it:
    command: [sleep, "600"]
    limits: {memory: 64MiB}
"""


async def runtime_of(folder: Path) -> ProcessRuntime:
    stack = load_stack(folder / "everup.yaml", {}, {}).scaled().stack
    return await create(stack, folder / "state", WallClock(), Settings().scaled(0.1))


async def limit(runtime: ProcessRuntime) -> float:
    return (await runtime.list()).instances[0].memory_limit_bytes / MIB


async def leave_held(folder: Path) -> None:
    """A controller that changes a limit and is lost."""
    runtime = await runtime_of(folder)
    await runtime.start("it")
    await runtime.set_limits("it", Limits(memory_bytes=128.0 * MIB))
    runtime.lose()


def test_a_limit_is_given_back_at_the_next_start_on_wish_and_at_the_end(tmp_path: Path) -> None:
    (tmp_path / "everup.yaml").write_text(FILE)

    async def story() -> None:
        await leave_held(tmp_path)
        async with engine(tmp_path, FILE) as made:
            runtime = made.control.runtime
            assert isinstance(runtime, ProcessRuntime)
            assert await limit(runtime) == 64, "before its first look"
            given = [x for x in await told(made) if isinstance(x, e.GivenBack)]
            assert [x.what for x in given] == [("it: its memory limit is 64 MiB again",)]
            await runtime.set_limits("it", Limits(memory_bytes=100.0 * MIB))
            answer = await made.control.request(Request(Verb.RELEASE, by="Ann", service="it"))
            assert (answer.state, await limit(runtime)) == (AnswerState.DONE, 64)
            answer = await made.control.request(Request(Verb.RELEASE, by="Ann"))
            assert "limit" not in answer.text, "what is kept to go back to at most"
            answer = await made.control.request(Request(Verb.RELEASE, by="Ann"))
            assert answer.text == "nothing is held"
            await runtime.set_limits("it", Limits(memory_bytes=100.0 * MIB))
            await made.stop()
        again = await runtime_of(tmp_path)
        try:
            assert await limit(again) == 64, "at the end"
        finally:
            await again.close(stop_services=True)

    asyncio.run(story())


def test_one_that_begins_anew_goes_on_holding(tmp_path: Path) -> None:
    async def story() -> None:
        async with engine(tmp_path, FILE) as made:
            runtime = made.control.runtime
            assert isinstance(runtime, ProcessRuntime)
            await runtime.set_limits("it", Limits(memory_bytes=100.0 * MIB))
            await made.stop(gives_back=False)
            loaded = load_stack(tmp_path / "everup.yaml", {}, {"mode": "auto"})
            again = build_app(loaded, state_dir=made.state_dir)
            await again.start(gives_back=False)
            try:
                runtime = again.control.runtime
                assert isinstance(runtime, ProcessRuntime)
                assert await limit(runtime) == 100
                assert not [x for x in await told(again) if isinstance(x, e.GivenBack)]
            finally:
                await again.stop(stop_services=True)
        runtime = await runtime_of(tmp_path)
        assert await limit(runtime) == 64, "at its end it is given back"
        await runtime.close(stop_services=True)

    asyncio.run(story())


def test_the_verb_works_without_everup(tmp_path: Path) -> None:
    (tmp_path / "everup.yaml").write_text(FILE)
    asyncio.run(leave_held(tmp_path))
    environ = {k: v for k, v in os.environ.items() if not k.startswith("EVERUP_U")}
    command = [sys.executable, "-m", "everup.cli", "release", "-f", str(tmp_path)]
    command += ["--state-dir", str(tmp_path / "state")]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *more], env=environ, capture_output=True, text=True, timeout=60
        )

    try:
        unknown = run("nobody")
        assert (unknown.returncode, "there are: it" in unknown.stderr) == (2, True)
        assert run("it").stdout == "it: its memory limit is 64 MiB again\n"
        assert run().stdout == "nothing is held\n"
    finally:
        asyncio.run(end(tmp_path))


async def end(folder: Path) -> None:
    runtime = await runtime_of(folder)
    assert await limit(runtime) == 64
    await runtime.close(stop_services=True)


GREEDY = """
import time
block = bytearray(40 * 1024 * 1024)
block[::4096] = b"x" * len(block[::4096])
print("grown", flush=True)
time.sleep(600)
"""


def test_a_limit_that_is_needed_stays_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "greedy.py").write_text(GREEDY)
    text = FILE.replace('[sleep, "600"]', f"[python3, {tmp_path}/greedy.py]")
    (tmp_path / "everup.yaml").write_text(text.replace("64MiB", "48MiB"))

    async def story() -> None:
        runtime = await runtime_of(tmp_path)
        try:
            await runtime.set_limits("it", Limits(memory_bytes=256.0 * MIB))
            await runtime.start("it")
            async with asyncio.timeout(20.0):
                while "grown" not in await runtime.logs("it", lines=5):
                    await asyncio.sleep(0.05)
            said = await runtime.release("it")
            assert len(said) == 1
            assert "stays" in said[0]
            assert await limit(runtime) == 256
        finally:
            await runtime.close(stop_services=True)

    asyncio.run(story())


def test_who_is_killed_for_memory_leaves_evidence_in_its_output(tmp_path: Path) -> None:
    (tmp_path / "greedy.py").write_text(GREEDY)
    text = FILE.replace('[sleep, "600"]', f"[python3, {tmp_path}/greedy.py]")
    (tmp_path / "everup.yaml").write_text(text.replace("64MiB", "20MiB"))

    async def story() -> None:
        runtime = await runtime_of(tmp_path)
        try:
            await runtime.start("it")
            async with asyncio.timeout(20.0):
                while (await runtime.list()).instances[0].exit is None:
                    await asyncio.sleep(0.05)
            told_lines = await runtime.logs("it", lines=50)
            assert any(line.startswith("[everup]   use:") for line in told_lines)
        finally:
            await runtime.close(stop_services=True)

    asyncio.run(story())


def test_a_hang_is_ended_with_its_evidence_kept(tmp_path: Path, free_port: int) -> None:
    (tmp_path / "served").mkdir()
    text = f"""
stack: hung
time_scale: 0.1
services:
  web:
    command: [python3, -m, http.server, "{free_port}", --bind, 127.0.0.1, -d, {tmp_path}/served]
    port: {free_port}
    probe: http://127.0.0.1:{free_port}/
"""

    async def story() -> None:
        async with engine(tmp_path, text) as made:
            state = made.control.state
            assert state.service("web").purpose is Purpose.RUN
            async with asyncio.timeout(30.0):
                while not made.control.state.service("web").lives:
                    await asyncio.sleep(0.05)
            listing = await made.control.runtime.list()
            os.kill(int(listing.instances[0].identity.partition(".")[0]), signal.SIGSTOP)
            async with asyncio.timeout(40.0):
                while not (found := [x for x in await told(made) if _is_own_end(x)]):
                    await asyncio.sleep(0.1)
            ended = found[0]
            assert isinstance(ended, e.Finished)
            kept = "\n".join(ended.during)
            assert "in state T: " in kept
            assert "-m http.server" in kept
            assert "threads: " in kept
            assert "open files: " in kept
            assert "probe web-0: " in kept
            assert "log " in kept

    asyncio.run(story())


def _is_own_end(entry: e.Entry) -> bool:
    return isinstance(entry, e.Finished) and bool(entry.during)
