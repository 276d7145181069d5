"""Who counts as local, and what everybody else is told. Pure.

One rule for hosts and containers: where only this machine can reach the port, its callers need
nothing; as soon as others can, every caller shows the token, this machine's too, since who comes
from outside cannot be told from who does not. `GET /health` never needs one.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass, field

from everup.app.access.home import Home
from everup.app.access.token import hash_of

EVERYWHERE = "0.0.0.0"  # noqa: S104 - how an empty address is told
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
LOOPBACK: tuple[Network, ...] = (
    ipaddress.ip_network("127.0.0.0/8"),
    ipaddress.ip_network("::1/128"),
)


@dataclass(frozen=True, slots=True)
class Access:
    """The rule of one Everup. `is_open`: nobody else can reach us, so nobody is asked.

    `why` and `fix` go into every refusal; `names` may stand in a Host header; `is_wide`: numbers
    may too, since a page of another site cannot make a browser say one in our place.
    """

    is_open: bool = False
    local: tuple[Network, ...] = ()
    sha256: bytes = field(default=b"", repr=False)
    why: str = ""
    fix: str = ""
    names: tuple[str, ...] = ()
    is_wide: bool = False

    def is_local(self, caller: str) -> bool:
        """Does this address need no token?"""
        if self.is_open:
            return True
        try:
            address = ipaddress.ip_address(caller.partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.local)

    def is_right(self, token: str) -> bool:
        """Is this the token? Takes as long for every wrong one."""
        return bool(self.sha256) and hmac.compare_digest(hash_of(token), self.sha256)


def open_access() -> Access:
    """Only this machine can ask."""
    return Access(is_open=True)


def access_of(host: str, port: int, home: Home | None, sha256: bytes) -> Access:
    """The rule for an Everup that does not listen on loopback alone."""
    if home is None:
        return _on_a_host(host, port, sha256)
    names, ask = home.names, token_line(home.container)
    wide = _why_wide(home, host, port)
    if wide is None:
        local = (*LOOPBACK, *(ipaddress.ip_network(one) for one in home.gateways))
        where = ", ".join(_shown(b.address, b.port) for b in home.bindings) or "nowhere"
        why = f"this caller is not on the host, and port {port} is published on {where} alone"
        return Access(local=local, sha256=sha256, why=why, fix=ask, names=names)
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
    fix = f"publish it on loopback only, {entry}, and every curl on its host passes without one"
    return f"port {port} is published on {_shown(wide.address or EVERYWHERE, wide.port)}", fix


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _shown(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
