"""The client's relays over SSH, followed to their end.

Over SSH the client library listens on a socket of its own, and relays each connection to a process
on the other machine. It closes the socket and goes; a relay that still says goodbye would be cut
off by the end of the loop, and leave its connection to the garbage collector. Flows in: a client,
before its first call. Flows out: once `ended` has returned, nothing of it runs any more. Called by
`engine`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import aiodocker
from aiodocker.ssh import SSHConnector

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class Relays:
    """Of one client; of one that uses no SSH there are none."""

    def __init__(self, docker: aiodocker.Docker) -> None:
        self._running: set[asyncio.Task[None]] = set()
        connector = docker.session.connector
        if isinstance(connector, SSHConnector):
            handle = self._followed(connector._handle_docker_connection)
            connector._handle_docker_connection = handle  # type: ignore[assignment, method-assign]

    def _followed(self, handle: Handler) -> Handler:
        async def follow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            if task is not None:
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            await handle(reader, writer)

        return follow

    async def ended(self, within_s: float) -> None:
        """Wait for those that run; what does not end in time is cancelled, and waited for once
        more."""
        for has_ended in (False, True):
            if not self._running:
                return
            _, late = await asyncio.wait({*self._running}, timeout=within_s)
            for task in () if has_ended else late:
                task.cancel()
