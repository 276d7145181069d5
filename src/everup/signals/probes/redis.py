"""Asks Redis whether it serves, without credentials: PING, and what its error begins with.

Flows in: `host:port` or the path of its socket. Flows out: an Answer. One that wants a password
serves; one that reads its data into memory says LOADING and is recovering. `busy` reads what
it says of its background work; both speak the protocol that every version speaks.
"""

from __future__ import annotations

from everup.model.kinds import BusyState, ProbeVerdict
from everup.signals.probes.answer import Answer, excerpt
from everup.signals.probes.talk import ANSWER_BYTES_MOST, Talk, talk

PING = b"*1\r\n$4\r\nPING\r\n"
INFO = b"*2\r\n$4\r\nINFO\r\n$11\r\npersistence\r\n"

SERVES = {"NOAUTH": "it wants a password", "NOPERM": "we may not ask it", "DENIED": "not to us"}
WORKS = {
    "rdb_bgsave_in_progress": "it saves a snapshot",
    "aof_rewrite_in_progress": "it rewrites its append-only file",
}
LOADING = "LOADING"
BUSY = "BUSY"
ILL = {
    "MASTERDOWN": "has lost its master and serves no stale data",
    BUSY: "runs a script that does not end",
    "MISCONF": "cannot write its data to disk and takes no writes",
}


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
        return Answer(ProbeVerdict.PASS, "serves: PONG")
    if not line.startswith(b"-"):
        return Answer(
            ProbeVerdict.FAIL, f"what answers there does not speak Redis: it began with {text!r}"
        )
    word, said = text[1:].partition(" ")[0], text[1:]
    if word in SERVES:
        return Answer(ProbeVerdict.PASS, f"serves, {SERVES[word]}: {said}")
    if word == LOADING:
        return Answer(ProbeVerdict.RECOVERING, f"says that it is coming: {said}")
    if word in ILL:
        return Answer(ProbeVerdict.FAIL, f"{ILL[word]}: {said}")
    return Answer(ProbeVerdict.FAIL, f"answered {said}")


async def busy(target: str) -> tuple[BusyState, str]:
    """Whether it saves or runs a script, as far as it tells anybody. The caller sets the deadline.

    Raises:
        OSError: as `trouble.judge` understands it.
    """
    async with talk(target) as server:
        server.say(INFO)
        text, is_error = await _bulk(server)
    if is_error:
        is_script = text.partition(" ")[0] == BUSY
        return (BusyState.BUSY if is_script else BusyState.UNKNOWN), text
    fields = dict(line.partition(":")[::2] for line in text.splitlines())
    works = [said for name, said in WORKS.items() if fields.get(name, "0").strip() == "1"]
    return (BusyState.BUSY, " and ".join(works)) if works else (BusyState.IDLE, "")


async def _bulk(server: Talk) -> tuple[str, bool]:
    """A text, or the error that was answered instead of it."""
    line = (await server.line()).decode("utf-8", "replace")
    size = line.removeprefix("$")
    if not size.isdigit() or int(size) > ANSWER_BYTES_MOST:
        return excerpt(line.removeprefix("-")), True
    return (await server.exactly(int(size))).decode("utf-8", "replace"), False
