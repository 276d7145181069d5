"""Who brings work to instances: a router's servers, what is ordered of them, what we hold there.

Written by routers (`routing`), read by `loop.traffic`. What a router says of a server's health is
an observation, not an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from everup.model.kinds import UNKNOWN, is_known


class Order(StrEnum):
    """What a server is told to do, by whoever told it last."""

    READY = "ready"
    DRAIN = "drain"  # it ends what it has, and gets nothing new
    OUT = "out"  # it gets nothing


@dataclass(frozen=True, slots=True, order=True)
class ServerName:
    """`group/name`: one server of one group of servers (a backend, a pool, an upstream)."""

    group: str
    name: str

    def __str__(self) -> str:
        return f"{self.group}/{self.name}"


@dataclass(frozen=True, slots=True)
class Served:
    """What a server was given since its router began: requests, how many of them it failed, and the
    mean time of its latest answers (NaN: unknown).

    `fades_over`: that mean moves by one part in so many with each answer, as of all where there
    were fewer; NaN: nobody knows how far back it goes.
    """

    requests: float
    failures: float
    latency_s: float = UNKNOWN
    fades_over: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class RoutedGroup:
    """A group of servers as a whole: what was asked of it, with what no server was found for, and
    what waits for a place at any of them. Its `latency_s` begins when the request came."""

    served: Served | None = None  # None: its router does not count
    waiting: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class RoutedServer:
    """One server as its router has it now.

    `is_up`: what the router's own check says; None: it has none, or has not said yet. `sessions`:
    what is under way, with what waits for it; NaN: unknown. `host_name`: the router looks its
    address up by this name, and changes it by itself. `address` "" and `port` 0: it has none.
    `is_encrypted`: TLS is spoken to it. `served` None: its router does not count.
    """

    name: ServerName
    order: Order = Order.READY
    address: str = ""
    port: int = 0
    weight: float = 1.0
    weight_declared: float = 1.0
    sessions: float = UNKNOWN
    is_up: bool | None = None
    is_checked: bool = False
    host_name: str = ""
    served: Served | None = None  # None: its router does not count
    is_encrypted: bool = False
    waiting: float = UNKNOWN  # for a place at this very server, as `sessions` counts too

    @property
    def takes(self) -> bool:
        """Does it get work now, as far as its router says?"""
        has_address = bool(self.address) and self.is_up is not False
        return self.order is Order.READY and has_address and self.weight > 0


@dataclass(frozen=True, slots=True)
class RouterListing:
    """All of its servers in one pass. `life`: another one after a reload, which forgets orders."""

    at_s: float
    servers: tuple[RoutedServer, ...]
    life: str = ""
    version: str = ""
    groups: Mapping[str, RoutedGroup] = field(default_factory=dict)  # those that it counts


PLACE_FOR = "place"
"""Why a server without an address is held, in its note: somebody comes who is not well yet."""


@dataclass(frozen=True, slots=True)
class Held:
    """What we ordered of a server, and what to give back: its order and weight from before.

    `order` None: its weight alone is ours. `until_s`: its lease; then it is given back whatever
    became of it. Written down by the router before it is so.
    """

    server: ServerName
    service: str
    instance: str
    until_s: float
    order: Order | None = None
    weight_before: float = UNKNOWN  # NaN: its weight is as it was
    life: str = ""
    because: str = ""  # the edge whose breaker is open; "": something is done to its instance;
    # or `PLACE_FOR`, or what a mitigation says

    def weighed_over(self, known: Held | None) -> Held:
        """This note of a weight, where `known` is noted already: an order stands, with who gave it,
        why and until when; and of weights the first one is what comes back."""
        if known is None:
            return self
        weight = known.weight_before if is_known(known.weight_before) else self.weight_before
        stands = known if known.order is not None else self
        return replace(stands, order=known.order, weight_before=weight)


class Skill(StrEnum):
    """What not every router can do, or not in every version."""

    ADD = "add"  # servers that its configuration does not name
    MOVE = "move"  # another address for one that it names
    WEIGH = "weigh"


@dataclass(frozen=True, slots=True)
class RouterManifest:
    """What this router can do, and what one must know about how it does it."""

    kind: str
    skills: frozenset[Skill] = frozenset()
    notes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RouterSpec:
    """Where a router listens for orders: `unix:///run/haproxy/admin.sock`, `tcp://host:port`."""

    kind: str
    address: str
    timeout_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Route:
    """Where a service's instances are found in the router. `group` "": in any, by their address.

    `server`: how its servers are called there, with `{instance}` for the instance's name and
    `{number}` for the last number in it; "": by their address. `port` 0: whichever it has.
    """

    group: str = ""
    server: str = ""
    port: int = 0


INSTANCE_MARK, NUMBER_MARK = "{instance}", "{number}"
