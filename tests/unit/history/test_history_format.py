"""What is written is read; a torn end is cut at any byte, and every flipped bit is noticed."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from everup.history.format import (
    MAGIC,
    Block,
    Damaged,
    Header,
    _block,
    begin,
    header_of,
    pack,
    pieces,
    unpack,
)
from everup.model.history import SIGNALS
from tests.unit.history.builders import HEADER, START_S, sample_of

BLOCKS = [pack([START_S + n], [sample_of(n)]) for n in range(4)]
FILE = begin(HEADER) + b"".join(BLOCKS)
START = len(begin(HEADER))
ENDS = [START + sum(map(len, BLOCKS[: n + 1])) for n in range(len(BLOCKS))]


def read(data: bytes) -> tuple[list[Block], int]:
    """Good blocks, and how many were damaged."""
    header, position = header_of(data)
    good, damaged = [], 0
    for piece in pieces(data, position):
        try:
            if piece.payload is None:
                raise Damaged
            good.append(unpack(piece.payload, header))
        except Damaged:
            damaged += 1
    return good, damaged


@given(
    st.lists(st.floats(0, 2e9), min_size=1, max_size=5),
    st.integers(1, 4),
    st.data(),
)
def test_samples_come_back_bit_for_bit(
    times: list[float], services: int, data: st.DataObject
) -> None:
    header = Header("s", tuple(f"s{n}" for n in range(services)))
    shape = (len(times), len(SIGNALS), services)
    values = data.draw(hnp.arrays(np.float32, shape, elements=st.floats(width=32)))
    (block,), _ = read(begin(header) + pack(times, list(values)))
    assert block.times_s.tolist() == times
    assert block.values.tobytes() == values.tobytes()


@given(st.text(), st.lists(st.text(), max_size=5))
def test_any_name_comes_back(stack: str, services: list[str]) -> None:
    header = Header(stack, tuple(services))
    assert header_of(begin(header)) == (header, len(begin(header)))


@pytest.mark.parametrize("length", range(START, len(FILE) + 1))
def test_a_file_torn_at_any_byte_keeps_its_whole_blocks(length: int) -> None:
    blocks, damaged = read(FILE[:length])
    assert len(blocks) == sum(end <= length for end in ENDS)
    assert damaged == 0
    for number, block in enumerate(blocks):
        assert block.values[0].tobytes() == sample_of(number).tobytes()


@pytest.mark.parametrize("length", range(START))
def test_a_torn_header_is_said(length: int) -> None:
    with pytest.raises(Damaged):
        header_of(FILE[:length])


@given(st.integers(0, 8 * len(FILE) - 1))
def test_no_flipped_bit_is_believed(bit: int) -> None:
    data = bytearray(FILE)
    data[bit // 8] ^= 1 << bit % 8
    if bit // 8 < START:
        with pytest.raises(Damaged):
            header_of(bytes(data))
        return
    blocks, damaged = read(bytes(data))
    expected = {sample_of(number).tobytes() for number in range(len(BLOCKS))}
    assert {block.values[0].tobytes() for block in blocks} < expected
    is_in_payload = damaged == 1
    assert len(blocks) == len(BLOCKS) - 1 or not is_in_payload


@given(st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for start in (b"", MAGIC, begin(HEADER)):
        try:
            read(start + data)
        except Damaged:
            continue


def test_a_newer_version_is_refused_by_number() -> None:
    content = json.dumps({"version": 2, "stack": "s", "services": [], "signals": []}).encode()
    with pytest.raises(Damaged, match="version 2"):
        header_of(MAGIC + _block(content))


def test_a_bomb_is_not_unpacked() -> None:
    with pytest.raises(Damaged):
        unpack(b"not zlib", HEADER)
    (piece,) = pieces(pack([1.0], [sample_of(0, services=2)]), 0)
    assert piece.payload is not None
    with pytest.raises(Damaged, match="another size"):
        unpack(piece.payload, HEADER)
