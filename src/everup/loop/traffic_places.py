"""Places that a router fills by a name: kept shut while more instances are made. Pure.

Flows in: a service's servers, the router's listing, what is seen. Flows out: whom to hold, and what
becomes of a place that is held. Asked by `traffic` and `traffic_back`.

A server of that kind gets requests as soon as the name leads somewhere, until its check has failed:
whoever is started answers none of them yet. Held before it has an address, it gets none.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum

from everup.loop.routes import group_of, leads_to
from everup.loop.traffic_plan import is_well
from everup.model.observation import InstanceObservation
from everup.model.routing import PLACE_FOR, Held, Order, RoutedServer, RouterListing
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec

PLACES_MOST = 64
"""Held for one action; each takes an order to the router."""


class PlaceFate(Enum):
    """What becomes of a place that is held."""

    KEEP = "keep"
    FILLED = "filled"  # whoever came there is well
    FREE = "free"  # nobody came, and nobody is awaited
    OVER = "over"  # whoever came there is not well, and its lease is over


def to_keep(
    spec: ServiceSpec,
    servers: Mapping[str, Sequence[RoutedServer]],
    listing: RouterListing,
    until_s: float,
) -> list[Held]:
    """The empty places beside the service's own servers that are filled by the same name."""
    group, like = group_of(spec, servers)
    if like is None or not like.host_name:
        return []
    found = [
        one.name
        for one in listing.servers
        if one.name.group == group
        and one.host_name == like.host_name
        and not one.address
        and one.order is Order.READY
    ]
    return [
        Held(name, spec.name, "", until_s, Order.DRAIN, because=PLACE_FOR)
        for name in sorted(found)[:PLACES_MOST]
    ]


def fate_of(
    spec: ServiceSpec,
    held: Held,
    server: RoutedServer,
    seen: Collection[InstanceObservation],
    now_s: float,
    settings: Settings,
    *,
    is_awaited: bool,
) -> tuple[PlaceFate, InstanceObservation | None]:
    """With whoever came there. `is_awaited`: more instances are being made still."""
    if not server.address:
        return (PlaceFate.KEEP if is_awaited else PlaceFate.FREE), None
    one = next((each for each in seen if leads_to(spec, each.instance, server)), None)
    if one is not None and is_well(spec, one, now_s, settings):
        return PlaceFate.FILLED, one
    return (PlaceFate.OVER if now_s >= held.until_s else PlaceFate.KEEP), one
