"""A small asyncio event loop on which time is a number: it jumps to the next timer when idle.

Flows in: coroutines. Flows out: their results, after as many virtual seconds as they wanted and as
little real time as they computed. No sockets, no signals, no threads: what asks for a thread runs
at once, inline, so that the same input gives the same order of events every time.

Every callback carries the *life* that caused it (a context variable that tasks and timers inherit).
`hold` stops a life between two of its steps, with no clean-up at all: that is how a SIGKILL (held
for ever) or a long pause (released later) of one controller looks while the world lives on.

Stands on the public asyncio interface only. Called by `simulation.runner` and by labs.
"""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextvars import Context, ContextVar, copy_context
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, cast

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

if TYPE_CHECKING:
    _Interface = asyncio.BaseEventLoop  # the same interface; what is left out is not missed
else:
    _Interface = asyncio.AbstractEventLoop

LIFE: ContextVar[int] = ContextVar("life", default=0)
"""Who causes what happens now: 0 is the world, others are controllers, one number each."""

STEPS_MOST = 20_000_000
"""Callbacks in one run before it counts as endless."""


class Stuck(Exception):
    """The run cannot go on: nothing is ready and no timer is set, or it takes too many steps."""


class VirtualHandle(asyncio.TimerHandle):
    """One callback to come. Far lighter than asyncio's own, with the part of it that is used."""

    __slots__ = ("args", "at_s", "callback", "context")

    def __init__(
        self, at_s: float, callback: Callable[..., object], args: tuple[Any, ...], context: Context
    ) -> None:
        self.at_s = at_s
        self.callback: Callable[..., object] | None = callback
        self.args = args
        self.context = context

    def cancel(self) -> None:
        self.callback = None
        self.args = ()

    def cancelled(self) -> bool:
        return self.callback is None

    def when(self) -> float:
        return self.at_s

    def __repr__(self) -> str:
        return f"<VirtualHandle at {self.at_s:g} s: {self.callback!r}>"

    __hash__ = object.__hash__


