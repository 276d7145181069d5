"""How much one caller may ask: length of the address, headers, body, requests at once, and time.

`/health` and `/metrics` are outside of the limit on requests at once: whoever watches Everup must
get an answer when others wait in a crowd. What was turned away is counted for `/metrics`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from everup.api.problems import problem

ALWAYS_ANSWERED = frozenset({"/health", "/metrics"})
WITHOUT_END = frozenset({"/events"})
"""Has a bound on listeners of its own, and lasts as long as they stay."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one API. `answer_most_s` is on top of what a caller asked to `wait`."""

    target_bytes: int = 4096
    header_bytes: int = 16 * 1024
    header_count: int = 64
    body_bytes: int = 64 * 1024
    at_once: int = 64
    body_within_s: float = 10.0
    answer_most_s: float = 30.0
    wait_most_s: float = 300.0


@dataclass(slots=True)
class Traffic:
    """What the API did, for `/metrics`."""

    in_progress: int = 0
    answered: Counter[tuple[str, int]] = field(default_factory=Counter)  # (method, status)
    listeners: int = 0  # of /events
    listeners_dropped: int = 0  # because they did not take what was sent


class _TooLarge(Exception):
    """The body went over its bound while it was read."""


KNOWN_METHODS = frozenset({"GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"})


class Bounds:
    """ASGI middleware that applies `Limits` and counts answers."""

    def __init__(self, app: ASGIApp, limits: Limits, traffic: Traffic) -> None:
        self._app = app
        self._limits = limits
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse what is too large or too much, and bound the time of the rest."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def counted(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                method = scope["method"] if scope["method"] in KNOWN_METHODS else "other"
                self._traffic.answered[method, message["status"]] += 1
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, counted)
            return
        if scope["path"] in WITHOUT_END:
            await self._app(scope, receive, counted)
            return
        self._traffic.in_progress += 1
        try:
            async with asyncio.timeout(self._limits.answer_most_s + self._limits.wait_most_s):
                if _is_of_unknown_length(scope):
                    receive = await self._read_whole(receive)
                await self._app(scope, receive, counted)
        except _TooLarge:
            if not has_begun:
                await self._too_large(scope["path"])(scope, receive, counted)
        except TimeoutError:
            if not has_begun:
                late = problem(503, "too-slow", "no answer in time", instance=scope["path"])
                await late(scope, receive, counted)
        finally:
            self._traffic.in_progress -= 1

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        limits, path = self._limits, scope["path"]
        target = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if target > limits.target_bytes:
            detail = f"the address has {target} bytes; at most {limits.target_bytes} are read"
            return problem(414, "address-too-long", detail)
        headers = scope["headers"]
        size = sum(len(name) + len(value) + 4 for name, value in headers)
        if size > limits.header_bytes or len(headers) > limits.header_count:
            detail = (
                f"{len(headers)} headers with {size} bytes; at most {limits.header_count} "
                f"with {limits.header_bytes} bytes are read"
            )
            return problem(431, "headers-too-large", detail, instance=path)
        length = next((value for name, value in headers if name == b"content-length"), b"0")
        if not length.isdigit() or int(length) > limits.body_bytes:
            return self._too_large(path)
        if self._traffic.in_progress >= limits.at_once and path not in ALWAYS_ANSWERED:
            detail = f"{limits.at_once} requests are being answered already"
            return problem(503, "busy", detail, instance=path, retry_after_s=1.0)
        return None

    def _too_large(self, path: str) -> ASGIApp:
        detail = f"the body is larger than {self._limits.body_bytes} bytes"
        return problem(
            413, "body-too-large", detail, instance=path, fix="no call here needs a body"
        )

    async def _read_whole(self, receive: Receive) -> Receive:
        """A body that did not say how long it is, to its end or its bound. No call here reads one,
        so that nobody else would notice."""
        seen = 0
        async with asyncio.timeout(self._limits.body_within_s):
            while True:
                message = await receive()
                seen += len(message.get("body", b""))
                if seen > self._limits.body_bytes:
                    raise _TooLarge
                if not message.get("more_body", False):
                    break

        is_told = False

        async def rest() -> Message:
            nonlocal is_told
            if is_told:
                return await receive()
            is_told = True
            if message["type"] == "http.disconnect":
                return message
            return {"type": "http.request", "body": b"", "more_body": False}

        return rest


def _is_of_unknown_length(scope: Scope) -> bool:
    return any(name == b"transfer-encoding" for name, _ in scope["headers"])
