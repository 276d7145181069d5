"""What was seen and learned of the edges of a stack, beside what is declared of them.

Connections come from a runtime that can see its instances' sockets; tallies from how health really
spread. The loop keeps both in the journal, bounded; `dependency_monitor` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.kinds import UNKNOWN
from everup.model.propagation import Tally

NOTHING = Tally()


@dataclass(frozen=True, slots=True)
class Connections:
    """TCP connections between the services of a stack at one moment, as the kernel lists them.

    `seen`: (who opened it, to whom) → how many. `unseen`: services of which nobody could look, with
    the reason: that no connection of theirs is here says nothing.
    """

    at_s: float
    seen: Mapping[tuple[str, str], int] = field(default_factory=dict)
    unseen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """`service` opens connections to `target`, or depends on it."""

    service: str
    target: str


@dataclass(frozen=True, slots=True)
class EdgeTally:
    """What is known by now of one edge: episodes of the target in which the service, well before,
    was hurt or spared (weights that may be fractions), and the delays of those hurt, summed."""

    service: str
    target: str
    hurt: float
    spared: float
    delay_sum_s: float


@dataclass(frozen=True, slots=True)
class KnownEdge:
    """One edge as remembered. NaN: no connection was ever seen. Times are the loop's clock."""

    first_seen_s: float = UNKNOWN
    last_seen_s: float = UNKNOWN
    tally: Tally = NOTHING
