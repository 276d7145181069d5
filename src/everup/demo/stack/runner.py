"""The life of one service process: read the environment, serve, end on SIGTERM with 0.

Environment: ``PORT``, ``HOST`` (loopback without it), ``EVERUP_SERVICE``, ``EVERUP_INSTANCE``,
``EVERUP_KNOBS``, ``EVERUP_KNOBS_DIR``, ``DATA_DIR``, ``PATIENCE`` (how many times as long a health
check waits for its neighbours), and the addresses of the dependencies.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sys

from everup.demo.stack.context import Behaviour, Context
from everup.demo.stack.knobs import BadKnob, knobs_at_start
from everup.demo.stack.server import Server
from everup.demo.stack.service import Service, grow_ballast
from everup.demo.stack.topology import BY_NAME
from everup.demo.stack.wire.http import LOOPBACK

GRACE_S = 0.8
BACKGROUND_GRACE_S = 0.15
EXIT_USAGE, EXIT_CONFIG = 64, 78

REAL_SERVERS = ("postgres", "redis")


def main(arguments: list[str]) -> int:
    """Runs the named service (or ``EVERUP_SERVICE``) until it is told to end."""
    name = arguments[0] if arguments else os.environ.get("EVERUP_SERVICE", "")
    if name not in BY_NAME or name in REAL_SERVERS:
        ours = ", ".join(known for known in BY_NAME if known not in REAL_SERVERS)
        print(f"which service? one of {ours}", file=sys.stderr)
        return EXIT_USAGE
    try:
        knobs = knobs_at_start(name, os.environ)
    except BadKnob as error:
        print(f"{name}: configuration: {error}", file=sys.stderr)
        return EXIT_CONFIG
    context = Context(
        name=name,
        instance=os.environ.get("EVERUP_INSTANCE", "0"),
        port=int(os.environ["PORT"]),
        host=os.environ.get("HOST", LOOPBACK),
        knobs=knobs,
    )
    module = importlib.import_module(f"everup.demo.stack.services.{name.replace('-', '_')}")
    return asyncio.run(_live(context, module.BEHAVIOUR))


async def _live(context: Context, behaviour: Behaviour) -> int:
    if context.knobs.exit_on_start is not None:
        await asyncio.sleep(context.knobs.after_s)
        print(f"{context.name}: told to exit with {context.knobs.exit_on_start}", flush=True)
        return context.knobs.exit_on_start
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    service = Service(context, behaviour)
    server = Server(service.answer, service.after_answer, context.knobs)
    await server.start(context.host, context.port)
    print(f"{context.name}/{context.instance}: listening on {context.port}", flush=True)
    background = [asyncio.create_task(grow_ballast(context))]
    if behaviour.background:
        background.append(asyncio.create_task(behaviour.background(context)))
    await _first_of(stop, background)
    code = 0 if stop.is_set() else 70
    await server.stop(GRACE_S)
    for task in background:
        task.cancel()
    await asyncio.wait(background, timeout=BACKGROUND_GRACE_S)
    context.close()
    print(f"{context.name}/{context.instance}: ended", flush=True)
    return code


async def _first_of(stop: asyncio.Event, background: list[asyncio.Task[None]]) -> None:
    """Until told to stop, or until a background task dies, which none should."""
    waiting = asyncio.create_task(stop.wait())
    await asyncio.wait([waiting, *background], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in background:
        if task.done() and not task.cancelled() and task.exception():
            print(f"background task died: {task.exception()!r}", file=sys.stderr, flush=True)
