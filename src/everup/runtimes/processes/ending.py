"""Ends a life: the owner's stop signal to its main process, grace, a kill if allowed, then whatever
it left behind.

The stop signal goes to the main process alone. It knows its own children: a database's connection
processes must not get the signal that is meant for the server. Once it is gone, what is left of its
session and its descendants gets SIGTERM and, after a while, SIGKILL.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from everup.model.errors import GiveUp, StillEnds, TryAgain
from everup.runtimes.processes import leftovers
from everup.runtimes.processes.identity import Identity
from everup.runtimes.processes.roster import OUR_SIGNAL_LASTS_S, Life

KILL_WAIT_S = 5.0
"""How long the kernel gets to end a process that was killed; one in state D takes longer."""

SWEEP_GRACE_MOST_S = 5.0
"""How long what is left behind may take after SIGTERM."""

SWEEP_ROUNDS_MOST = 3
"""What is left behind may have made new processes in the meantime."""

POLL_S = 0.02


class InThread(Protocol):
    """Runs a function that blocks for milliseconds in a thread."""

    def __call__(self, work: Callable[..., Any], *arguments: object) -> Coroutine[Any, Any, Any]:
        """Its result."""


class Ending:
    """Ends lives, one at a time; the caller sees to it that nobody else acts on the same one."""

    def __init__(
        self, in_thread: InThread, now_s: Callable[[], float], mark_of: Callable[[Life], str]
    ) -> None:
        self._in_thread = in_thread
        self._now_s = now_s
        self._mark_of = mark_of

    async def stop(self, life: Life, grace_s: float, *, may_kill: bool) -> str:
        """Returns when nothing of it runs any more: what happened if it had to be killed, else "".

        Raises:
            StillEnds: it still runs after the grace and may not be killed.
            GiveUp: it may not be signalled.
            TryAgain: it was killed, but the kernel has not let it go yet.
        """
        told = ""
        if life.is_running:
            number = life.stop_signal
            await self._remember_members(life)
            self._signal(life, number, grace_s)
            if not await ended_within(life, grace_s):
                if not may_kill:
                    raise StillEnds(
                        f"{life.record.name} still runs {grace_s:g} s after {number.name} and may "
                        "not be killed; allow the kill, give it more time, or look at what it does",
                        life.record.name,
                    )
                told = f"{life.record.name} still ran {grace_s:g} s after {number.name}"
                told += " and was killed"
                await self._kill(life)
        await self.sweep(life, grace_s, may_kill=may_kill)
        return told

    async def kill(self, life: Life) -> None:
        """SIGKILL to the main process and everything that belongs to it. Raises like `stop`."""
        if life.is_running:
            await self._remember_members(life)
            await self._kill(life)
        await self.sweep(life, 0.0, may_kill=True)

    async def sweep(self, life: Life, grace_s: float, *, may_kill: bool) -> None:
        """End what a dead main process left behind. Raises like `stop`."""
        for _ in range(SWEEP_ROUNDS_MOST):
            left: frozenset[Identity] = await self._in_thread(
                leftovers.leftovers, life.record, self._mark_of(life), life.members, life.died_ticks
            )
            if not left:
                return
            await self._in_thread(leftovers.send, left, signal.SIGTERM)
            left = await self._wait(left, min(grace_s, SWEEP_GRACE_MOST_S))
            if left and not may_kill:
                raise StillEnds(
                    f"{life.record.name} ended but left processes behind that may not be killed: "
                    f"{_pids(left)}; end them or allow the kill",
                    life.record.name,
                )
            await self._in_thread(leftovers.send, left, signal.SIGKILL)
            left = await self._wait(left, KILL_WAIT_S)
            if left:
                raise TryAgain(f"{life.record.name} left processes that do not end: {_pids(left)}")
        raise TryAgain(f"{life.record.name} keeps leaving new processes behind")

    async def _remember_members(self, life: Life) -> None:
        seen = await self._in_thread(leftovers.members_of, life.record.identity)
        if seen:
            life.members = seen

    async def _kill(self, life: Life) -> None:
        self._signal(life, signal.SIGKILL, KILL_WAIT_S)
        if not await ended_within(life, KILL_WAIT_S):
            raise TryAgain(
                f"{life.record.name} was killed but has not ended after {KILL_WAIT_S:g} s; "
                "it probably waits for a device"
            )

    def _signal(self, life: Life, number: signal.Signals, grace_s: float) -> None:
        handle = life.handle
        if handle is None:
            return
        before_s = life.ours_until_s
        life.ours_until_s = self._now_s() + grace_s + OUR_SIGNAL_LASTS_S
        try:
            handle.send(number)
        except PermissionError:
            life.ours_until_s = before_s
            raise GiveUp(
                f"user: {life.record.name} runs under another account and may not be signalled; "
                "run Everup as root"
            ) from None

    async def _wait(self, identities: frozenset[Identity], most_s: float) -> frozenset[Identity]:
        """Those that are still alive when all are gone or the time is over."""
        deadline_s = asyncio.get_running_loop().time() + most_s
        left = await self._in_thread(leftovers.alive, identities)
        while left and asyncio.get_running_loop().time() < deadline_s:
            await asyncio.sleep(POLL_S)
            left = await self._in_thread(leftovers.alive, left)
        found: frozenset[Identity] = left
        return found


async def ended_within(life: Life, most_s: float) -> bool:
    """Wait for its end; the kernel's processes know no other time than the machine's."""
    try:
        async with asyncio.timeout(max(most_s, 0.0)):
            await life.ended.wait()
    except TimeoutError:
        return not life.is_running
    return True


def _pids(identities: frozenset[Identity]) -> str:
    return ", ".join(str(pid) for pid in sorted(i.pid for i in identities))
