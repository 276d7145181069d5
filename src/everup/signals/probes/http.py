"""Asks over HTTP. Flows in: a URL; flows out: status and the beginning of the body, or an Answer.

Every question opens a connection of its own. A kept one would go on being served by a worker that
already has it while nobody accepts new ones, and would fail once for each restart of a healthy
service; asking anew is what the next client will do. Redirects are not followed, proxies are not
used, and at most `BODY_MOST_BYTES` are read. Used by the prober and by the loopback canary.

A plain URL with a literal address goes through `plain`; names, TLS and whatever else a URL may hold
go through a whole HTTP client, which is made when it is first needed. What a server shows over TLS
tells when its certificate ends: that is read off the very answer, and nobody is asked for it.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import aclosing
from dataclasses import replace

import httpx2

import everup
from everup.model.kinds import UNKNOWN, ProbeVerdict, is_known
from everup.signals.probes import plain
from everup.signals.probes.answer import Answer, excerpt
from everup.signals.probes.plain import Page

BODY_MOST_BYTES = 4096
RECOVERING_WORDS = frozenset({"starting", "loading", "recovering"})
UNAVAILABLE = 503
_HEADERS = {"user-agent": f"everup/{everup.__version__}", "accept": "*/*", "connection": "close"}
_NO_LIMITS = {"timeout": {"connect": None, "read": None, "write": None, "pool": None}}


class HttpAsker:
    """From the first such question on, one transport for names and one for TLS. A `transport`
    that is given answers everything."""

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._is_given = transport is not None
        self._plain: httpx2.AsyncBaseTransport | None = transport
        self._tls: httpx2.AsyncBaseTransport | None = transport

    async def fetch(self, url: str) -> Page:
        """One GET. The caller sets the deadline.

        Raises:
            httpx2.HTTPError, h11.RemoteProtocolError, OSError: as `trouble.judge` understands them.
        """
        target = None if self._is_given else plain.target_of(url)
        if target is not None:
            return await plain.get(target, _HEADERS, BODY_MOST_BYTES)
        return await self._fetch_by_client(url)

    async def _fetch_by_client(self, url: str) -> Page:
        request = httpx2.Request("GET", url, headers=_HEADERS, extensions=_NO_LIMITS)
        transport = self._without() if request.url.scheme == "http" else await self._with_tls()
        response = await transport.handle_async_request(request)
        body = b""
        try:
            async with aclosing(response.aiter_raw()) as chunks:
                async for chunk in chunks:
                    body += chunk
                    if len(body) >= BODY_MOST_BYTES:
                        break
            ends_s = certificate_ends_s(response)
        finally:
            await response.aclose()
        return Page(response.status_code, response.reason_phrase, body[:BODY_MOST_BYTES], ends_s)

    async def ask(self, url: str, expect_status: tuple[int, int]) -> Answer:
        """Fetch and judge by the status."""
        return judge_page(await self.fetch(url), expect_status)

    async def close(self) -> None:
        """Drop the transports."""
        if self._plain is not None:
            await self._plain.aclose()
        if self._tls is not None and self._tls is not self._plain:
            await self._tls.aclose()

    def _without(self) -> httpx2.AsyncBaseTransport:
        if self._plain is None:
            self._plain = _transport(_no_tls())
        return self._plain

    async def _with_tls(self) -> httpx2.AsyncBaseTransport:
        if self._tls is None:
            # Reading the trusted certificates takes tens of milliseconds, too long for the loop.
            context = await asyncio.to_thread(ssl.create_default_context)
            self._tls = _transport(context)
        return self._tls


def certificate_ends_s(response: httpx2.Response) -> float:
    """When the certificate of this connection ends; unknown without TLS."""
    stream = response.extensions.get("network_stream")
    secured = stream.get_extra_info("ssl_object") if stream is not None else None
    shown = secured.getpeercert() if secured is not None else None
    try:
        return float(ssl.cert_time_to_seconds(shown["notAfter"])) if shown else UNKNOWN
    except (KeyError, ValueError):
        return UNKNOWN


def judge_page(page: Page, expect_status: tuple[int, int]) -> Answer:
    """Pass by status; a 503 whose JSON says that it is starting is recovering; else fail."""
    answer = _judged(page, expect_status)
    if not is_known(page.certificate_ends_s):
        return answer
    return replace(answer, certificate_ends_s=page.certificate_ends_s)


def _judged(page: Page, expect_status: tuple[int, int]) -> Answer:
    said = f"{page.status} {page.reason}".strip()
    if expect_status[0] <= page.status <= expect_status[1]:
        return Answer(ProbeVerdict.PASS, said)
    if page.status == UNAVAILABLE and (word := _status_word(page.body)) in RECOVERING_WORDS:
        return Answer(ProbeVerdict.RECOVERING, f"{said}, and says that it is {word}")
    body = excerpt(page.body.decode("utf-8", "replace"))
    detail = f"answered {said}" + (f": {body}" if body else "")
    return Answer(ProbeVerdict.FAIL, detail)


def _status_word(body: bytes) -> str:
    """The `status` of a JSON object; empty when there is none."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    word = content.get("status") if isinstance(content, dict) else None
    return word.strip().lower() if isinstance(word, str) else ""


def _transport(context: ssl.SSLContext) -> httpx2.AsyncBaseTransport:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx2.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)


def _no_tls() -> ssl.SSLContext:
    """An empty context, so that no certificates are read for plain HTTP. It trusts nobody."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
