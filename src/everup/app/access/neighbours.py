"""Who else is on our bridges, and could pretend there to be this host.

Flows in: a caller that comes by a bridge's gateway, and the engine's list of containers at that
moment. Flows out: a sentence on why it may be somebody else; none where we are alone. By default a
container may send raw frames, which is enough to answer under the gateway's address; no address
tells such a caller from the host, so what counts is that there is nobody who could. Called by the
API for each call of the host that would change something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from everup.app.access.home import Bridge, Home
from everup.model.errors import EverupError

if TYPE_CHECKING:
    from everup.runtimes.docker.engine import Engine

ASK_WITHIN_S = 5.0
NAMED_MOST = 3
BORROWS = "container:"


class Neighbours:
    """Asked anew for each call, one after the other: somebody may have come."""

    def __init__(self, home: Home, door: Callable[[], Engine] | None = None) -> None:
        self._home, self._door = home, door or _door
        self._turn = asyncio.Lock()

    async def doubt(self, caller: str) -> str:
        """Why a caller with this address may be another container; "" when none could be."""
        bridge = next((one for one in self._home.bridges if caller in one.gateways), None)
        if bridge is None:
            return ""  # loopback: nobody is in between
        try:
            async with asyncio.timeout(ASK_WITHIN_S), self._turn:
                others = others_on(await self._lines(), self._home.id, bridge)
        except (TimeoutError, EverupError) as error:
            why = str(error) or f"no answer in {ASK_WITHIN_S:g} s"
            return f"the engine does not say who else is on the network {bridge.name} ({why})"
        return _said(others, bridge) if others else ""

    async def _lines(self) -> Iterable[Mapping[str, Any]]:
        engine = self._door()
        try:
            await engine.open()
            found: list[Mapping[str, Any]] = await engine.get("containers/json", all=True)
        finally:
            await engine.close()
        return found


def _door() -> Engine:
    from everup.runtimes.docker.engine import Engine

    return Engine()


def others_on(lines: Iterable[Mapping[str, Any]], own_id: str, bridge: Bridge) -> tuple[str, ...]:
    """Names of all other containers that are on this bridge when they run, or that use our own
    network. One that has ended counts: it may have asked before it did. Pure."""
    return tuple(
        sorted(
            _name(line)
            for line in lines
            if line.get("Id") != own_id and _is_on(line, own_id, bridge)
        )
    )


def _is_on(line: Mapping[str, Any], own_id: str, bridge: Bridge) -> bool:
    if (line.get("HostConfig") or {}).get("NetworkMode") == BORROWS + own_id:
        return True
    networks = (line.get("NetworkSettings") or {}).get("Networks") or {}
    # One that was never started has no id of the network yet, but its name.
    return any(
        ((end or {}).get("NetworkID") or (name == bridge.name and bridge.network)) == bridge.network
        for name, end in networks.items()
    )


def _name(line: Mapping[str, Any]) -> str:
    names = line.get("Names") or ()
    return str(names[0]).lstrip("/") if names else str(line.get("Id"))[:12]


def _said(others: tuple[str, ...], bridge: Bridge) -> str:
    named = ", ".join(others[:NAMED_MOST])
    more = f" and {len(others) - NAMED_MOST} more" if len(others) > NAMED_MOST else ""
    return (
        f"this host may read without it, but {named}{more} on the network {bridge.name} could "
        "pretend to be this host"
    )
