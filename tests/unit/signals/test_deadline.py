"""A deadline that knows whether it was we who were late."""

from __future__ import annotations

import asyncio

import pytest

from everup.signals.deadline import DeadlinePassed, within
from tests.unit.signals.conftest import Run, VirtualLoop


def test_an_answer_in_time_is_handed_on(run: Run) -> None:
    async def test(loop: VirtualLoop) -> None:
        async def answer() -> str:
            await asyncio.sleep(1.9)
            return "well"

        assert await within(2.0, answer()) == "well"

    run(test)


def test_an_error_is_handed_on(run: Run) -> None:
    async def test(loop: VirtualLoop) -> None:
        async def answer() -> None:
            raise ConnectionRefusedError

        with pytest.raises(ConnectionRefusedError):
            await within(2.0, answer())

    run(test)


def test_silence_while_we_listened_counts(run: Run) -> None:
    async def test(loop: VirtualLoop) -> None:
        with pytest.raises(DeadlinePassed) as passed:
            await within(2.0, asyncio.sleep(60))
        assert not passed.value.proves_nothing
        assert str(passed.value) == "no answer within 2 s"
        assert loop.time() == pytest.approx(1002.0)

    run(test)


@pytest.mark.parametrize(("held_up_s", "proves_nothing"), [(0.4, True), (0.05, False)])
def test_silence_while_we_were_deaf_proves_nothing(
    run: Run, held_up_s: float, proves_nothing: bool
) -> None:
    """Held up at the end of whatever is waited for."""

    async def test(loop: VirtualLoop) -> None:
        def again() -> None:
            loop.hold_up(held_up_s)
            loop.call_later(0.45, again)

        loop.call_later(0.45, again)
        with pytest.raises(DeadlinePassed) as passed:
            await within(2.0, asyncio.sleep(60))
        assert passed.value.proves_nothing is proves_nothing
        assert loop.time() <= 1000.0 + 2 * 2.0 + 8 * held_up_s

    run(test)


@pytest.mark.parametrize(("held_up_s", "ends_at_s"), [(0.6, 1002.2), (1.5, 1003.6)])
def test_who_was_deaf_listens_once_more(run: Run, held_up_s: float, ends_at_s: float) -> None:
    """What came meanwhile is heard then; who stays silent was silent for the whole time."""

    async def test(loop: VirtualLoop) -> None:
        loop.call_later(0.1, loop.hold_up, held_up_s)
        with pytest.raises(DeadlinePassed) as passed:
            await within(2.0, asyncio.sleep(60))
        assert not passed.value.proves_nothing
        assert loop.time() == pytest.approx(ends_at_s)

    run(test)


def test_an_answer_that_lay_ready_while_we_were_deaf_is_taken(run: Run) -> None:
    async def test(loop: VirtualLoop) -> None:
        async def answer() -> str:
            await asyncio.sleep(0.2)
            return "well"

        loop.call_later(0.1, loop.hold_up, 1.0)
        assert await within(2.0, answer()) == "well"

    run(test)


def test_an_answer_that_lies_ready_at_the_end_is_taken(run: Run) -> None:
    async def test(loop: VirtualLoop) -> None:
        async def answer() -> str:
            await asyncio.sleep(1.8)
            for _ in range(3):  # as reading and parsing take
                await asyncio.sleep(0)
            return "well"

        loop.call_later(1.7, loop.hold_up, 0.45)
        assert await within(2.0, answer()) == "well"

    run(test)


def test_cancelling_cancels_the_question(run: Run) -> None:
    async def test(loop: VirtualLoop) -> None:
        ended = asyncio.Event()

        async def answer() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                ended.set()

        task = asyncio.ensure_future(within(2.0, answer()))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended.is_set()

    run(test)


def test_a_question_that_will_not_end_is_left_behind(run: Run) -> None:
    async def test(loop: VirtualLoop) -> None:
        async def stubborn() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(30)

        with pytest.raises(DeadlinePassed):
            await within(2.0, stubborn())
        assert loop.time() == pytest.approx(1003.0)
        await asyncio.sleep(60)

    run(test)
