"""One command to HAProxy's runtime API and its answer, bounded in time and size.

Flows in: an address and a command of our own making. Flows out: text. A connection for each
command: HAProxy closes it after the answer, which is how its end is known.
"""

from __future__ import annotations

import asyncio

from everup.model.errors import GiveUp, TryAgain

UNIX, TCP = "unix://", "tcp://"
ANSWER_BYTES_MOST = 8 << 20
CHUNK_BYTES = 65_536
COMMAND_CHARS_MOST = 1000


async def ask(address: str, command: str, timeout_s: float) -> str:
    """The answer, without the empty line at its end.

    Raises:
        TryAgain: nobody listens there, or there is no whole answer in time.
        GiveUp: we may not, or the answer has no end in sight.
    """
    if any(ord(c) < 32 or c == ";" for c in command) or len(command) > COMMAND_CHARS_MOST:
        raise GiveUp(f"not said to {address}: {command[:80]!r} is more than one command")
    try:
        async with asyncio.timeout(timeout_s):
            return await _ask(address, command)
    except TimeoutError as error:
        raise TryAgain(f"{address} gives no answer in {timeout_s:g} s") from error
    except PermissionError as error:
        raise GiveUp(
            f"{address} may not be used by this account: give the socket a group that Everup has, "
            "with stats socket … mode 660 group NAME"
        ) from error
    except (OSError, ValueError) as error:
        raise TryAgain(f"{address} cannot be reached: {_why(error)}") from error


async def _ask(address: str, command: str) -> str:
    reader, writer = await _open(address)
    try:
        writer.write(f"{command}\n".encode("ascii"))
        await writer.drain()
        parts: list[bytes] = []
        size = 0
        while chunk := await reader.read(CHUNK_BYTES):
            parts.append(chunk)
            size += len(chunk)
            if size > ANSWER_BYTES_MOST:
                raise GiveUp(f"{address} says more than {ANSWER_BYTES_MOST >> 20} MiB")
    finally:
        writer.close()
    return b"".join(parts).decode("utf-8", "replace").strip("\n")


async def _open(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    if address.startswith(UNIX):
        return await asyncio.open_unix_connection(address.removeprefix(UNIX))
    host, _, port = address.removeprefix(TCP).rpartition(":")
    return await asyncio.open_connection(host.strip("[]"), int(port))


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
