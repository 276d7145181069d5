"""Asks memcached whether it serves, without credentials: for its version, which changes nothing.

Flows in: `host:port`. Flows out: an Answer. One that wants a login says so with an error, and
serves.
"""

from __future__ import annotations

from everup.model.kinds import ProbeVerdict
from everup.signals.probes.answer import Answer, excerpt
from everup.signals.probes.talk import talk

VERSION = b"version\r\n"
SERVES = (b"VERSION ", b"ERROR", b"CLIENT_ERROR")
ILL = b"SERVER_ERROR"


async def ask(target: str) -> Answer:
    """One question. The caller sets the deadline.

    Raises:
        OSError: as `trouble.judge` understands it.
    """
    async with talk(target) as server:
        server.say(VERSION)
        return judge_line(await server.line())


def judge_line(line: bytes) -> Answer:
    """The verdict on the first line of the answer."""
    text = excerpt(line.decode("utf-8", "replace"))
    if line.startswith(SERVES):
        return Answer(ProbeVerdict.PASS, f"serves: {text}")
    if line.startswith(ILL):
        return Answer(ProbeVerdict.FAIL, f"answered {text}")
    return Answer(
        ProbeVerdict.FAIL, f"what answers there does not speak memcached: it began with {text!r}"
    )
