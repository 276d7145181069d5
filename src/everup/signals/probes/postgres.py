"""Asks PostgreSQL whether it serves, without credentials: the first message of a session is enough.

Flows in: `host:port` or the path of its socket. Flows out: an Answer. A server that asks for a
password, or that says that there is no such user, serves. One that replays its log says so with
SQLSTATE 57P03, and is recovering. No log-in is ever tried: nothing is needed, nothing is told.

It proves that a new session is begun, not that a query returns.
"""

from __future__ import annotations

import asyncio
import struct

from everup.model.kinds import ProbeVerdict
from everup.signals.probes.answer import Answer, excerpt
from everup.signals.probes.talk import Talk, talk

PROTOCOL_3_0 = 196608
FIRST_MESSAGE = {"user": "everup_probe", "database": "postgres", "application_name": "everup"}
GOOD_BYE = b"X\0\0\0\4"
MESSAGE_BYTES_MOST = 16 * 1024
OLD_ERROR_MOST = 256

SERVES_CLASSES = ("28", "3D", "42")
"""Who may log in, and to which database: whoever judges that is serving."""
BROKEN_CLASSES = ("53", "57", "58", "XX")
"""No resources, shut down or crashed, system error, internal error."""
CANNOT_CONNECT_NOW = "57P03"
GOING_DOWN = {"57P01": "shutting down", "57P02": "crashed, and ends all sessions"}
TOO_MANY = "53300"
SHUTTING_DOWN = "shutting down"
"""The same SQLSTATE as starting up has; only the words differ. In another language it is taken for
recovering, which does less."""


async def ask(target: str) -> Answer:
    """One question. The caller sets the deadline.

    Raises:
        OSError: as `trouble.judge` understands it.
    """
    async with talk(target) as server:
        server.say(_first_message())
        answer = await _answer(server)
        server.say(GOOD_BYE)
        return answer


def _first_message() -> bytes:
    pairs = b"".join(f"{k}\0{v}\0".encode() for k, v in FIRST_MESSAGE.items()) + b"\0"
    return struct.pack("!ii", len(pairs) + 8, PROTOCOL_3_0) + pairs


async def _answer(server: Talk) -> Answer:
    kind = await server.exactly(1)
    if kind not in (b"R", b"E", b"v"):
        return _stranger(kind)
    head = await server.exactly(4)
    (length,) = struct.unpack("!i", head)
    if not 4 <= length <= MESSAGE_BYTES_MOST:
        # Before it can fork it speaks the protocol of old: an E and a text.
        return await _old_error(head, server) if kind == b"E" else _stranger(kind + head)
    body = await server.exactly(length - 4)
    if kind == b"E":
        return judge_error(body)
    if kind == b"R" and length >= 8:
        return Answer(ProbeVerdict.PASS, "serves: it asks who we are")
    return Answer(ProbeVerdict.PASS, "serves: it speaks of its protocol")


async def _old_error(head: bytes, server: Talk) -> Answer:
    try:
        rest = await server.reader.read(OLD_ERROR_MOST)
    except (OSError, asyncio.IncompleteReadError):
        rest = b""
    said = excerpt((head + rest).decode("utf-8", "replace").strip("\0\n"))
    return Answer(ProbeVerdict.FAIL, f"answered: {said}")


def _stranger(start: bytes) -> Answer:
    return Answer(
        ProbeVerdict.FAIL, f"what answers there does not speak PostgreSQL: it began with {start!r}"
    )


def judge_error(body: bytes) -> Answer:
    """The verdict on an error message: by its SQLSTATE."""
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    code, text = fields.get(b"C", ""), excerpt(fields.get(b"M", ""))
    said = f"{code} {text}".strip()
    if code == CANNOT_CONNECT_NOW and SHUTTING_DOWN not in text.lower():
        return Answer(ProbeVerdict.RECOVERING, f"says that it is coming: {said}")
    if code == CANNOT_CONNECT_NOW:
        return Answer(ProbeVerdict.FAIL, f"is {SHUTTING_DOWN}: {said}")
    if code in GOING_DOWN:
        return Answer(ProbeVerdict.FAIL, f"is {GOING_DOWN[code]}: {said}")
    if code == TOO_MANY:
        return Answer(ProbeVerdict.FAIL, f"has no connection left: {said}")
    if code[:2] in SERVES_CLASSES:
        return Answer(ProbeVerdict.PASS, f"serves: {said}")
    if code[:2] in BROKEN_CLASSES:
        return Answer(ProbeVerdict.FAIL, f"answered {said}")
    return Answer(
        ProbeVerdict.UNKNOWN,
        f"answered {said}, which says nothing of the server; a pooler in front of it, perhaps: "
        "ask the server itself",
    )
