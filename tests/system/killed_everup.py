"""The real `everup`, which is killed with SIGKILL when it reaches a point of its first action.

    python -m tests.system.killed_everup POINT up -f everup.yaml …

Nothing is faked: one function at the point is wrapped, and where it would be called (or has
returned) the process sends SIGKILL to itself. What a test cannot hit by time, it hits by place.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from everup.loop import control, perform, under_way, verify
from everup.loop.book import Book
from everup.model.entries import Finished, Verified
from everup.model.kinds import ActionKind
from everup.runtimes.processes import ending, house, launch
from everup.runtimes.processes.house import House

STARTED_BY_UP = "everup up"


def die(*_: object) -> None:
    """Now, with nothing written and nothing given back."""
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def armed() -> bool:
    """Only a restart under way counts: what `up` starts by itself passes every point unharmed."""
    return bool(_under_way)


_under_way: set[str] = set()


def _before_intent() -> None:
    real = Book.write_intent

    async def write_intent(self: Book, intent: Any, ending: Any = None) -> bool:
        if intent.step.kind is not ActionKind.START:
            die()
        return await real(self, intent, ending)

    Book.write_intent = write_intent  # type: ignore[method-assign]


def _before_call() -> None:
    _wrap(perform, "_call", before=die)


def _in_grace() -> None:
    _wrap(ending, "ended_within", before=die)


def _stopped() -> None:
    _wrap(House, "launch", before=die)


def _executed() -> None:
    """The service runs, and the registry does not know its pid yet."""
    real = launch._take_hold

    def take_hold(pid: int) -> int:
        if armed():
            die()
        return real(pid)

    launch._take_hold = take_hold


def _started() -> None:
    _wrap(house.House, "launch", after=die)


def _after_call() -> None:
    _wrap(perform, "_call", after=die)


def _when_written(kind: type[Finished] | type[Verified]) -> Callable[[], None]:
    def arm() -> None:
        real = control.Control.write

        async def write(self: control.Control, entries: list[Any]) -> None:
            await real(self, entries)
            ours = [e for e in entries if isinstance(e, kind)]
            if _under_way.intersection(e.action_id for e in ours):
                die()

        control.Control.write = write  # type: ignore[method-assign]

    return arm


def _verifying() -> None:
    """Half a window into the proof."""
    real = verify.judge_expectation

    def judge(flight: Any, observation: Any, *rest: Any) -> Any:
        waited_s = observation.at_s - flight.done_at_s
        if flight.action_id in _under_way and waited_s > flight.expectation.window_s / 2:
            die()
        return real(flight, observation, *rest)

    setattr(verify, "judge_expectation", judge)  # noqa: B010 - a wrapper has no exact type


POINTS: dict[str, Callable[[], None]] = {
    "before the intent": _before_intent,
    "after the intent": _before_call,
    "in the grace": _in_grace,
    "stopped": _stopped,
    "executed": _executed,
    "started": _started,
    "before the outcome": _after_call,
    "after the outcome": _when_written(Finished),
    "verifying": _verifying,
    "after the verdict": _when_written(Verified),
}


def _wrap(
    owner: Any,
    name: str,
    *,
    before: Callable[[], None] = lambda: None,
    after: Callable[[], None] = lambda: None,
) -> None:
    real = getattr(owner, name)

    async def wrapped(*arguments: Any, **named: Any) -> Any:
        is_armed = armed()
        if is_armed:
            before()
        result = await real(*arguments, **named)
        if is_armed:
            after()
        return result

    setattr(owner, name, wrapped)


def _note_what_is_under_way() -> None:
    real: Any = vars(under_way)["perform"]

    async def noting(
        runtime: Any, clock: Any, settings: Any, spec: Any, intent: Any, *more: Any
    ) -> Any:
        if intent.by != STARTED_BY_UP:
            _under_way.add(intent.action_id)
        return await real(runtime, clock, settings, spec, intent, *more)

    setattr(under_way, "perform", noting)  # noqa: B010 - it is imported there for use, not export


def main() -> None:
    """Arm the point, then be everup."""
    point, *arguments = sys.argv[1:]
    _note_what_is_under_way()
    POINTS[point]()
    sys.argv = ["everup", *arguments]
    from everup.cli import main as everup

    everup()


if __name__ == "__main__":
    main()
