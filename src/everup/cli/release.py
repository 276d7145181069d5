"""`everup release`: the running Everup gives back what it holds; without one we do it ourselves.

Flows in: the place. Of containers the notes in the state folder are enough: they say what is held,
whether the project still runs or not. Of processes the configuration has to be read.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from everup.app.leaving import Home
from everup.cli import client, runfile
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.place import Place, state_base
from everup.cli.wishes import said
from everup.model.errors import EverupError, StillHeld
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.routing import held_services
from everup.runtimes.docker import traces


def release(place: Place, service: str | None) -> int:
    """0 when nothing is held any more, or what stays was named."""
    from everup.cli.loading import load

    is_named = bool(place.url or os.environ.get("EVERUP_URL", "").strip())
    if is_named or runfile.find(place.folder()) is not None:
        return said(place, client.change(place, "POST", "/release", service=service))
    home = _home(place)
    if home is not None and runfile.find(home.folder) is not None:
        its = replace(place, state_dir=home.folder)
        return said(place, client.change(its, "POST", "/release", service=service))
    if home is not None:
        return _done(home.stack(), home.folder, Settings(), service)
    if place.is_without_file() and not place.names_a_folder():
        print("nothing is held")
        return OK
    flags = {"state_dir": None if place.state_dir is None else str(place.state_dir)}
    scaled = load(place, flags, place.project).scaled()
    return _done(scaled.stack, scaled.options.state_dir, scaled.settings, service)


def _home(place: Place) -> Home | None:
    """The state folder whose notes on containers are meant; None: there are none, ask the file.

    Raises:
        Stop: 2 where several could be meant, or the project was never watched.
    """
    if place.names_a_folder():
        home = Home(place.folder(), project=place.project or "")
        return home if home.is_of_containers else None
    if not place.is_without_file():
        return None
    base = state_base()
    below = sorted(path for path in base.iterdir() if path.is_dir()) if base.is_dir() else []
    if place.project:
        if (base / place.project) not in below:
            known = ", ".join(path.name for path in below) or "none"
            raise Stop(USAGE, f"Everup never watched {place.project!r} here; it watched: {known}")
        return Home(base / place.project, project=place.project)
    holding = [p for p in below if traces.held(traces.store_of(p)) or held_services(p)]
    if len(holding) > 1:
        names = ", ".join(path.name for path in holding)
        raise Stop(USAGE, f"something is held of several projects: {names}; add --project NAME")
    return Home(holding[0]) if holding else None


def _done(stack: Stack, folder: Path, settings: Settings, service: str | None) -> int:
    if service is not None and service not in stack.services:
        known = ", ".join(sorted(stack.services)) or "none"
        raise Stop(USAGE, f"nothing is known of a service {service!r}; there are: {known}")
    if not stack.services:
        print("nothing is held")
        return OK
    try:
        given = asyncio.run(give_back(stack, folder, settings, service))
    except EverupError as error:
        if isinstance(error, StillHeld):
            print("\n".join(line for lines in error.given.values() for line in lines))
        raise Stop(UNWELL, f"not given back: {error}") from None
    print("\n".join(given) or "nothing is held")
    return OK


async def give_back(
    stack: Stack, folder: Path, settings: Settings, service: str | None = None
) -> Sequence[str]:
    """Without an Everup, under the lock of the state folder, so that none can begin meanwhile.

    Raises:
        EverupError: it could not be done; the message says why.
    """
    from everup.app import load_runtime
    from everup.app.live import BootClock
    from everup.routing import release_noted

    clock = BootClock()
    runtime = await load_runtime(stack.runtime).create(stack, folder, clock, settings)
    try:
        given, failed = dict[str, tuple[str, ...]](), list[str]()
        for release in (runtime.release(service), release_noted(folder, clock, service)):
            try:
                given[""] = (*given.get("", ()), *await release)
            except StillHeld as error:
                given[""] = (*given.get("", ()), *(x for v in error.given.values() for x in v))
                failed.append(str(error))
    finally:
        await runtime.close()
    if failed:
        raise StillHeld("; ".join(failed), given)
    return given.get("", ())