class VirtualLoop(_Interface):
    """Runs until its main coroutine ends. `complaints`: what asyncio would have logged."""

    def __init__(self, *, steps_most: int = STEPS_MOST) -> None:
        self.steps = 0
        self.complaints: list[str] = []
        self._steps_most = steps_most
        self._now_s = 0.0
        self._ready: deque[VirtualHandle] = deque()
        self._timers: list[tuple[float, int, VirtualHandle]] = []
        self._number = 0
        self._held: dict[int, list[VirtualHandle]] = {}
        self._is_running = False
        self._is_stopping = False
        self._is_closed = False
        self._generators: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()

    # --- time and callbacks ---------------------------------------------------------------------

    def time(self) -> float:
        return self._now_s

    def call_soon(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> VirtualHandle:
        if context is None:  # an empty one is also given, though it counts as false
            context = copy_context()
        handle = VirtualHandle(self._now_s, callback, args, context)
        self._ready.append(handle)
        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> VirtualHandle:
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self,
        delay: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> VirtualHandle:
        return self.call_at(self._now_s + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> VirtualHandle:
        if context is None:
            context = copy_context()
        handle = VirtualHandle(when, callback, args, context)
        self._number += 1
        heappush(self._timers, (when, self._number, handle))
        return handle

    # --- lives ----------------------------------------------------------------------------------

    def hold(self, life: int) -> None:
        """From now on nothing of this life runs; what becomes due for it is kept."""
        self._held.setdefault(life, [])

    def release(self, life: int) -> None:
        """Let a held life go on, beginning with what became due meanwhile."""
        self._ready.extend(self._held.pop(life, ()))

    # --- running --------------------------------------------------------------------------------

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        main: asyncio.Future[T] = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]
        main.add_done_callback(self._stop_on)
        try:
            self.run_forever()
        finally:
            main.remove_done_callback(self._stop_on)
        if not main.done():
            raise Stuck("the loop was stopped before its main coroutine ended")
        return main.result()

    def _stop_on(self, _: object) -> None:
        self._is_stopping = True

    def run_forever(self) -> None:
        if self._is_closed or self._is_running:
            raise RuntimeError("this loop is closed or runs already")
        old = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(firstiter=self._generators.add, finalizer=self._finalize)
        asyncio._set_running_loop(self)
        self._is_running = True
        try:
            self._run()
        finally:
            self._is_running = self._is_stopping = False
            asyncio._set_running_loop(None)
            sys.set_asyncgen_hooks(*old)

    def _run(self) -> None:
        """Turn by turn: what became ready in one turn runs in that order, the rest in the next."""
        ready, held = self._ready, self._held
        while not self._is_stopping:
            for _ in range(self._advance()):
                handle = ready.popleft()
                callback = handle.callback
                if callback is None:
                    continue
                if held and (life := handle.context.get(LIFE, 0)) in held:
                    held[life].append(handle)
                    continue
                try:
                    handle.context.run(callback, *handle.args)
                except (SystemExit, KeyboardInterrupt, Stuck):
                    raise
                except BaseException as error:  # noqa: BLE001 - as every event loop does
                    self.call_exception_handler(
                        {"message": f"callback {callback!r} failed", "exception": error}
                    )

    def _advance(self) -> int:
        """Jump to the next timer if nothing is ready; how many callbacks are ready now."""
        ready, timers = self._ready, self._timers
        while timers and timers[0][2].callback is None:
            heappop(timers)
        if not ready:
            if not timers:
                raise Stuck(f"nothing is ready and no timer is set at {self._now_s:g} s")
            self._now_s = max(self._now_s, timers[0][0])
        now_s = self._now_s
        while timers and timers[0][0] <= now_s:
            ready.append(heappop(timers)[2])
        self.steps += len(ready)
        if self.steps > self._steps_most:
            raise Stuck(f"over {self._steps_most} steps by {now_s:g} s; a loop without sleep?")
        return len(ready)

    def stop(self) -> None:
        self._is_stopping = True

    def is_running(self) -> bool:
        return self._is_running

    def is_closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self._ready.clear()
        self._timers.clear()
        self._held.clear()
        self._is_closed = True

    async def shutdown_asyncgens(self) -> None:
        for generator in list(self._generators):
            await generator.aclose()

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """There is none."""

    def _finalize(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._generators.discard(generator)
        if not self._is_closed:
            self.create_task(_aclose(generator))

    # --- what asyncio asks for ------------------------------------------------------------------

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: Context | None = None,
        **_: Any,
    ) -> asyncio.Task[T]:
        work = cast("Coroutine[Any, Any, T]", coro)  # asyncio takes generators; its types do not
        return asyncio.Task(work, loop=self, name=str(name or "task"), context=context)

    def run_in_executor(  # type: ignore[override]  # inline, so already done when it returns
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Runs it here and now: a thread would race with virtual time."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - belongs to whoever awaits the future
            future.set_exception(error)
        return future

    def get_debug(self) -> bool:
        return False

    def set_debug(self, enabled: bool) -> None:
        """Nothing changes."""

    def get_exception_handler(self) -> None:
        return None

    def set_exception_handler(self, handler: Any) -> None:
        """Complaints are always collected."""

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.call_exception_handler(context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self.complaints.append(f"{context.get('message')}: {error!r}" if error else str(context))


async def _aclose(generator: AsyncGenerator[Any, Any]) -> None:
    await generator.aclose()


def run_virtual(main: Coroutine[Any, Any, T], *, steps_most: int = STEPS_MOST) -> T:
    """Run one coroutine on a fresh loop, end what it left behind, and give back its result.

    Raises:
        Stuck: it waits for something that can never happen, or takes over `steps_most` steps.
    """
    loop = VirtualLoop(steps_most=steps_most)
    try:
        return loop.run_until_complete(main)
    finally:
        end(loop)


def end(loop: VirtualLoop) -> None:
    """Cancel and await all that is left on the loop, held lives too, then close it."""
    for life in list(loop._held):
        loop.release(life)
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(_gather(left))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


async def _gather(tasks: set[asyncio.Task[Any]]) -> None:
    await asyncio.gather(*tasks, return_exceptions=True)
