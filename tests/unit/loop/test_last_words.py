"""Evidence before an end: every part has its chance, none can stop a healing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import cast
from unittest.mock import AsyncMock

from everup.loop import perform
from everup.loop.answers import ANSWERS_MOST, AnswerLog
from everup.loop.last_words import LINE_MOST, LINES_MOST, last_words
from everup.loop.ports import Runtime
from everup.model.decision import Step
from everup.model.errors import TryAgain
from everup.model.evidence import ENDED
from everup.model.kinds import ActionKind, InstanceState, ProbeVerdict
from everup.model.observation import Instance, ProbeResult
from tests.unit.builders import SETTINGS, service

QUICK = replace(SETTINGS, evidence_deadline_s=0.1)


class Eyes:
    """A runtime of which only the evidence is asked."""

    def __init__(self, seen: object, written: object) -> None:
        self.seen, self.written = seen, written

    async def evidence(self, *_: object) -> Sequence[str]:
        return await self._tell(self.seen)

    async def logs(self, *_: object, lines: int) -> Sequence[str]:
        return await self._tell(self.written)

    async def _tell(self, what: object) -> Sequence[str]:
        if isinstance(what, Exception):
            raise what
        if what is None:
            await asyncio.sleep(60.0)
        return cast(Sequence[str], what)


def words(seen: object, written: object, answers: Sequence[str] = ()) -> Sequence[str]:
    eyes = cast(Runtime, Eyes(seen, written))
    return asyncio.run(last_words(eyes, QUICK, "db", None, answers))


def test_all_parts_are_kept_in_order() -> None:
    told = words(["db-0: state T"], ["bye"], ["db-0: 1.0 s ago: fail"])
    assert told == ["probe db-0: 1.0 s ago: fail", "db-0: state T", "log bye"]


def test_what_fails_or_takes_too_long_is_said_and_the_rest_is_kept() -> None:
    assert words(None, ["bye"]) == ["(nothing seen of it: TimeoutError)", "log bye"]
    told = words(["seen"], TryAgain("no files"))
    assert told == ["seen", "log (no logs taken: TryAgain no files)"]


def test_evidence_is_bounded() -> None:
    told = words(["x" * 9999] * 500, ["y"] * 500)
    assert (len(told), max(map(len, told))) == (LINES_MOST, LINE_MOST)


def test_the_last_answers_of_each_instance() -> None:
    log = AnswerLog()
    for number in range(20):
        for name in ("db-0", "db-1"):
            instance = Instance("db", name, "1", InstanceState.RUNNING)
            log.note(instance, ProbeResult(ProbeVerdict.FAIL, float(number), detail="no answer"))
    told = log.lines("db", 20.0, "db-1")
    assert len(told) == ANSWERS_MOST
    assert told[-1] == "db-1: 1.0 s ago: fail no answer"
    assert len(log.lines("db", 20.0)) == 2 * ANSWERS_MOST
    assert log.lines("api", 20.0) == []


def test_that_a_kill_ended_the_grace_is_kept_with_the_action() -> None:
    runtime = AsyncMock()
    runtime.restart.return_value = ["a-0 still ran 12 s after SIGTERM and was killed"]
    step = Step(ActionKind.GRACEFUL_RESTART, "a")
    told = asyncio.run(perform._call(runtime, service("a"), step, 12.0))
    assert list(told) == [f"{ENDED}a-0 still ran 12 s after SIGTERM and was killed"]
