"""Redis: the keys of one prefix by UNLINK, or MEMORY PURGE. Never FLUSHALL or FLUSHDB.

Flows in: the recipe and an address. Flows out: how much was freed. First every key of the prefix is
looked at: when one has no TTL, or is a list or a stream, which serve as queues, nothing is touched.
Then they go in batches by a script that looks at each key once more, in the same moment. Asks for
no password: a server that wants one is refused with what to declare instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from everup.model.errors import GiveUp
from everup.model.recipes import Recipe

KEYS_MOST = 200_000
BATCH = 500
BULK_BYTES_MOST = 1 << 20
QUEUES = frozenset({"list", "stream"})
UNLINK = """
local gone = 0
for _, key in ipairs(KEYS) do
  local kind = redis.call('TYPE', key)['ok']
  if redis.call('PTTL', key) >= 0 and kind ~= 'list' and kind ~= 'stream' then
    gone = gone + redis.call('UNLINK', key)
  end
end
return gone
"""

Value = str | int | None | list["Value"]


async def clear(recipe: Recipe, what: str, host: str, port: int) -> str:
    """See the module.

    Raises:
        GiveUp: with the reason. OSError, EOFError: the connection broke.
    """
    reader, writer = await asyncio.open_connection(host, port)
    try:
        talk = _Talk(reader, writer, what)
        before = await talk.used_mib()
        if not recipe.prefix:
            await talk.say("MEMORY", "PURGE")
            return f"memory purged: {before} before, {await talk.used_mib()} after"
        if await talk.role() != "master":
            raise GiveUp(f"{what}: it follows another server, which decides over its keys")
        keys = await _looked_at(talk, recipe.prefix, what)
        gone = 0
        for start in range(0, len(keys), BATCH):
            part = keys[start : start + BATCH]
            answer = await talk.say("EVAL", UNLINK, str(len(part)), *part)
            gone += answer if isinstance(answer, int) else 0
        after = await talk.used_mib()
        which = f"{gone} of {len(keys)} keys of {recipe.prefix!r}"
        return f"{which} unlinked: {before} before, {after} after"
    finally:
        writer.close()


async def _looked_at(talk: _Talk, prefix: str, what: str) -> list[str]:
    """All keys of the prefix, each seen to be one that may go."""
    found: dict[str, None] = {}
    cursor = "0"
    while True:
        answer = await talk.say("SCAN", cursor, "MATCH", f"{prefix}*", "COUNT", str(BATCH))
        if not isinstance(answer, list) or len(answer) != 2 or not isinstance(answer[1], list):
            raise GiveUp(f"{what}: it does not scan its keys: {answer!r}")
        cursor = str(answer[0])
        keys = [str(key) for key in answer[1] if key not in found]
        await _refuse(talk, keys, what)
        found.update(dict.fromkeys(keys))
        if len(found) > KEYS_MOST:
            raise GiveUp(f"{what}: more than {KEYS_MOST} keys; declare a narrower prefix")
        if cursor == "0":
            return list(found)


async def _refuse(talk: _Talk, keys: Sequence[str], what: str) -> None:
    if not keys:
        return
    kinds = await talk.all(("TYPE", key) for key in keys)
    lasts = await talk.all(("PTTL", key) for key in keys)
    for key, kind, left_ms in zip(keys, kinds, lasts, strict=True):
        if kind in QUEUES:
            raise GiveUp(f"{what}: {key!r} is a {kind}, which serves as a queue; nothing was freed")
        if left_ms == -1:
            raise GiveUp(f"{what}: {key!r} has no TTL, so it is no cache; nothing was freed")


class _Talk:
    """The server's protocol, as much of it as is needed. Answers are bounded."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: str
    ) -> None:
        self._reader, self._writer, self._what = reader, writer, what

    async def say(self, *words: str) -> Value:
        """One command, one answer."""
        (answer,) = await self.all([words])
        return answer

    async def all(self, commands: object) -> list[Value]:
        """Several in one go."""
        count = 0
        for words in commands:  # type: ignore[attr-defined]
            parts = [f"*{len(words)}\r\n".encode()]
            for word in words:
                data = word.encode("utf-8", "surrogateescape")
                parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
            self._writer.write(b"".join(parts))
            count += 1
        await self._writer.drain()
        return [await self._answer() for _ in range(count)]

    async def role(self) -> str:
        """`master`, or what it is instead."""
        for line in (await self._info("replication")).splitlines():
            name, _, value = line.partition(":")
            if name == "role":
                return value
        return ""

    async def used_mib(self) -> str:
        """The memory that it says it uses."""
        for line in (await self._info("memory")).splitlines():
            name, _, value = line.partition(":")
            if name == "used_memory" and value.isdigit():
                return f"{int(value) / (1 << 20):.1f} MiB"
        return "unknown"

    async def _info(self, section: str) -> str:
        answer = await self.say("INFO", section)
        return answer if isinstance(answer, str) else ""

    async def _answer(self) -> Value:
        line = (await self._reader.readuntil(b"\r\n"))[:-2]
        kind, rest = line[:1], line[1:].decode("utf-8", "surrogateescape")
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return await self._bulk(int(rest))
        if kind == b"*":
            return [await self._answer() for _ in range(int(rest))]
        if kind == b"-" and rest.startswith(("NOAUTH", "WRONGPASS")):
            hint = "declare a command as cache_clear hook that knows it"
            raise GiveUp(f"{self._what}: it wants a password; {hint}")
        raise GiveUp(f"{self._what}: it says {rest!r}")

    async def _bulk(self, length: int) -> str | None:
        if length < 0:
            return None
        if length > BULK_BYTES_MOST:
            raise GiveUp(f"{self._what}: an answer of {length} bytes is no answer of Redis")
        data = await self._reader.readexactly(length + 2)
        return data[:-2].decode("utf-8", "surrogateescape")
