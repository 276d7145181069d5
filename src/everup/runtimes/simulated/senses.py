"""What stands between the world and whoever looks at it: the ways in which looking itself fails.

Set by a fault plan; read by the runtime (listing, events), the prober and the host sense. With all
fields at their defaults, everything is seen as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class EngineTrouble(StrEnum):
    """How the engine fails to answer."""

    NONE = ""
    RAISES = "raises"  # every call fails at once
    SAYS_SO = "says_so"  # the listing comes, empty, with its fault
    HANGS = "hangs"  # no call ever returns


class ProbeTrouble(StrEnum):
    """How our probes fail for reasons of our own."""

    NONE = ""
    LOST = "lost"  # we know that we could not ask
    NO_NAMES = "no_names"  # names do not resolve: every probe fails, quickly
    SLOW = "slow"  # the host has no CPU for us: most probes run out of time


@dataclass(slots=True)
class Senses:
    """`blind_to` limits the probe trouble to these services; empty: all of them."""

    engine: EngineTrouble = EngineTrouble.NONE
    probes: ProbeTrouble = ProbeTrouble.NONE
    blind_to: frozenset[str] = frozenset()
    is_stale: bool = False
    loses_events: bool = False
    failing_canaries: tuple[str, ...] = ()
    pressure_ratio: float = 0.02
    reasons: dict[str, float] = field(default_factory=dict)  # name of each fault → since (clock)

    def trouble_for(self, service: str) -> ProbeTrouble:
        """What a probe of this service runs into."""
        if self.probes and self.blind_to and service not in self.blind_to:
            return ProbeTrouble.NONE
        return self.probes
