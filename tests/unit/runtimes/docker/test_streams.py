"""What an engine sends without an end, or without a bound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.runtimes.docker import streams

ID = "c" * 64


async def _chunks(parts: Sequence[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def _read(parts: Sequence[bytes], bytes_most: int) -> tuple[list[bytes], list[bytes]]:
    skipped: list[bytes] = []

    async def story() -> list[bytes]:
        return [line async for line in streams.lines(_chunks(parts), bytes_most, skipped.append)]

    return asyncio.run(story()), skipped


def test_a_line_that_is_too_long_is_skipped_and_the_next_one_follows() -> None:
    long = b"x" * 25
    assert _read([b"one\n" + long, long + b"\ntw", b"o\n"], 30) == ([b"one", b"two"], [long * 2])
    assert _read([b"one\n" + long + b"\ntwo\n"], 10) == ([b"one", b"two"], [long])


@given(
    st.lists(st.binary(max_size=12).map(lambda raw: raw.replace(b"\n", b".")), max_size=8),
    st.integers(1, 9),
)
def test_however_it_is_cut(lines: list[bytes], size: int) -> None:
    raw = b"".join(line + b"\n" for line in lines)
    found, skipped = _read([raw[i : i + size] for i in range(0, len(raw), size)], 6)
    assert found == [line for line in lines if line.strip() and len(line) <= 6]
    assert len(skipped) == sum(len(line) > 6 for line in lines)


def test_of_a_long_event_its_container_is_known() -> None:
    event = {"status": "die", "id": ID, "from": "x", "Actor": {"ID": ID, "Attributes": {"a": "b"}}}
    raw = json.dumps(event, separators=(",", ":")).encode()
    assert streams.about(raw[:120]) == {"Actor": {"ID": ID}}
    assert streams.about(b"{") == {}


def test_an_answer_that_is_too_long_is_refused_before_it_is_read() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10

    assert asyncio.run(streams.whole(_chunks([b"a", b"b"]), 2, "it")) == b"ab"
    with pytest.raises(streams.TooMuch, match="over 64 bytes"):
        asyncio.run(streams.whole(endless(), 64, "it"))
