"""Embeddings for a stack without a model: the same text always has the same small vector, and
texts that share words lie closer together."""

from __future__ import annotations

import math
import zlib

DIMENSIONS = 16

Vector = list[float]


def embed(text: str) -> Vector:
    """A unit vector made from the words' checksums."""
    vector = [0.0] * DIMENSIONS
    for word in text.lower().split():
        checksum = zlib.crc32(word.encode())
        vector[checksum % DIMENSIONS] += 1.0 if checksum & 0x10000 else -1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [round(value / length, 6) for value in vector]


def similarity(one: Vector, other: Vector) -> float:
    """The cosine, for unit vectors."""
    return sum(a * b for a, b in zip(one, other, strict=False))
