"""`everup down`: the running Everup stops its services and itself; without one we stop them."""

from __future__ import annotations

import asyncio

from everup.cli import runfile
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.place import Place
from everup.model.errors import EverupError

ENDS_WITHIN_S = 180.0


def down(place: Place, *, keep_services: bool) -> int:
    """0 when all has stopped."""
    running = runfile.find(place.folder())
    if running is not None:
        number = runfile.STOP_ALONE if keep_services else runfile.STOP_WITH_SERVICES
        if runfile.send(running, number, ENDS_WITHIN_S) is False:
            raise Stop(UNWELL, f"process {running.pid} still runs after {ENDS_WITHIN_S:.0f} s")
        print("Everup has stopped" + ("" if keep_services else ", and its services too"))
        return OK
    if keep_services:
        print("Everup does not run")
        return OK
    if place.is_without_file():
        raise Stop(USAGE, "Everup does not run; a Compose project is stopped with Compose itself")
    return asyncio.run(_stop_services(place))


async def _stop_services(place: Place) -> int:
    from everup.app import stop_services
    from everup.cli.loading import load

    flags: dict[str, object] = {
        "state_dir": None if place.state_dir is None else str(place.state_dir)
    }
    loaded = await asyncio.to_thread(load, place, flags)
    try:
        count, unknown = await stop_services(loaded, loaded.options.state_dir)
    except EverupError as error:
        raise Stop(UNWELL, f"the services could not be stopped: {error}") from None
    print(f"Everup did not run; {_instances(count)} stopped")
    if unknown:
        print(f"the journal does not know of it: {unknown}")
    return OK


def _instances(count: int) -> str:
    return "1 running instance was" if count == 1 else f"{count} running instances were"
