"""uvicorn inside of `everup up`: on a socket that was bound first, without signal handlers of its
own, since signals belong to the command that owns the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from everup.api.connections import Connection
from everup.api.feed import Feed

INCOMPLETE_HEADER_BYTES_MOST = 64 * 1024
KEEP_ALIVE_S = 5
SHUTDOWN_S = 5
BACKLOG = 128
STARTED_EVERY_S = 0.01


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; taken before anything is started, so that a used port costs nothing.

    Raises:
        OSError: the address is taken, or not of this machine.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs us."""
        yield


class ApiServer:
    """Serves until told to stop."""

    def __init__(self, api: FastAPI, sock: socket.socket) -> None:
        self._sock = sock
        self._feed: Feed = api.state.feed
        self._server = _Server(
            uvicorn.Config(
                api,
                http=Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
                h11_max_incomplete_event_size=INCOMPLETE_HEADER_BYTES_MOST,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=SHUTDOWN_S,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Where it answers, as a URL."""
        host, port = self._sock.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Returns when requests are answered."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._sock]), name="api")
        while not self._server.started and not self._task.done():
            await asyncio.sleep(STARTED_EVERY_S)
        if self._task.done():
            self._task.result()

    async def stop(self) -> None:
        """Let listeners go, finish what is being answered, for at most `SHUTDOWN_S`, and close."""
        self._feed.close()
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._sock.close()
