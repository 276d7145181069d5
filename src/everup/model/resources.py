"""What one instance has of things that run out, or that tell how much it has to do.

Read by runtimes, carried by `Instance`; samples, trends and the health score read it. Everything is
NaN where nobody can look: see docs/predictions.md for who sees what.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.disk import Disk
from everup.model.kinds import UNKNOWN


@dataclass(frozen=True, slots=True)
class Resources:
    """Bytes and `throttled_s` are totals since the start; the rest is as it was seen last.

    `received_bytes`, `sent_bytes`: over a network that is its alone. `throttled_s`: its processes
    were ready to run, and its limit of processors held them back. `queue_most`: so many connections
    may wait to be accepted. `descriptors` of `descriptors_most`: open files of the process that is
    nearest to its own limit. `connections`: established to it. `connections_most`: as declared.
    `gpu_ratio`, `gpu_memory_ratio`: of the device that it uses most of. `layer`: what its image's
    writable layer lies on.
    """

    received_bytes: float = UNKNOWN
    sent_bytes: float = UNKNOWN
    throttled_s: float = UNKNOWN
    queue_most: float = UNKNOWN
    descriptors: float = UNKNOWN
    descriptors_most: float = UNKNOWN
    connections: float = UNKNOWN
    connections_most: float = UNKNOWN
    gpu_ratio: float = UNKNOWN
    gpu_memory_ratio: float = UNKNOWN
    layer: Disk | None = None

    @property
    def descriptors_ratio(self) -> float:
        """Of its limit; NaN where either is unknown."""
        return share(self.descriptors, self.descriptors_most)

    @property
    def connections_ratio(self) -> float:
        """Of how many there may be."""
        return share(self.connections, self.connections_most)


NOT_MEASURED = Resources()


def share(part: float, whole: float) -> float:
    """Of the whole; NaN where there is none, or either is unknown."""
    return part / whole if whole > 0 else UNKNOWN
