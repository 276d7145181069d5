"""`everup up`: engine and API in the foreground, until a signal.

SIGINT and SIGTERM stop Everup and leave the services running; SIGUSR1, sent by `everup down`, stops
them too. The address is bound before anything starts, so that a used port costs nothing.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO, cast

import structlog

from everup.api import ApiServer, bind, create_api
from everup.app import Engine, build_app
from everup.cli import events, runfile
from everup.cli.admitting import admit
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.loading import load
from everup.cli.place import Place
from everup.cli.show import clean
from everup.cli.voice import Voice
from everup.config import Loaded
from everup.loop.coverage import Coverage, coverage
from everup.loop.mishaps import TooManyMishaps
from everup.model.errors import EverupError

SERVICES_NAMED_MOST = 20
MOMENT_S, MOMENTS_MOST = 0.2, 50
"""How often and how long one waits for nothing to be done, before the project is read again."""


@dataclass(slots=True)
class Wanted:
    """What a signal asked for."""

    stop_services: bool = False


def up(
    place: Place, flags: dict[str, object], allowed_hosts: list[str], project: str | None = None
) -> int:
    """Run until a signal; 0 after an orderly stop."""
    voice = Voice()
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(cast(TextIO, voice)))
    try:
        loaded = load(place, flags, project)
        is_found = project is not None or place.is_without_file() or loaded.refinement is not None
        if (other := runfile.find(loaded.options.state_dir)) is not None:
            raise Stop(
                USAGE,
                f"Everup runs already for this stack: process {other.pid}, {other.address}.\n"
                "Stop it alone with: everup down --keep-services     or use another --state-dir",
            )
        now: Loaded | None = loaded
        told = set[str]()
        with take_address(loaded) as sock:
            while now is not None:
                now = _once(now, sock, allowed_hosts, voice.say, is_found=is_found, told=told)
        return OK
    finally:
        voice.finish()


def _once(
    loaded: Loaded,
    sock: socket.socket,
    allowed_hosts: list[str],
    say: Callable[[str], None],
    *,
    is_found: bool,
    told: set[str],
) -> Loaded | None:
    """Over one stack; what to begin anew over, when it has become another one, or None. Whoever
    calls in between waits at `sock`, which stays open, and what is held in between stays held.
    `told`: lines about it that were said already; none: it is the first time."""
    try:
        return asyncio.run(
            _run(loaded, sock.dup(), allowed_hosts, say, is_found=is_found, told=told)
        )
    except TooManyMishaps as error:
        raise Stop(UNWELL, f"gives up, so that a supervisor starts it anew: {error}") from None
    except EverupError as error:
        raise Stop(UNWELL, f"cannot start: {error}") from None


def take_address(loaded: Loaded) -> socket.socket:
    """The bound socket.

    Raises:
        Stop: 2 when the address cannot be had.
    """
    host, port = loaded.options.host, loaded.options.port
    try:
        return bind(host, port)
    except OSError as error:
        raise Stop(
            USAGE,
            f"cannot listen on {host}:{port}: {error.strerror}.\n"
            "Choose another address with --listen 127.0.0.1:PORT",
        ) from None


async def _run(
    loaded: Loaded,
    sock: socket.socket,
    allowed_hosts: list[str],
    say: Callable[[str], None],
    *,
    is_found: bool,
    told: set[str],
) -> Loaded | None:
    state_dir = loaded.options.state_dir
    engine = build_app(loaded, state_dir=state_dir)
    hosts = (
        [*allowed_hosts] if loaded.options.is_loopback else [*allowed_hosts, loaded.options.host]
    )
    access, said = await admit(loaded.options)
    server = ApiServer(create_api(engine, allowed_hosts=hosts, access=access), sock)
    stopped, wanted = asyncio.Event(), Wanted()
    _listen_to_signals(stopped, wanted)
    with runfile.announced(state_dir, runfile.myself(server.address)):
        await engine.start(gives_back=not told)
        now = None
        try:
            await server.start()
            _set_apart_what_stays()
            look = engine.control.look
            known = coverage(engine.control.stack, None if look is None else look.observation)
            lines = _summary(loaded, server.address, said, known)
            for text in lines:
                if text not in told:
                    say(text)
            told.update(lines)
            now = await _watch(engine, stopped, say, loaded if is_found else None)
        finally:
            await server.stop()
            await engine.stop(stop_services=wanted.stop_services, gives_back=now is None)
    if now is not None:
        say(f"{clean(_news(now, loaded))}. Everup begins anew over what is there now.")
        return now
    left = "the services are stopped too" if wanted.stop_services else "the services go on"
    say(f"Everup has stopped; {left}.")
    return None


def _news(now: Loaded, before: Loaded) -> str:
    from everup.app.newcomers import beyond, changed

    gone = [name for name in before.stack.services if name not in now.stack.services]
    told = {"New here": beyond(now, before), "Made anew": changed(now, before)}
    told |= {"Not here, or to be left alone": tuple(gone)}
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in told.items() if names)


def _set_apart_what_stays() -> None:
    """Modules and what was made of them live as long as we do. The collector need not walk through
    all of it again and again: each walk is a pause in which nobody looks."""
    gc.collect()
    gc.freeze()


async def _watch(
    engine: Engine,
    stopped: asyncio.Event,
    say: Callable[[str], None],
    found: Loaded | None,
) -> Loaded | None:
    """Tell what happens until a signal came, the loop ended by an error, which is raised, or
    what was `found` is something else by then: as it is. That it cannot be told ends nothing."""
    journal = engine.control.journal
    after = 0 if engine.control.journal_fault else await events.last_sequence(journal)
    for text in engine.control.mismatches():
        say(f"  warning  {clean(text)}")
    telling = asyncio.create_task(events.tell(journal, after, say, engine.control.news))
    looking = asyncio.create_task(engine.wait())
    signalled = asyncio.create_task(stopped.wait())
    coming = asyncio.create_task(_newcomers(engine, found))
    ends = (looking, signalled, coming)
    try:
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for task in ends:
            if task.done():
                task.result()
        return coming.result() if coming.done() and not signalled.done() else None
    finally:
        for task in (telling, *ends):
            task.cancel()
        await asyncio.gather(telling, *ends, return_exceptions=True)


async def _newcomers(engine: Engine, found: Loaded | None) -> Loaded | None:
    """The same as it is by then, at a moment at which nothing is being done. Waits for ever where
    nothing was found."""
    if found is None:
        await asyncio.Event().wait()
        return None
    from everup.app.newcomers import newcomers  # a stack in a file need not load what reads engines

    while True:
        now = await newcomers(found, os.environ)
        for _ in range(MOMENTS_MOST):
            if not engine.control.state.in_flight:
                return now
            await asyncio.sleep(MOMENT_S)


def _listen_to_signals(stopped: asyncio.Event, wanted: Wanted) -> None:
    loop = asyncio.get_running_loop()

    def stop(stop_services: bool) -> None:
        wanted.stop_services = wanted.stop_services or stop_services
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, False)
    loop.add_signal_handler(runfile.STOP_WITH_SERVICES, stop, True)


def _summary(
    loaded: Loaded,
    address: str,
    access: Sequence[str],
    known: Coverage,
) -> list[str]:
    """What it watches, how, and what to know of it."""
    stack = loaded.stack
    names = list(stack.services)  # those of containers are whatever somebody called them
    shown = clean(", ".join(names[:SERVICES_NAMED_MOST]))
    more = (
        f" and {len(names) - SERVICES_NAMED_MOST} more" if len(names) > SERVICES_NAMED_MOST else ""
    )
    doing = {
        "observe": "it says what it would do and does nothing",
        "approve": "it asks before it acts",
        "auto": "it heals",
    }
    lines = [
        f"Everup watches {clean(stack.name)}: {len(names)} services ({shown}{more})",
        f"  mode     {stack.mode}: {doing[stack.mode]}",
        f"  judged   {clean(known.text)}",
    ]
    if loaded.options.time_scale != 1:
        pace = f"time_scale {loaded.options.time_scale:g}: all times are scaled"
        lines.append(f"  pace     {pace}")
    lines.append(f"  address  {clean(address)}")
    lines += [f"  access   {clean(text)}" for text in access]
    lines.append(f"  state    {clean(loaded.options.state_dir)}")
    lines += [f"  unused   {clean(text)}" for text in loaded.unused]
    lines += [f"  warning  {clean(text)}" for text in loaded.warnings]
    return lines
