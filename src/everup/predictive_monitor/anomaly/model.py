"""A trained model of whole services: a pooled forest and the usual directions, with what they are.

Flows in: what `everup.training` fitted. Flows out: two scores per row of features. One model serves
all services, because their features are normalised by each service's own past. It is kept as bytes
without pickle: the length of a JSON header, the header, then the arrays one after the other.
`unpack` believes nothing: what is cut short, foreign or out of bounds is a ValueError.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from everup.predictive_monitor.anomaly.forest import Forest
from everup.predictive_monitor.anomaly.residual import Directions
from everup.predictive_monitor.drift import Spread

FORMAT = "everup-anomaly-1"
BYTES_MOST = 64 * 1024 * 1024
HEADER_MOST = 1024 * 1024
KINDS = ("<f8", "<i4")
"""The only kinds of number that are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class ServiceModel:
    """`features`: the names of the columns, in their order. `about`: what it was trained on.
    `spread`: how its rows were distributed, by which a drift is seen; a model may have none."""

    features: tuple[str, ...]
    forest: Forest
    directions: Directions
    about: Mapping[str, str | int | float]
    spread: Spread | None = None

    def __post_init__(self) -> None:
        width = len(self.features)
        if self.forest.features > width or len(self.directions.mean) != width:
            raise ValueError("a model's parts must agree about its features")
        if self.spread is not None and len(self.spread.edges) != width:
            raise ValueError("a model's parts must agree about its features")

    def pack(self) -> bytes:
        """The same model gives the same bytes."""
        parts = {f"forest.{k}": v for k, v in self.forest.arrays().items()}
        parts |= {f"directions.{k}": v for k, v in self.directions.arrays().items()}
        if self.spread is not None:
            parts |= {f"spread.{k}": v for k, v in self.spread.arrays().items()}
        kept = {n: _plain(array) for n, array in sorted(parts.items())}
        header = {
            "format": FORMAT,
            "features": list(self.features),
            "about": dict(self.about),
            "arrays": [[n, a.dtype.str, list(a.shape)] for n, a in kept.items()],
        }
        text = json.dumps(header, sort_keys=True).encode()
        return len(text).to_bytes(4, "little") + text + b"".join(a.tobytes() for a in kept.values())

    @classmethod
    def unpack(cls, content: bytes) -> ServiceModel:
        """From what `pack` gave. ValueError: it is not that, or not whole."""
        if not 4 <= len(content) <= BYTES_MOST:
            raise ValueError("a model of impossible size")
        size = int.from_bytes(content[:4], "little")
        if size > min(HEADER_MOST, len(content) - 4):
            raise ValueError("a model whose header is cut short")
        try:
            header = json.loads(content[4 : 4 + size])
            if header["format"] != FORMAT:
                raise ValueError("a model of another format")
            arrays = _arrays(header["arrays"], content[4 + size :])
            features, about = tuple(map(str, header["features"])), dict(header["about"])
        except (KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
            raise ValueError(f"a model whose header says too little: {error}") from error
        return cls(
            features,
            Forest.of(_part(arrays, "forest.")),
            Directions.of(_part(arrays, "directions.")),
            about,
            Spread.of(_part(arrays, "spread.")),
        )


def _plain(array: NDArray[np.generic]) -> NDArray[np.generic]:
    kind = "<i4" if np.issubdtype(array.dtype, np.integer) else "<f8"
    return np.ascontiguousarray(array.astype(kind))


def _arrays(listed: list[list[object]], content: bytes) -> dict[str, NDArray[np.generic]]:
    found: dict[str, NDArray[np.generic]] = {}
    start = 0
    for name, kind, shape in listed:
        if kind not in KINDS or not isinstance(shape, list):
            raise ValueError("a model with a foreign array")
        sizes = [int(n) for n in shape]
        count = int(np.prod(sizes, dtype=np.int64))
        end = start + count * np.dtype(str(kind)).itemsize
        if min(sizes, default=0) < 0 or end > len(content):
            raise ValueError("a model that is cut short")
        found[str(name)] = np.frombuffer(content[start:end], dtype=str(kind)).reshape(sizes)
        start = end
    if start != len(content):
        raise ValueError("a model with something behind it")
    return found


def _part(arrays: Mapping[str, NDArray[np.generic]], start: str) -> dict[str, NDArray[np.generic]]:
    return {n.removeprefix(start): a for n, a in arrays.items() if n.startswith(start)}
