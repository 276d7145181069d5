"""Owners' hooks: commands and HTTP calls, their answers bounded, their failures named."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.stack import HookSpec, ServiceSpec, Stack
from everup.runtimes.processes import ProcessRuntime, hook_command, procfs
from tests.contract.process_lab import ProcessLab
from tests.ports import free_port

pytestmark = pytest.mark.system


class Owner(BaseHTTPRequestHandler):
    """Answers what the path says."""

    seen: list[str]

    def do_POST(self) -> None:
        self.seen.append(f"POST {self.path}")
        status = int(self.path.strip("/") or 200)
        if status == 408:
            threading.Event().wait(2.0)
        body = b"x" * 100_000 if status == 201 else b"done"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            return

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@contextmanager
def owner() -> Iterator[tuple[int, list[str]]]:
    """A server on a free port, and what it was asked."""
    seen: list[str] = []
    server = HTTPServer(("127.0.0.1", 0), type("Handler", (Owner,), {"seen": seen}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1], seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def lab_of(folder: Path, port: int) -> ProcessLab:
    spec = ServiceSpec("it", ("sleep", "1000"), port=port, env={"SECRET": "s3cret"})
    return ProcessLab(folder, Stack("hooks", {"it": spec}))


@asynccontextmanager
async def running(lab: ProcessLab) -> AsyncIterator[ProcessRuntime]:
    runtime = await lab.open()
    await runtime.start("it")
    yield runtime


async def ended(pid: int) -> None:
    for _ in range(1000):
        stat = procfs.read_stat(pid)
        if stat is None or stat.state in procfs.GONE_STATES:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the command runs on")


def test_an_http_hook_asks_each_instance(tmp_path: Path) -> None:
    with owner() as (port, seen):
        lab = lab_of(tmp_path, port)

        async def story() -> None:
            async with running(lab) as runtime:
                hook = HookSpec(http="POST http://127.0.0.1:{port}/200")
                assert await runtime.run_hook("it", "clear", hook) == "done"
                assert seen == ["POST /200"]
                big = HookSpec(http="http://127.0.0.1:{port}/201")
                assert len(await runtime.run_hook("it", "clear", big)) == 16 * 1024

        lab.run(story())


@pytest.mark.parametrize(
    ("line", "error", "words"),
    [
        ("POST http://127.0.0.1:{port}/404", GiveUp, "404"),
        ("POST http://127.0.0.1:{port}/302", GiveUp, "302"),
        ("POST http://127.0.0.1:{port}/503", TryAgain, "503"),
        ("POST http://127.0.0.1:{port}/408", TryAgain, "0.5 s"),
        ("POST ftp://127.0.0.1/", GiveUp, "is no call"),
        ("EXPLODE http://127.0.0.1/", GiveUp, "is no call"),
        ("POST http://127.0.0.1:port/", GiveUp, "is no address"),
    ],
)
def test_an_http_hook_that_fails_says_how(
    tmp_path: Path, line: str, error: type[EverupError], words: str
) -> None:
    with owner() as (port, _):
        lab = lab_of(tmp_path, port)

        async def story() -> None:
            async with running(lab) as runtime:
                with pytest.raises(error, match="hook clear of it-0") as failed:
                    await runtime.run_hook("it", "clear", HookSpec(http=line, timeout_s=0.5))
                assert words in str(failed.value)

        lab.run(story())


def test_nobody_there_is_a_failure_that_may_pass(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, free_port())

    async def story() -> None:
        async with running(lab) as runtime:
            with pytest.raises(TryAgain, match="failed"):
                await runtime.run_hook("it", "clear", HookSpec(http="http://127.0.0.1:{port}/"))

    lab.run(story())


def test_a_command_runs_as_its_service_does(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, 4321)

    async def story() -> None:
        async with running(lab) as runtime:
            hook = HookSpec(command=("sh", "-c", 'echo {port} $PORT $SECRET "$EVERUP_MARK"'))
            said = await runtime.run_hook("it", "tell", hook)
            assert said.split() == ["4321", "4321", "s3cret"], "and without an instance's mark"

    lab.run(story())


def test_a_talkative_command_is_bounded(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, 4321)

    async def story() -> None:
        async with running(lab) as runtime:
            hook = HookSpec(command=("sh", "-c", "yes | head -c 3000000; echo the end"))
            said = await runtime.run_hook("it", "talk", hook)
            assert said.endswith("the end\n")
            assert len(said) <= hook_command.OUTPUT_BYTES_MOST

    lab.run(story())


def test_a_command_that_leaves_children_does_not_hold_us(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, 4321)

    async def story() -> None:
        async with running(lab) as runtime:
            hook = HookSpec(command=("sh", "-c", "sleep 600 & echo $!"))
            said = await runtime.run_hook("it", "leave", hook)
            await ended(int(said))

    lab.run(story())


def test_a_cancelled_hook_ends_its_command(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, 4321)
    note = tmp_path / "pid"

    async def story() -> None:
        async with running(lab) as runtime:
            hook = HookSpec(command=("sh", "-c", f"echo $$ > {note}; exec sleep 600"))
            call = asyncio.ensure_future(runtime.run_hook("it", "long", hook))
            for _ in range(1000):
                if note.exists() and note.read_text():
                    break
                await asyncio.sleep(0.01)
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)
            await ended(int(note.read_text()))

    lab.run(story())


def test_a_hook_is_a_command_or_a_call(tmp_path: Path) -> None:
    lab = lab_of(tmp_path, 4321)

    async def story() -> None:
        async with running(lab) as runtime:
            for hook in (HookSpec(), HookSpec(command=("true",), http="http://127.0.0.1/")):
                with pytest.raises(GiveUp, match="exactly one"):
                    await runtime.run_hook("it", "both", hook)
            with pytest.raises(GiveUp, match="no-such-program"):
                await runtime.run_hook("it", "odd", HookSpec(command=("no-such-program",)))

    lab.run(story())
