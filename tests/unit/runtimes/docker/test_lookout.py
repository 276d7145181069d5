"""What stands still, or was told no by its own check, is looked at before the next listing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from everup.runtimes.docker.lookout import INTERVAL_S, SETTLES_S, Lookout
from tests.unit.clocks import StepClock


class _Kernel:
    def __init__(self) -> None:
        self.says: dict[str, str] = {"web": "S", "db": "S"}

    async def letters(self) -> Mapping[str, str]:
        return dict(self.says)


def _rounds(lookout: Lookout, count: int = 1) -> list[tuple[str, ...]]:
    async def live() -> list[tuple[str, ...]]:
        return [await lookout.next() for _ in range(count)]

    return asyncio.run(live())


def test_whoever_begins_to_stand_still_is_told_once() -> None:
    kernel, clock = _Kernel(), StepClock()
    lookout = Lookout(kernel.letters, clock, 1.0)
    assert _rounds(lookout) == [()]
    kernel.says["web"] = "T"
    assert _rounds(lookout, 3) == [("web",), (), ()]
    kernel.says["web"] = "R"
    assert _rounds(lookout) == [()]
    kernel.says |= {"web": "T", "db": "Z"}
    assert _rounds(lookout) == [("db", "web")]
    assert clock.now() == 1000.0 + 6 * INTERVAL_S


def test_a_check_that_said_no_is_looked_at_once_its_answer_is_there() -> None:
    kernel, clock = _Kernel(), StepClock()
    lookout = Lookout(kernel.letters, clock, 1.0)
    lookout.said_no("web")
    lookout.said_no("web")
    assert _rounds(lookout, 2) == [("web",), ()]
    quick = Lookout(kernel.letters, clock, SETTLES_S / (2 * INTERVAL_S))
    quick.said_no("db")
    assert _rounds(quick, 3) == [(), ("db",), ()], "it is not written down at once"


def test_whom_the_kernel_does_not_show_stands_not_still() -> None:
    kernel = _Kernel()
    kernel.says = {}
    assert _rounds(Lookout(kernel.letters, StepClock(), 1.0), 2) == [(), ()]
