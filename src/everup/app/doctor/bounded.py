"""Each check for itself: with a deadline, and with a finding where it fails.

What blocks runs in a thread that nobody waits for at the end: a file on a server that went away can
hold a thread for ever, and must not hold us.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from everup.app.doctor.findings import Finding, weak
from everup.model.errors import EverupError

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """What it returns, or raises."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def put(result: T | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failed = None, None
        try:
            result = work()
        except Exception as error:  # noqa: BLE001 - handed to who waits
            failed = error
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(put, result, failed)

    threading.Thread(target=run, daemon=True, name="doctor").start()
    return await future


async def guarded(
    check: str, work: Awaitable[Iterable[Finding]], within_s: float
) -> tuple[Finding, ...]:
    """Its findings; one that says so where it failed or took too long."""
    try:
        async with asyncio.timeout(within_s):
            return tuple(await work)
    except TimeoutError:
        text, fix = f"no answer in {within_s:g} s", "run everup doctor again when it is less busy"
    except EverupError as error:
        text, fix = str(error), "see what the engine's log says: journalctl -u docker -n 50"
    except Exception as error:  # noqa: BLE001 - one check that fails ends no other
        text = f"could not be looked at: {type(error).__name__}: {error}"
        fix = "this is a flaw of Everup's own; report it with the output of everup doctor --json"
    return (weak(check, text, fix),)
