"""Who may ask this Everup, found out at the start, and how that is said.

Flows in: where we listen and what token there is. Flows out: an Access, and lines for a person.
Called by `up`.
"""

from __future__ import annotations

from everup.app.access import Access, Kept, keep_token, look_at_home, open_access
from everup.app.access.rule import access_of
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
    access = access_of(options.host, options.port, home, kept.sha256)
    return access, (*_rule(access), *_token(kept))


def _rule(access: Access) -> tuple[str, ...]:
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
