"""`everup down`: the running Everup stops its services and itself; without one we stop them.

Containers were started by their owner with Compose, not by Everup: before they are stopped a person
is asked, and afterwards it is said how they are started again.
"""

from __future__ import annotations

import asyncio
import sys

from everup.app.leaving import Home
from everup.cli import runfile
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.place import Place
from everup.cli.show import clean, console
from everup.model.errors import EverupError

ENDS_WITHIN_S = 180.0


def down(place: Place, *, keep_services: bool, is_sure: bool = False) -> int:
    """0 when all has stopped."""
    folder = place.folder()
    running = runfile.find(folder)
    if running is not None:
        home = Home(folder)
        project = home.name if home.is_of_containers and not keep_services else ""
        if project and not is_sure and not _asked(project):
            return OK
        number = runfile.STOP_ALONE if keep_services else runfile.STOP_WITH_SERVICES
        if runfile.send(running, number, ENDS_WITHIN_S) is False:
            raise Stop(UNWELL, f"process {running.pid} still runs after {ENDS_WITHIN_S:.0f} s")
        print("Everup has stopped" + ("" if keep_services else ", and its services too"))
        if project:
            print(f"Start them again, in their order, with: everup up --project {project}")
        return OK
    if keep_services:
        print("Everup does not run")
        return OK
    if place.is_without_file():
        raise Stop(USAGE, "Everup does not run; a Compose project is stopped with Compose itself")
    return asyncio.run(_stop_services(place))


def _asked(project: str) -> bool:
    """A person's yes.

    Raises:
        Stop: 2 where nobody can be asked.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Stop(
            USAGE,
            f"this would stop every container of the project {project}, which Everup did not "
            "start; nothing was stopped.\n"
            "Everup alone: everup down --keep-services     all of it: add --yes",
        )
    what = f"Stop Everup and every container of the project {clean(project)}? [y/N] "
    if console().input(what, markup=False).strip().lower() in ("y", "yes"):
        return True
    print("nothing was stopped; Everup alone: everup down --keep-services")
    return False


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
