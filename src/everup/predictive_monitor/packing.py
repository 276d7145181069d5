"""Models as bytes without pickle: `pack(...) -> bytes`, `unpack(...) -> header, arrays`. Pure.

The length of a JSON header, the header, then the arrays one after the other. `unpack` believes
nothing: what is cut short, foreign or out of bounds is a ValueError. Called by each kind of model.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

BYTES_MOST = 64 * 1024 * 1024
HEADER_MOST = 1024 * 1024
KINDS = ("<f8", "<i4")
"""The only kinds of number that are kept."""
DIMENSIONS_MOST = 2

Arrays = Mapping[str, NDArray[np.generic]]
TOO_LITTLE = (KeyError, TypeError, AttributeError, RecursionError)
"""What a header that says too little raises where it is read."""


def pack(format_name: str, arrays: Arrays, said: Mapping[str, object]) -> bytes:
    """The same arrays and words give the same bytes."""
    kept = {name: _plain(array) for name, array in sorted(arrays.items())}
    header = {
        **said,
        "format": format_name,
        "arrays": [[name, a.dtype.str, list(a.shape)] for name, a in kept.items()],
    }
    text = json.dumps(header, sort_keys=True).encode()
    return len(text).to_bytes(4, "little") + text + b"".join(a.tobytes() for a in kept.values())


def unpack(format_name: str, content: bytes) -> tuple[dict[str, Any], Arrays]:
    """What `pack` was given. ValueError: it is not that, or not whole."""
    if not 4 <= len(content) <= BYTES_MOST:
        raise ValueError("a model of impossible size")
    size = int.from_bytes(content[:4], "little")
    if size > min(HEADER_MOST, len(content) - 4):
        raise ValueError("a model whose header is cut short")
    try:
        header = json.loads(content[4 : 4 + size])
        if header["format"] != format_name:
            raise ValueError("a model of another format")
        return header, _arrays(header["arrays"], content[4 + size :])
    except TOO_LITTLE as error:
        raise says_too_little(error) from error


def says_too_little(error: Exception) -> ValueError:
    """What to raise of one of TOO_LITTLE."""
    return ValueError(f"a model whose header says too little: {error}")


def part(arrays: Arrays, start: str) -> dict[str, NDArray[np.generic]]:
    """Those whose names begin so, without that beginning."""
    return {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}


def named(start: str, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
    """The way back from `part`."""
    return {start + name: array for name, array in arrays.items()}


def _plain(array: NDArray[np.generic]) -> NDArray[np.generic]:
    kind = "<i4" if np.issubdtype(array.dtype, np.integer) else "<f8"
    return np.ascontiguousarray(array.astype(kind))


def _arrays(listed: list[list[object]], content: bytes) -> dict[str, NDArray[np.generic]]:
    found: dict[str, NDArray[np.generic]] = {}
    start = 0
    for name, kind, shape in listed:
        if kind not in KINDS or not isinstance(shape, list) or len(shape) > DIMENSIONS_MOST:
            raise ValueError("a model with a foreign array")
        sizes = [int(n) for n in shape]
        if min(sizes, default=0) < 0:
            raise ValueError("a model with an array of impossible size")
        end = start + math.prod(sizes) * np.dtype(str(kind)).itemsize
        if end > len(content):
            raise ValueError("a model that is cut short")
        found[str(name)] = np.frombuffer(content[start:end], dtype=str(kind)).reshape(sizes)
        start = end
    if start != len(content):
        raise ValueError("a model with something behind it")
    return found
