"""The bytes of a segment: a header, then blocks, each with its own sums. Pure.

    file    = "EVRHIST1", header block, sample blocks …
    block   = length u32, sum of the payload u32, sum of these two u32, payload
    header  = JSON: version, stack, services, signals (their order is that of the columns)
    samples = zlib of: count u32, times float64[count], values float32[count, signal, service]

Numbers are little-endian. The sum of a block's own length lets a reader step over a payload that
was damaged; where that sum is wrong too, or bytes are missing, the rest of the file is lost.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from everup.model.history import SIGNALS, FloatArray, TimeArray

MAGIC = b"EVRHIST1"
VERSION = 1
BLOCK_BYTES_MOST = 64 * 1024 * 1024
UNPACKED_BYTES_MOST = 256 * 1024 * 1024
LEVEL = 1

_HEAD = struct.Struct("<III")
_COUNT = struct.Struct("<I")


class Damaged(ValueError):
    """These bytes are not what was written."""


@dataclass(frozen=True, slots=True)
class Header:
    """Whose samples a segment holds, and in which order."""

    stack: str
    services: tuple[str, ...]
    signals: tuple[str, ...] = tuple(SIGNALS)


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Samples in the order of time: `values[sample, signal, service]`."""

    times_s: TimeArray
    values: FloatArray


@dataclass(frozen=True, slots=True)
class Piece:
    """One block as found: its payload, or None where it was damaged, and where it ends."""

    payload: bytes | None
    end: int


def begin(header: Header) -> bytes:
    """The first bytes of a segment."""
    content = {
        "version": VERSION,
        "stack": header.stack,
        "services": header.services,
        "signals": header.signals,
    }
    return MAGIC + _block(json.dumps(content).encode("ascii"))


def pack(times_s: Sequence[float], samples: Sequence[FloatArray]) -> bytes:
    """These samples as one block."""
    times = np.asarray(times_s, dtype="<f8")
    values = np.asarray(samples, dtype="<f4")
    raw = _COUNT.pack(len(times)) + times.tobytes() + values.tobytes()
    return _block(zlib.compress(raw, LEVEL))


def header_of(data: bytes) -> tuple[Header, int]:
    """The header and where it ends.

    Raises:
        Damaged: another kind of file, a newer version, or damage.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise Damaged("no history of Everup")
    piece = next(pieces(data, len(MAGIC)), None)
    if piece is None or piece.payload is None:
        raise Damaged("its header is damaged")
    try:
        content = json.loads(piece.payload)
        if content["version"] != VERSION:
            raise Damaged(f"version {content['version']} is not known here")
        services, signals = tuple(content["services"]), tuple(content["signals"])
        return Header(str(content["stack"]), services, signals), piece.end
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"its header cannot be read: {error}") from error


def pieces(data: bytes, start: int) -> Iterator[Piece]:
    """Block after block, as far as they go; a torn end is simply not there."""
    position = start
    while position + _HEAD.size <= len(data):
        length, payload_sum, head_sum = _HEAD.unpack_from(data, position)
        if zlib.crc32(data[position : position + 8]) != head_sum or length > BLOCK_BYTES_MOST:
            return
        end = position + _HEAD.size + length
        if end > len(data):
            return
        payload = data[position + _HEAD.size : end]
        yield Piece(payload if zlib.crc32(payload) == payload_sum else None, end)
        position = end


def unpack(payload: bytes, header: Header) -> Block:
    """The samples of one payload.

    Raises:
        Damaged: it does not hold what its header says.
    """
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(payload, UNPACKED_BYTES_MOST)
    except zlib.error as error:
        raise Damaged(str(error)) from error
    if not inflate.eof or len(raw) < _COUNT.size:
        raise Damaged("it is too large or too short")
    (count,) = _COUNT.unpack_from(raw)
    width = len(header.signals) * len(header.services)
    if len(raw) != _COUNT.size + count * 8 + count * width * 4:
        raise Damaged("it is of another size than its header says")
    times = np.frombuffer(raw, dtype="<f8", count=count, offset=_COUNT.size)
    values = np.frombuffer(raw, dtype="<f4", offset=_COUNT.size + count * 8)
    shape = (count, len(header.signals), len(header.services))
    return Block(times.astype(np.float64), values.astype(np.float32).reshape(shape))


def _block(payload: bytes) -> bytes:
    start = struct.pack("<II", len(payload), zlib.crc32(payload))
    return start + struct.pack("<I", zlib.crc32(start)) + payload
