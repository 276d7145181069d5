"""What the contract cases of a router need of its author: a router, and a world that they can hurt.

Flows in: your router and what it speaks to. Flows out: the few things that a case does to it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol

from everup.loop.ports import Router
from everup.model.routing import RoutedServer, RouterListing, ServerName

GROUP, SERVERS = "web", ("web1", "web2", "web3")


class RouterLab(Protocol):
    """A router with a group `web` of the servers `web1` to `web3`, all checked, up and ready with
    the weight 100, and notes of what is held that survive `again`."""

    router: Router

    def run(self, story: Coroutine[Any, Any, None]) -> None:
        """Run it, with a time limit."""

    async def again(self) -> Router:
        """The next life: another router over the same world and the same notes."""

    async def silence(self) -> None:
        """From now on it answers nobody; for the rest of the case."""

    async def reload(self) -> None:
        """It begins anew with its configuration, and forgets what was ordered."""

    async def address(self) -> tuple[str, int]:
        """Where something answers that a further server may lead to."""


def server(name: str) -> ServerName:
    """One of the lab's."""
    return ServerName(GROUP, name)


def find(listing: RouterListing, name: ServerName) -> RoutedServer:
    """The one server. Raises AssertionError when it is not listed."""
    found = [one for one in listing.servers if one.name == name]
    assert len(found) == 1, f"{name} is listed {len(found)} times"
    return found[0]
