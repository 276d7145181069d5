"""Asks Redis whether it serves, without credentials: PING, and what its error begins with.

Flows in: `host:port` or the path of its socket. Flows out: an Answer. One that wants a password
serves; one that reads its data into memory says LOADING and is recovering. `persistence` reads what
it says of its background work; both speak the protocol that every version speaks.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.model.kinds import ProbeVerdict
from everup.signals.probes.answer import Answer, excerpt
from everup.signals.probes.talk import ANSWER_BYTES_MOST, Talk, talk

PING = b"*1\r\n$4\r\nPING\r\n"
INFO = b"*2\r\n$4\r\nINFO\r\n$11\r\npersistence\r\n"

SERVES = {"NOAUTH": "it wants a password", "NOPERM": "we may not ask it", "DENIED": "not to us"}
LOADING = "LOADING"
BUSY = "BUSY"
ILL = {
    "MASTERDOWN": "has lost its master and serves no stale data",
    BUSY: "runs a script that does not end",
    "MISCONF": "cannot write its data to disk and takes no writes",
}


class Said(Exception):
    """An error that Redis answered. `word` is its first one."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.word = text.partition(" ")[0]


async def ask(target: str) -> Answer:
    """One PING. The caller sets the deadline.

    Raises:
        OSError: as `trouble.judge` understands it.
    """
    async with talk(target) as server:
        server.say(PING)
        return judge_reply(await server.line())


def judge_reply(line: bytes) -> Answer:
    """The verdict on the first line of the answer."""
    text = excerpt(line.decode("utf-8", "replace"))
    if line == b"+PONG":
        return Answer(ProbeVerdict.PASS, "serves: PONG", is_own_word=True)
    if not line.startswith(b"-"):
        return Answer(
            ProbeVerdict.FAIL, f"what answers there does not speak Redis: it began with {text!r}"
        )
    word, said = text[1:].partition(" ")[0], text[1:]
    if word in SERVES:
        return Answer(ProbeVerdict.PASS, f"serves, {SERVES[word]}: {said}", is_own_word=True)
    if word == LOADING:
        return Answer(ProbeVerdict.RECOVERING, f"says that it is coming: {said}", is_own_word=True)
    if word in ILL:
        return Answer(ProbeVerdict.FAIL, f"{ILL[word]}: {said}", is_own_word=True)
    return Answer(ProbeVerdict.FAIL, f"answered {said}", is_own_word=True)


async def persistence(target: str) -> Mapping[str, str]:
    """The fields of INFO's part about persistence. The caller sets the deadline.

    Raises:
        Said: it answers with an error instead.
        OSError: as `trouble.judge` understands it.
    """
    async with talk(target) as server:
        server.say(INFO)
        text = await _bulk(server)
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value for name, colon, value in pairs if colon}


async def _bulk(server: Talk) -> str:
    line = (await server.line()).decode("utf-8", "replace")
    if line.startswith("-"):
        raise Said(excerpt(line[1:]))
    size = line.removeprefix("$")
    if not size.isdigit() or int(size) > ANSWER_BYTES_MOST:
        raise Said(f"no text but {excerpt(line)!r}")
    return (await server.exactly(int(size))).decode("utf-8", "replace")
