"""Who may talk to us: the token where one is needed, the Host allow-list, no cross-site requests,
and headers that browsers obey.

A page on another site can make a browser send requests to this machine. The Host list ends DNS
rebinding; Origin and Sec-Fetch-Site end forged changes; without CORS headers nothing can be read.
GET never changes anything, so links and images cannot either. Whom `Access` does not count as
local shows the token with every call but `GET /health`; where others could pretend to be local,
local callers show it too with what changes something.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from everup.api.problems import problem, shorten
from everup.app.access import Access, apart, open_access

_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[^:\[\]]+)(:[0-9]{1,5})?")
ALWAYS_ALLOWED = ("localhost", "127.0.0.1", "[::1]")
NEVER_NEEDS_TOKEN = "/health"
READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guards:
    """ASGI middleware; the outermost, so that its headers are on every answer."""

    def __init__(
        self, app: ASGIApp, allowed_hosts: Iterable[str] = (), access: Access | None = None
    ) -> None:
        self._app = app
        self._access = access or open_access()
        names = (*ALWAYS_ALLOWED, *allowed_hosts, *self._access.names)
        self._hosts = frozenset(host.lower() for host in names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        caller = (scope.get("client") or ("",))[0]
        refusal = await self._without_token(caller, headers, scope["method"], scope["path"])
        refusal = refusal or self._refusal(headers, scope["method"], scope["path"])
        await (refusal or self._app)(scope, receive, send_with_headers)

    async def _without_token(
        self, caller: str, headers: Headers, method: str, path: str
    ) -> ASGIApp | None:
        """Who is not local and does not show the token. Before anything else is said."""
        if path == NEVER_NEEDS_TOKEN and method in ("GET", "HEAD"):
            return None
        is_local = self._access.is_local(caller)
        if is_local and method in READING_METHODS:
            return None
        said = headers.getlist("authorization")
        scheme, _, token = said[0].partition(" ") if len(said) == 1 else ("", "", "")
        is_shown = scheme.lower() == "bearer"
        if is_shown and self._access.is_right(token.strip()):
            return None
        why, fix = self._access.why, self._access.fix
        if is_local:
            why = await self._access.doubts(caller)
            if not why:
                return None
            fix = f"{fix}; or {apart()}"
        detail = "this token is not that of this Everup" if said else "this call needs the token"
        challenge = 'Bearer realm="everup"' + (', error="invalid_token"' if is_shown else "")
        return problem(
            401,
            "token-needed",
            f"{detail}: {why}",
            instance=path,
            fix=fix,
            headers={"WWW-Authenticate": challenge},
        )

    def _refusal(self, headers: Headers, method: str, path: str) -> ASGIApp | None:
        hosts = headers.getlist("host")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        if not self._may_say(_name_of(host)):
            said = "; ".join(hosts) or "nothing"
            return problem(
                421,
                "host-not-allowed",
                f"the Host header says {shorten(said)!r}, which is no name of this service",
                instance=path,
                fix="use http://localhost:…, or allow the name with --allow-host "
                "(EVERUP_ALLOW_HOST=name)",
            )
        if method not in READING_METHODS and (said := _cross_site(headers, host)):
            return problem(
                403,
                "cross-site",
                f"a page of another site may not change anything here ({said})",
                instance=path,
                fix="send the request from a program or from a page of this service",
            )
        return None

    def _may_say(self, name: str) -> bool:
        return name in self._hosts or (self._access.is_wide and _is_number(name))


def _name_of(host: str) -> str:
    """The name without its port; brackets of IPv6 stay. "" for what is no name with a port."""
    found = _HOST.fullmatch(host)
    return found["name"] if found is not None else ""


def _is_number(name: str) -> bool:
    """An address: no page of another site can have it for its own."""
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _cross_site(headers: Headers, host: str) -> str:
    """What gives a forged request away; empty for programs and for pages of our own."""
    for site in headers.getlist("sec-fetch-site"):
        if site.lower() not in ("same-origin", "none"):
            return f"Sec-Fetch-Site: {shorten(site)}"
    for origin in headers.getlist("origin"):
        scheme, _, name = origin.lower().partition("://")
        if scheme not in ("http", "https") or name != host:
            return f"Origin: {shorten(origin)}"
    return ""
