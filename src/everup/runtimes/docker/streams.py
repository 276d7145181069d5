"""What an engine sends without saying how long it is, read within bounds.

Flows in: a body as it comes. Flows out: its lines, or all of it; never more than was asked for.
Called by `engine`.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from typing import Any

from everup.model.errors import GiveUp

HEAD_BYTES = 4096
_CONTAINER = re.compile(rb'"(?:id|ID)":"([0-9a-f]{64})"')


class TooMuch(GiveUp):
    """The answer is longer than its caller can use."""


async def lines(
    chunks: AsyncIterator[bytes], bytes_most: int, skipped: Callable[[bytes], None]
) -> AsyncGenerator[bytes, None]:
    """Whole lines of a stream without an end. Of one that is too long `skipped` is given the
    beginning, and the next one follows."""
    kept, is_skipping = b"", False
    async for chunk in chunks:
        *whole, kept = (kept + chunk).split(b"\n")
        for line in whole:
            if is_skipping:
                is_skipping = False  # its end
            elif len(line) > bytes_most:
                skipped(line[:HEAD_BYTES])
            elif line.strip():
                yield line
        if not is_skipping and len(kept) > bytes_most:
            is_skipping = True
            skipped(kept[:HEAD_BYTES])
        if is_skipping:
            kept = b""


async def whole(chunks: AsyncIterator[bytes], bytes_most: int, what: str) -> bytes:
    """All of it.

    Raises:
        TooMuch: it is longer than that.
    """
    kept = bytearray()
    async for chunk in chunks:
        kept += chunk
        if len(kept) > bytes_most:
            raise TooMuch(f"the engine's answer to {what} is over {bytes_most} bytes")
    return bytes(kept)


def about(head: bytes) -> Mapping[str, Any]:
    """The event that begins like this, as far as it can be told: which container it is about."""
    found = _CONTAINER.search(head)
    return {"Actor": {"ID": found[1].decode()}} if found is not None else {}
