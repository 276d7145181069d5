"""`everup try SERVICE`: see Everup heal a throw-away copy of a service, and nothing else.

Flows in: a service of the project that is found. Flows out: a short story with times; 0 when the
copy was healed, 1 when it was not. Ctrl-C removes everything too.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

from rich.text import Text

from everup.app.engine import Engine
from everup.app.rehearse import Rehearsal, Watch, rehearse
from everup.cli import events, show
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.finding import find_closely
from everup.cli.loading import refined
from everup.cli.place import Place
from everup.cli.running import running_mode
from everup.config.errors import did_you_mean
from everup.model.errors import AskAHuman, EverupError, GiveUp
from everup.model.kinds import ActionKind, Mode
from everup.runtimes.docker.rehearsal import Fault, Part

BY = {
    "everup": "Everup healed it",
    "engine": "its restart policy had it back before Everup would act, and Everup stood back",
}


def rehearsal(
    place: Place, service: str, fault: Fault, project: str | None, within_s: float
) -> int:
    """0 when it was healed."""
    loaded, seen = find_closely({}, project, refined(place, {}, project), verb=f"try {service}")
    stack = loaded.stack
    if service not in stack.services:
        hint = did_you_mean(service, stack.services)
        raise Stop(USAGE, f"no service {service!r} in project {stack.name}; {hint}")
    began_s = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} s  {show.clean(text)}", flush=True)

    print(f"A rehearsal for {service} of {stack.name}; the real one is not touched.")
    try:
        done = asyncio.run(
            _until_signal(
                rehearse(
                    seen, loaded, service, fault, within_s=within_s, say=say, watch=_watch(say)
                )
            )
        )
    except (GiveUp, AskAHuman) as error:
        raise Stop(UNWELL, str(error)) from None
    except (EverupError, TimeoutError) as error:
        raise Stop(UNWELL, f"the rehearsal failed: {str(error) or 'it took too long'}") from None
    except asyncio.CancelledError:
        raise Stop(UNWELL, "interrupted; everything of the rehearsal is removed") from None
    kind = ActionKind.CONTAINER_RESTART
    running = running_mode(loaded, service, kind)
    _put(done, service, running or stack.mode_for(service, kind), is_watched=running is not None)
    return OK if done.healed_by and done.is_untouched else UNWELL


def _put(done: Rehearsal, service: str, mode: Mode, *, is_watched: bool) -> None:
    out = show.console()
    who = "the copy" if done.part is Part.COPY else "the stand-in"
    if done.healed_by:
        line = f"{BY[done.healed_by]}: {who} was proven well {done.took_s:.1f} s after the fault."
        out.print(Text(line, "green"), soft_wrap=True)
    else:
        out.print(Text(f"{who} was not healed within {done.took_s:.0f} s.", "red"))
    for text in done.not_dared:
        out.print(Text(f"Everup would not do by itself: {show.clean(text)}", "yellow"))
    if mode is not Mode.AUTO:
        how = "is watched now" if is_watched else "would be watched from here"
        out.print(Text(f"In mode {mode}, as {service} {how}, it would not act by itself."))
    said = "was not touched" if done.is_untouched else "CHANGED meanwhile, not by this rehearsal"
    out.print(Text(f"{service} itself {said}. Everything of the rehearsal is removed."))


def _watch(say: Callable[[str], None]) -> Watch:
    async def watch(engine: Engine) -> None:
        def without_moment(text: str) -> None:
            say(text.partition(" ")[2])

        control = engine.control
        await events.tell(control.journal, 0, without_moment, control.news)

    return watch


async def _until_signal(work: Coroutine[Any, Any, Rehearsal]) -> Rehearsal:
    """SIGTERM and Ctrl-C cancel it, so that it takes everything away."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    return await task
