"""`everup release`: the running Everup gives back what it holds; without one we do it ourselves."""

from __future__ import annotations

import asyncio
import os

from everup.cli import client, runfile
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.place import Place
from everup.cli.wishes import said
from everup.model.errors import EverupError


def release(place: Place, service: str | None) -> int:
    """0 when nothing is held any more, or what stays was named."""
    is_named = bool(place.url or os.environ.get("EVERUP_URL", "").strip())
    if is_named or runfile.find(place.folder()) is not None:
        return said(place, client.change(place, "POST", "/release", service=service))
    return asyncio.run(_by_ourselves(place, service))


async def _by_ourselves(place: Place, service: str | None) -> int:
    """Under the lock of the state folder, so that no Everup can begin meanwhile."""
    from everup.app.live import BootClock
    from everup.cli.up import read
    from everup.runtimes import processes

    flags: dict[str, object] = {
        "state_dir": None if place.state_dir is None else str(place.state_dir)
    }
    loaded = read(place, flags)
    stack, settings = loaded.scaled().stack, loaded.scaled().settings
    if service is not None and service not in stack.services:
        known = ", ".join(sorted(stack.services))
        raise Stop(USAGE, f"no service {service!r} in stack {stack.name}; there are: {known}")
    try:
        runtime = await processes.create(stack, loaded.options.state_dir, BootClock(), settings)
        try:
            given = await runtime.release(service)
        finally:
            await runtime.close()
    except EverupError as error:
        raise Stop(UNWELL, f"not given back: {error}") from None
    print("\n".join(given) or "nothing is held")
    return OK
