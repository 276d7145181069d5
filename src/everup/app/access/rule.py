"""Who counts as local, and what everybody else is told. Pure, but for asking a `Doubt`.

One rule for hosts and containers: where only this machine can reach the port, its callers need
nothing; as soon as others can, every caller shows the token, this machine's too, since who comes
from outside cannot be told from who does not. `GET /health` never needs one. In a container whose
bridge others are on too, the host may read, and shows the token for what changes something: its
address may be borrowed (docs/decisions/0006).
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from everup.app.access.home import Home
from everup.app.access.token import hash_of

EVERYWHERE = "0.0.0.0"  # noqa: S104 - how an empty address is told
APART = "networks: [access, default]"
AT_THE_END = "networks: {access: {}}"
"""A network that nobody else is on; by its name the one through which a port is reached, since
engines take the first by the alphabet."""

Doubt = Callable[[str], Awaitable[str]]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK: tuple[Network, ...] = (
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("::1/128"),
)


@dataclass(frozen=True, slots=True)
class Access:
    """The rule of one Everup. `is_open`: nobody else can reach us, so nobody is asked.

    `why` and `fix` go into every refusal; `names` may stand in a Host header; `is_wide`: numbers
    may too, since a page of another site cannot make a browser say one in our place. `doubt` tells
    why a local caller may be another one; None: nobody can be.
    """

    is_open: bool = False
    local: tuple[Network, ...] = ()
    sha256: bytes = field(default=b"", repr=False)
    why: str = ""
    fix: str = ""
    names: tuple[str, ...] = ()
    is_wide: bool = False
    doubt: Doubt | None = None

    def is_local(self, caller: str) -> bool:
        """Does this address need no token?"""
        if self.is_open:
            return True
        address = _address(caller)
        return address is not None and any(address in network for network in self.local)

    async def doubts(self, caller: str) -> str:
        """Why this local caller may be another one, as long as it shows no token; "" for none."""
        address = _address(caller)
        if self.doubt is None or address is None:
            return ""
        return await self.doubt(str(address))

    def is_right(self, token: str) -> bool:
        """Is this the token? Takes as long for every wrong one."""
        return bool(self.sha256) and hmac.compare_digest(hash_of(token), self.sha256)


def _address(caller: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(caller.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def open_access() -> Access:
    """Only this machine can ask."""
    return Access(is_open=True)


def access_of(
    host: str, port: int, home: Home | None, sha256: bytes, doubt: Doubt | None = None
) -> Access:
    """The rule for an Everup that does not listen on loopback alone."""
    if home is None:
        return _on_a_host(host, port, sha256)
    names, ask = home.names, token_line(home.container)
    wide = _why_wide(home, host, port)
    if wide is None:
        local = (*LOOPBACK, *(ipaddress.ip_network(one) for one in home.gateways))
        where = ", ".join(_shown(b.address, b.port) for b in home.bindings) or "nowhere"
        why = f"this caller is not on the host, and port {port} is published on {where} alone"
        return Access(local=local, sha256=sha256, why=why, fix=ask, names=names, doubt=doubt)
    why, loopback = wide
    fix = f"{ask}; or {loopback}" if loopback else ask
    return Access(sha256=sha256, why=why, fix=fix, names=names, is_wide=True)


def _on_a_host(host: str, port: int, sha256: bytes) -> Access:
    return Access(
        sha256=sha256,
        why=f"Everup listens on {_shown(host, port)}, which is wider than this machine",
        fix='send the header "Authorization: Bearer TOKEN"; `everup token` on its machine prints '
        f"it; or listen on loopback only (everup up --listen 127.0.0.1:{port}), where nobody "
        "needs one",
        is_wide=True,
    )


def apart() -> str:
    """How the host's changes pass without the token, too."""
    return (
        f"give Everup a network of its own, {APART}, with {AT_THE_END} at the end of the file, and "
        "every curl on its host passes without one"
    )


def token_line(container: str) -> str:
    """How a caller of a container gets and shows the token, as one may paste it."""
    return (
        'add -H "Authorization: Bearer $(docker exec '
        f'{container} everup token)" to curl on the host, or send that header'
    )


def _why_wide(home: Home, host: str, port: int) -> tuple[str, str] | None:
    """(why everybody needs the token, how to change that); None: the host needs none."""
    if home.problem:
        return f"Everup cannot look at its own container's ports ({home.problem})", ""
    if home.shares == "the host":
        fix = f"set EVERUP_LISTEN=127.0.0.1:{port}, and on its host nobody needs a token"
        return f"its container shares the host's network and listens on {host}", fix
    if home.shares:
        return "its container lives in the network of another one, whose callers these are", ""
    if home.is_of_swarm:
        return "its ports are published by Swarm, to the whole cluster", ""
    wide = next((b for b in home.bindings if not _is_loopback(b.address)), None)
    if wide is None:
        return None
    entry = f'ports: ["127.0.0.1:{wide.port or port}:{port}"]'
    fix = f"publish it on loopback only, {entry}, and on its host who reads needs none; {apart()}"
    return f"port {port} is published on {_shown(wide.address or EVERYWHERE, wide.port)}", fix


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _shown(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
