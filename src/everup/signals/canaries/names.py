"""The dns canary: resolves `localhost` through the system's resolver, as probes of names do.

The name is answered from this host's own tables, so this watches the resolver in our process (its
library, files and threads), not a name server elsewhere. A probe whose own name cannot be resolved
is *unknown* by itself.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from everup.signals.canaries.choir import Unavailable

NAME = "localhost"
_NO_SUCH_NAME = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}


def resolve() -> None:
    """Ask the system.

    Raises:
        OSError: it has no answer.
    """
    socket.getaddrinfo(NAME, None)


class NamesCanary:
    """One look-up at a time, each in a thread of its own, since a look-up cannot be cancelled."""

    name = "dns"

    def __init__(self, resolver: Callable[[], None] = resolve) -> None:
        self._resolver = resolver
        self._pending: asyncio.Future[OSError | None] | None = None
        self._has_sung = False

    async def sing(self, timeout_s: float) -> str:
        """Empty when the name was resolved.

        Raises:
            Unavailable: this host has never known the name.
        """
        if self._pending is None:
            self._pending = self._begin()
        pending = self._pending
        await asyncio.wait({pending}, timeout=timeout_s)
        if not pending.done():
            return f"{NAME} was not resolved within {timeout_s:g} s"
        self._pending = None
        error = pending.result()
        if error is None:
            self._has_sung = True
            return ""
        if not self._has_sung and error.errno in _NO_SUCH_NAME:
            raise Unavailable(f"this host does not know the name {NAME}")
        return f"{NAME} cannot be resolved: {error.strerror or error}"

    async def close(self) -> None:
        """A look-up that hangs is left to its daemon thread."""
        self._pending = None

    def _begin(self) -> asyncio.Future[OSError | None]:
        loop = asyncio.get_running_loop()
        pending: asyncio.Future[OSError | None] = loop.create_future()

        def tell(error: OSError | None) -> None:
            if not pending.done():
                pending.set_result(error)

        def run() -> None:
            error: OSError | None = None
            try:
                self._resolver()
            except OSError as caught:
                error = caught
            with suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(tell, error)

        try:
            threading.Thread(target=run, name="canary-dns", daemon=True).start()
        except RuntimeError as error:
            tell(OSError(str(error)))
        return pending
