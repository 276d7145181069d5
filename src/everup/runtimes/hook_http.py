"""Makes an owner's HTTP call, written as `POST http://…`, with a timeout and a bounded answer."""

from __future__ import annotations

import asyncio
import ssl

import httpx2

from everup.model.errors import GiveUp, TryAgain

OUTPUT_BYTES_MOST = 16 * 1024
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "PURGE", "BAN"})


async def call(line: str, what: str, timeout_s: float) -> str:
    """The first `OUTPUT_BYTES_MOST` of the answer.

    Raises:
        GiveUp: the line is no call, or the answer says that the call is wrong (4xx, redirect).
        TryAgain: no answer in time, or the answer says that the server failed (5xx).
    """
    method, _, address = line.strip().rpartition(" ")
    method = method.strip().upper() or "POST"
    if method not in METHODS or not address.startswith(("http://", "https://")):
        raise GiveUp(f'{what}: http: {line!r} is no call; write it like "POST http://host/path"')
    try:
        async with asyncio.timeout(timeout_s):
            status, body = await _send(method, address, timeout_s)
    except (TimeoutError, httpx2.TimeoutException):
        raise TryAgain(f"{what} had no answer within {timeout_s:g} s") from None
    except httpx2.InvalidURL as error:
        raise GiveUp(f"{what}: http: {address!r} is no address: {error}") from error
    except httpx2.HTTPError as error:
        raise TryAgain(f"{what} failed: {str(error) or type(error).__name__}") from error
    text = body.decode(errors="replace")
    if status >= 500:
        raise TryAgain(f"{what} was answered with {status}: {text[:500]}")
    if not 200 <= status < 300:
        raise GiveUp(f"{what} was answered with {status}: {text[:500]}")
    return text


async def _send(method: str, address: str, timeout_s: float) -> tuple[int, bytes]:
    # Reading the trusted certificates takes tens of milliseconds, too long for the loop.
    trusted = (
        await asyncio.to_thread(ssl.create_default_context)
        if address.lower().startswith("https:")
        else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )
    # The owner's services are near: a proxy that is set for the world outside is not for them.
    async with (
        httpx2.AsyncClient(timeout=timeout_s, trust_env=False, verify=trusted) as client,
        client.stream(method, address) as answer,
    ):
        body = b""
        async for chunk in answer.aiter_bytes():
            body += chunk
            if len(body) >= OUTPUT_BYTES_MOST:
                break
        return answer.status_code, body[:OUTPUT_BYTES_MOST]
