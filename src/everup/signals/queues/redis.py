"""How long a list, a set, a sorted set or a stream of a Redis is. Nothing is changed.

Flows in: `host:port/number`, a key, and whom to say that we are. Flows out: entries. A key that is
not there is an empty queue: Redis keeps no empty lists. Speaks RESP2, as every version does.

A stream keeps what was done with, so that its length says little once groups read it: then what the
group that is furthest behind has not been given (`lag`, which Redis 7 says), and what it was given
and has not acknowledged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.signals.probes.answer import excerpt
from everup.signals.probes.talk import ANSWER_BYTES_MOST, Talk, talk

LENGTHS = {"list": "LLEN", "set": "SCARD", "zset": "ZCARD", "stream": "XLEN"}
ITEMS_MOST, DEPTH_MOST = 4096, 4
PASSES = frozenset({"LOADING", "BUSY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN"})
ACCOUNTS = {
    "NOAUTH": "wants an account: name the variable that holds the password in password_env",
    "WRONGPASS": "knows no such user, or another password",
    "NOPERM": "does not let this user ask",
    "DENIED": "wants an account: name the variable that holds the password in password_env",
}

Reply = str | int | None | Sequence["Reply"]


@dataclass(frozen=True, slots=True)
class Account:
    """Whom we say that we are. `user` "": the default one."""

    user: str
    password: str = field(repr=False)


async def length(target: str, key: str, account: Account | None = None) -> float:
    """Entries that wait. The caller sets the deadline.

    Raises:
        OSError: as `trouble.judge` understands it.
        TryAgain, GiveUp: as Redis says it.
    """
    address, _, number = target.rpartition("/")
    async with talk(address) as server:
        if account is not None:
            who = (account.user,) if account.user else ()
            await _asked(server, "AUTH", *who, account.password)
        if number != "0":
            await _asked(server, "SELECT", number)
        kind = await _asked(server, "TYPE", key)
        if kind == "none":
            return 0.0
        verb = LENGTHS.get(str(kind))
        if verb is None:
            raise GiveUp(
                f"the key {excerpt(key)!r} holds a {kind}, which has no length that counts"
            )
        if kind == "stream" and (groups := _groups(await _asked(server, "XINFO", "GROUPS", key))):
            return max(_behind(group) for group in groups)
        count = await _asked(server, verb, key)
        if not isinstance(count, int):
            raise _foreign(f"it answered {excerpt(str(count))!r} to {verb}")
        return float(count)


def _groups(reply: Reply) -> list[Mapping[str, Reply]]:
    if not isinstance(reply, list):
        raise _foreign("it has no list of groups")
    found: list[Mapping[str, Reply]] = []
    for row in reply:
        cells = row if isinstance(row, list) else []
        found.append({str(n): value for n, value in zip(cells[::2], cells[1::2], strict=False)})
    return found


def _behind(group: Mapping[str, Reply]) -> float:
    lag, pending = group.get("lag"), group.get("pending")
    if "lag" not in group:
        raise GiveUp(
            "it does not say how far a group is behind; Redis 7 does, and so may a command"
        )
    if not isinstance(lag, int) or not isinstance(pending, int):
        raise TryAgain("it cannot say by now how far a group is behind")
    return float(lag + pending)


async def _asked(server: Talk, *words: str) -> Reply:
    parts = [word.encode("utf-8", "surrogateescape") for word in words]
    body = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)
    server.say(b"*%d\r\n%b" % (len(parts), body))
    return await _reply(server)


async def _reply(server: Talk, depth: int = 0) -> Reply:
    line = (await server.line()).decode("utf-8", "replace")
    kind, rest = line[:1], line[1:]
    if kind == "+":
        return rest
    if kind == "-":
        raise _refusal(rest)
    size = int(rest) if rest.removeprefix("-").isdecimal() and len(rest) < 20 else None
    if size is None or kind not in (":", "$", "*"):
        raise _foreign(f"it began with {excerpt(line)!r}")
    if kind == ":":
        return size
    if size < 0:
        return None
    if kind == "$" and size <= ANSWER_BYTES_MOST:
        return (await server.exactly(size + 2))[:-2].decode("utf-8", "replace")
    if kind == "*" and size <= ITEMS_MOST and depth < DEPTH_MOST:
        return [await _reply(server, depth + 1) for _ in range(size)]
    raise _foreign("its answer is too long")


def _foreign(why: str) -> GiveUp:
    return GiveUp(f"what answers there does not speak Redis: {why}")


def _refusal(said: str) -> EverupError:
    word, text = said.partition(" ")[0], excerpt(said)
    if word in PASSES:
        return TryAgain(f"Redis says {text}")
    if word in ACCOUNTS:
        return GiveUp(f"Redis {ACCOUNTS[word]} ({text})")
    return GiveUp(f"Redis says {text}")
