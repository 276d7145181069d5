"""Labs for routers: the fake one, and a real HAProxy on loopback before three small servers."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import threading
from collections.abc import Coroutine, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from everup.loop.ports import Router
from everup.model.routing import RoutedServer, RouterSpec
from everup.routing import create_router
from everup.testing import FakeRouter, FakeRoutes
from everup.testing.router_lab import SERVERS, server
from tests.docker_engine import wait_until
from tests.ports import free_port

STORY_S = 30.0
HOST = "127.0.0.1"
CONFIGURATION = """
global
  stats socket {socket} mode 600 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 10s
  timeout server 10s
  retries 3
  option redispatch 1
listen web
  bind {host}:{port}
  balance roundrobin
  default-server check inter 200ms fastinter 100ms rise 2 fall 2 weight 100
{servers}
"""


class Hour:
    """A clock for which no lease ends."""

    def now(self) -> float:
        return 1_700_000_000.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing."""


class FakeLab:
    """In memory."""

    def __init__(self) -> None:
        self.routes = FakeRoutes()
        for number, name in enumerate(SERVERS):
            self.routes.put(
                RoutedServer(
                    server(name),
                    address="10.0.0.1",
                    port=8000 + number,
                    weight=100,
                    weight_declared=100,
                    sessions=0.0,
                    is_up=True,
                    is_checked=True,
                )
            )
        self.router: Router = FakeRouter(self.routes)

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        asyncio.run(asyncio.wait_for(story, STORY_S))

    async def again(self) -> Router:
        return FakeRouter(self.routes)

    async def silence(self) -> None:
        self.routes.is_silent = True

    async def reload(self) -> None:
        self.routes.reload()

    async def address(self) -> tuple[str, int]:
        return "10.0.0.9", 8080


class HaproxyLab:
    """A real one, of this machine."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("haproxy")
        assert program, "no haproxy: scripts/engine start installs one"
        self._program, self._folder = program, folder
        self._servers = [ThreadingHTTPServer((HOST, 0), _Answer) for _ in (*SERVERS, "spare")]
        for one in self._servers:
            threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True).start()
        self.socket, self.port = folder / "admin.sock", free_port()
        lines = [
            f"  server {name} {HOST}:{one.server_address[1]}"
            for name, one in zip(SERVERS, self._servers, strict=False)
        ]
        self._file = folder / "haproxy.cfg"
        self._file.write_text(
            CONFIGURATION.format(
                socket=self.socket, host=HOST, port=self.port, servers="\n".join(lines)
            )
        )
        self._process = self._begin()
        self.router = self._router()

    def _begin(self) -> subprocess.Popen[bytes]:
        said = (self._folder / "haproxy.log").open("ab")
        with said:
            return subprocess.Popen(
                [self._program, "-db", "-f", str(self._file)], stdout=said, stderr=said
            )

    def _router(self) -> Router:
        return create_router(RouterSpec("haproxy", f"unix://{self.socket}"), self._folder, Hour())

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        async def told() -> None:
            try:
                await self._ready()
                await story
            finally:
                story.close()

        asyncio.run(asyncio.wait_for(told(), STORY_S))

    async def _ready(self) -> None:
        await asyncio.to_thread(wait_until, self._is_up, 10.0, "HAProxy")

    def _is_up(self) -> bool:
        async def ask() -> bool:
            listing = await self._router().list()
            return all(one.is_up for one in listing.servers)

        with contextlib.suppress(Exception):
            return asyncio.run(ask())
        return False

    async def again(self) -> Router:
        return self._router()

    async def silence(self) -> None:
        self._end()

    async def reload(self) -> None:
        self._end()
        self._process = self._begin()
        await self._ready()

    async def address(self) -> tuple[str, int]:
        return HOST, self._servers[-1].server_address[1]

    def _end(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def close(self) -> None:
        self._end()
        for one in self._servers:
            one.shutdown()
            one.server_close()


@contextlib.contextmanager
def haproxy_lab(folder: Path) -> Iterator[HaproxyLab]:
    """One for a test."""
    lab = HaproxyLab(folder)
    try:
        yield lab
    finally:
        lab.close()
