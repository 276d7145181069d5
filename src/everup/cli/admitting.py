"""Who may ask this Everup, found out at the start, and how that is said.

Flows in: where we listen and what token there is. Flows out: an Access, and lines for a person.
Called by `up`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from everup.app.access import (
    Access,
    Kept,
    Neighbours,
    access_of,
    apart,
    keep_token,
    look_at_home,
    open_access,
)
from everup.cli.show import clean
from everup.config.options import Options


async def admit(options: Options) -> tuple[Access, tuple[str, ...]]:
    """The rule, and what is to be said of it.

    Raises:
        AskAHuman: the token can be neither read nor made.
    """
    if options.is_loopback:
        return open_access(), ()
    home = await look_at_home(options.port)
    kept = keep_token(options.state_dir, options.token, options.token_source)
    doubt = None if home is None else Neighbours(home).doubt
    access = access_of(options.host, options.port, home, kept.sha256, doubt)
    gateways = home.gateways if home is not None and access.local else ()
    doubts = await asyncio.gather(*map(access.doubts, gateways))
    return access, (*_rule(access, doubts), *_token(kept))


def _rule(access: Access, doubts: Sequence[str]) -> tuple[str, ...]:
    if access.local and doubts and all(doubts):
        shown = f"what changes something needs the token: {doubts[0]}"
        return (clean(shown), clean(f"{access.fix}; or {apart()}"))
    if access.local:
        return ("this host needs no token; everybody else does",)
    shown = clean(f"every call but GET /health needs the token: {access.why}")
    return (shown, clean(access.fix))


def _token(kept: Kept) -> tuple[str, ...]:
    lines = [f"the token is in {clean(kept.source)}"]
    if kept.fresh:
        lines = [f"the token, made now and kept in {clean(kept.source)}: {kept.fresh}"]
    if kept.was_open:
        lines.append("others of this machine could read it until now; remove it to have a new one")
    return tuple(lines)
