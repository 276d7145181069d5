"""Who says what happens is harmed by no listener: gone, deaf, or on a full disk."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import Sequence

from everup.cli import events
from everup.cli.voice import LINES_MOST, Voice
from everup.model import entries as e
from everup.model.kinds import Purpose


def test_a_reader_that_has_gone_costs_lines_alone() -> None:
    heard: list[str] = []
    is_gone = True

    def write(text: str) -> None:
        if is_gone:
            raise BrokenPipeError(errno.EPIPE, "broken pipe")
        heard.append(text)

    voice = Voice(write)
    voice.say("one")
    voice.say("two")
    voice.finish()
    assert heard == []
    is_gone = False
    voice.say("three")
    voice.finish()
    assert heard == ["(2 lines could not be written here)\nthree\n"]


def test_a_reader_that_does_not_read_never_makes_us_wait() -> None:
    go_on = threading.Event()

    def deaf(_: str) -> None:
        go_on.wait()

    voice = Voice(deaf)
    began_s = time.monotonic()
    for number in range(LINES_MOST * 3):
        voice.say(str(number))
    voice.finish(within_s=0.05)
    assert time.monotonic() - began_s < 2
    go_on.set()


def test_what_cannot_be_told_does_not_end_the_telling() -> None:
    wish = e.PurposeSet(1.0, "api", Purpose.RUN, "ann")

    class Broken:
        asked = 0

        async def entries(
            self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
        ) -> Sequence[tuple[int, str, e.Entry]]:
            self.asked += 1
            if self.asked == 1:
                raise RuntimeError("a flaw of ours")
            bad = e.PurposeSet("soon", "api", Purpose.RUN, "ann")  # type: ignore[arg-type]
            return [] if after else [(1, "x", bad), (2, "x", wish)]

    async def story() -> list[str]:
        said: list[str] = []
        task = asyncio.create_task(events.tell(Broken(), 0, said.append))
        await asyncio.sleep(3 * events.POLL_EVERY_S)
        assert not task.done()
        task.cancel()
        return said

    said = asyncio.run(story())
    assert "cannot be told" in said[0]
    assert said[1].endswith("api is to run, says ann")
