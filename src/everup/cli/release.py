"""`everup release`: the running Everup gives back what it holds; without one we do it ourselves."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

from everup.cli import client, runfile
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.place import Place
from everup.cli.wishes import said
from everup.config import Loaded
from everup.model.errors import EverupError, StillHeld


def release(place: Place, service: str | None) -> int:
    """0 when nothing is held any more, or what stays was named."""
    from everup.cli.loading import load

    is_named = bool(place.url or os.environ.get("EVERUP_URL", "").strip())
    if is_named or runfile.find(place.folder()) is not None:
        return said(place, client.change(place, "POST", "/release", service=service))
    loaded = load(place, {"state_dir": None if place.state_dir is None else str(place.state_dir)})
    stack = loaded.stack
    if service is not None and service not in stack.services:
        known = ", ".join(sorted(stack.services))
        raise Stop(USAGE, f"no service {service!r} in stack {stack.name}; there are: {known}")
    try:
        given = asyncio.run(give_back(loaded, service))
    except EverupError as error:
        if isinstance(error, StillHeld):
            print("\n".join(line for lines in error.given.values() for line in lines))
        raise Stop(UNWELL, f"not given back: {error}") from None
    print("\n".join(given) or "nothing is held")
    return OK


async def give_back(loaded: Loaded, service: str | None = None) -> Sequence[str]:
    """Without an Everup, under the lock of the state folder, so that none can begin meanwhile.

    Raises:
        EverupError: it could not be done; the message says why.
    """
    from everup.app import load_runtime
    from everup.app.live import BootClock

    scaled = loaded.scaled()
    plugin = load_runtime(scaled.stack.runtime)
    folder = loaded.options.state_dir
    runtime = await plugin.create(scaled.stack, folder, BootClock(), scaled.settings)
    try:
        return await runtime.release(service)
    finally:
        await runtime.close()
