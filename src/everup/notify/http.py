"""One HTTP call to an outside address, bounded. Used by the webhook and the heartbeat.

Redirects are not followed, proxies and cookies not used, the body of the answer is not read. Errors
never hold the address, which may be a secret.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass

import httpx2

import everup
from everup.model.errors import GiveUp, TryAgain

_AGENT = {"user-agent": f"everup/{everup.__version__}", "connection": "close"}
_NO_LIMITS = {"timeout": {"connect": None, "read": None, "write": None, "pool": None}}


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, its words, and how long the other side asks to be left alone."""

    status: int
    said: str
    retry_after_s: float = 0.0


class Caller:
    """A transport for plain HTTP and, from the first such call on, one for TLS."""

    def __init__(self, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._given = transport
        self._made: dict[str, httpx2.AsyncBaseTransport] = {}

    async def call(
        self,
        method: str,
        url: str,
        timeout_s: float,
        *,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """The answer within `timeout_s`.

        Raises:
            TryAgain: none came.
            GiveUp: the address is none.
        """
        try:
            request = httpx2.Request(
                method,
                url,
                content=body,
                headers=_AGENT | dict(headers or {}),
                extensions=_NO_LIMITS,
            )
            async with asyncio.timeout(timeout_s):
                transport = await self._transport(request.url.scheme)
                response = await transport.handle_async_request(request)
                await response.aclose()
        except TimeoutError:
            raise TryAgain(f"no answer within {timeout_s:g} s") from None
        except (httpx2.InvalidURL, ValueError):
            raise GiveUp("the address cannot be read") from None
        except (httpx2.HTTPError, OSError) as error:
            raise TryAgain(f"no answer: {type(error).__name__}") from None
        said = f"{response.status_code} {response.reason_phrase}".strip()
        return Answer(response.status_code, said, _seconds(response.headers.get("retry-after")))

    async def close(self) -> None:
        """Drop the transports."""
        for transport in self._made.values():
            await transport.aclose()
        self._made.clear()

    async def _transport(self, scheme: str) -> httpx2.AsyncBaseTransport:
        if self._given is not None:
            return self._given
        made = self._made.get(scheme)
        if made is None:
            # Reading the trusted certificates takes tens of milliseconds, too long for the loop.
            context = (
                await asyncio.to_thread(ssl.create_default_context)
                if scheme == "https"
                else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            )
            made = self._made[scheme] = httpx2.AsyncHTTPTransport(verify=context, trust_env=False)
        return made


def _seconds(text: str | None) -> float:
    """`Retry-After` where it is a number of seconds."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0
