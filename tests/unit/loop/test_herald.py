"""Lanes try, wait and give up in bounds; the herald writes down what arrived and blocks nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from everup.loop.control import Control
from everup.loop.fold import fold_all
from everup.loop.herald import Herald
from everup.loop.lane import LATER_S, QUEUE_MOST, Delivery, Lane
from everup.loop.rooms import NoLog
from everup.model import entries as e
from everup.model.errors import GiveUp, TryAgain
from everup.model.kinds import Cause
from everup.model.notice import TOLD_BY_DEFAULT, Message, Occasion
from everup.model.settings import Settings
from everup.model.state import StackState
from everup.simulation.virtual_clock import VirtualClock
from everup.simulation.virtual_loop import VirtualLoop, end
from tests.unit.builders import service, stack

OPENED = e.IncidentOpened(1.0, "inc-1", "a", Cause.CRASH, "died")
ESCALATED = e.IncidentEscalated(2.0, "inc-1", "a", "nothing helped")


@dataclass
class FakeNotifier:
    """Fails as it is told to, then delivers."""

    fails_with: list[Exception] = field(default_factory=list)
    takes_s: float = 0.0
    name: str = "n"
    on: frozenset[Occasion] = TOLD_BY_DEFAULT
    timeout_s: float = 10.0
    attempts: int = 3
    got: list[Message] = field(default_factory=list)
    asked_at_s: list[float] = field(default_factory=list)
    is_closed: bool = False

    async def send(self, message: Message) -> None:
        self.asked_at_s.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.takes_s)
        if self.fails_with:
            raise self.fails_with.pop(0)
        self.got.append(message)

    async def close(self) -> None:
        self.is_closed = True


class FakeControl:
    """A state, and a journal that keeps what is written."""

    def __init__(self, clock: VirtualClock, entries: Sequence[e.Entry]) -> None:
        self.clock, self.settings = clock, Settings()
        self.stack = stack(service("a"))
        self.entries = list(entries)
        self.journal_fault = self.lost_leadership = ""
        self.fence, self.wakes = 7, 0

    @property
    def state(self) -> StackState:
        return fold_all(StackState(), self.entries)

    async def write(self, entries: list[e.Entry]) -> None:
        self.entries += entries

    def wake(self, reason: str) -> None:
        self.wakes += 1

    def told(self) -> list[e.Notified]:
        return [entry for entry in self.entries if isinstance(entry, e.Notified)]


def run(test: Any) -> None:
    loop = VirtualLoop()

    async def told() -> None:
        await cast("Coroutine[Any, Any, None]", test(VirtualClock(loop)))

    try:
        loop.run_until_complete(told())
    finally:
        end(loop)


async def looks(herald: Herald, control: FakeControl, times: int = 2) -> None:
    for _ in range(times):
        await herald.after_look(cast(Control, control))
        await control.clock.sleep(1.0)


def message(key: str = "k") -> Message:
    return Message(key, "s/t", Occasion.OPENED, "s", "title", "text", 1.0)


def test_one_message_is_sent_and_written_down_after_it() -> None:
    async def told(clock: VirtualClock) -> None:
        notifier, control = FakeNotifier(), FakeControl(clock, [OPENED, ESCALATED])
        herald = Herald([notifier], clock, NoLog())
        await looks(herald, control, 5)
        (sent,) = notifier.got
        (entry,) = control.told()
        assert (entry.key, entry.incident_id, entry.has_arrived) == (sent.key, "inc-1", True)
        assert control.wakes == 1
        assert herald.counts() == {("n", "sent"): 1, ("n", "failed"): 0, ("n", "shed"): 0}
        await herald.close()
        assert notifier.is_closed

    run(told)


def test_a_crash_between_sending_and_writing_sends_the_same_key_again() -> None:
    async def told(clock: VirtualClock) -> None:
        notifier, control = FakeNotifier(), FakeControl(clock, [OPENED, ESCALATED])
        first = Herald([notifier], clock, NoLog())
        await looks(first, control, 1)  # sent, and dies before the next look writes it down
        await first.close()
        assert control.told() == []
        second = Herald([notifier], clock, NoLog())
        await looks(second, control, 3)
        assert [m.key for m in notifier.got] == ["s/inc-1/escalated"] * 2
        third = Herald([notifier], clock, NoLog())
        await looks(third, control, 3)
        assert len(notifier.got) == 2

    run(told)


def test_a_notifier_that_hangs_holds_up_no_look_and_no_other() -> None:
    async def told(clock: VirtualClock) -> None:
        slow, quick = FakeNotifier(takes_s=1e6, name="slow"), FakeNotifier(name="quick")
        control = FakeControl(clock, [OPENED, ESCALATED])
        herald = Herald([slow, quick], clock, NoLog())
        began_s = clock.now()
        await herald.after_look(cast(Control, control))
        assert clock.now() == began_s
        await clock.sleep(1.0)
        assert (len(slow.got), len(quick.got)) == (0, 1)
        await clock.sleep(120.0)
        assert herald.counts()["slow", "failed"] == 1
        assert len(slow.asked_at_s) == slow.attempts
        await herald.close()

    run(told)


@pytest.mark.parametrize("error", [TryAgain("busy"), OSError("gone"), RuntimeError("plugin")])
def test_attempts_back_off_and_it_is_taken_up_again_later(error: Exception) -> None:
    async def told(clock: VirtualClock) -> None:
        notifier = FakeNotifier([error] * 3)
        control = FakeControl(clock, [OPENED, ESCALATED])
        herald = Herald([notifier], clock, NoLog())
        await looks(herald, control, 10)
        gaps = [b - a for a, b in zip(notifier.asked_at_s, notifier.asked_at_s[1:], strict=False)]
        assert gaps == [1.0, 2.0]
        assert herald.counts()["n", "failed"] == 1
        assert control.told() == []
        await clock.sleep(LATER_S)
        await looks(herald, control, 2)
        assert len(notifier.got) == len(control.told()) == 1

    run(told)


def test_a_refused_message_is_written_down_and_not_sent_again() -> None:
    async def told(clock: VirtualClock) -> None:
        notifier = FakeNotifier([GiveUp("400")])
        control = FakeControl(clock, [OPENED, ESCALATED])
        await looks(Herald([notifier], clock, NoLog()), control, 3)
        await looks(Herald([notifier], clock, NoLog()), control, 3)
        (entry,) = control.told()
        assert (entry.has_arrived, entry.error) == (False, "400")
        assert notifier.got == []

    run(told)


def test_a_lane_is_bounded_and_counts_each_message_it_could_not_take_once() -> None:
    async def told(clock: VirtualClock) -> None:
        ended: list[Delivery] = []
        lane = Lane(FakeNotifier(takes_s=0.01), clock, ended.append)
        for _ in range(3):
            for number in range(QUEUE_MOST + 5):
                lane.offer(message(f"k{number}"))
        assert lane.shed == 5
        await clock.sleep(100.0)
        assert lane.sent == QUEUE_MOST
        lane.offer(message("k67"))
        await clock.sleep(1.0)
        assert len(ended) == QUEUE_MOST + 1

    run(told)


def test_a_fault_of_the_journal_and_a_lost_stack_are_told_without_the_journal() -> None:
    async def told(clock: VirtualClock) -> None:
        notifier, control = FakeNotifier(), FakeControl(clock, [])
        herald = Herald([notifier], clock, NoLog())
        control.journal_fault = "disk full"
        await looks(herald, control, 30)
        assert notifier.got == []
        await looks(herald, control, 60)
        assert [m.text for m in notifier.got] == ["disk full"]
        control.journal_fault = ""
        await looks(herald, control, 3)
        assert notifier.got[1].is_follow_up
        control.lost_leadership = "held by two"
        await looks(herald, control, 3)
        assert [m.text for m in notifier.got[2:]] == ["held by two"]
        assert len({m.key for m in notifier.got}) == 3
        assert control.told() == []

    run(told)


def test_whoever_did_not_ask_for_frozen_hears_nothing_of_our_faults() -> None:
    async def told(clock: VirtualClock) -> None:
        notifier = FakeNotifier(on=frozenset({Occasion.ESCALATED}))
        control = FakeControl(clock, [])
        control.lost_leadership = "held by two"
        await looks(Herald([notifier], clock, NoLog()), control, 5)
        assert notifier.got == []

    run(told)
