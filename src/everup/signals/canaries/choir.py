"""All canaries at once. Flows out: a sentence for each one that fails. Called by `signals.host`.

A canary that this host cannot have (there is no `true` to run, no `localhost` to resolve) is said
once in the log, counts as unavailable, and is silent from then on: a sense that never worked does
not tell when something breaks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

_log = structlog.get_logger(__name__)


class Unavailable(Exception):
    """This canary cannot be had on this host; the message says why."""


class Canary(Protocol):
    """One canary."""

    @property
    def name(self) -> str:
        """What it stands for: `loopback-http`, `exec`, `dns`."""

    async def sing(self, timeout_s: float) -> str:
        """Empty when all is well, else the reason.

        Raises:
            Unavailable: it has never sung, and cannot be made here.
        """

    async def close(self) -> None:
        """Let go of what it holds."""


class Choir:
    """Asks every canary, leaves out those that cannot be had."""

    def __init__(self, canaries: Sequence[Canary]) -> None:
        self._canaries = list(canaries)
        self._unavailable: dict[str, str] = {}

    @property
    def unavailable(self) -> tuple[str, ...]:
        """A sentence for each canary that this host cannot have."""
        return tuple(f"canary {name}: {reason}" for name, reason in self._unavailable.items())

    async def failing(self, timeout_s: float) -> tuple[str, ...]:
        """`canary NAME: reason` for each one that fails; takes about `timeout_s` at most."""
        asked = [canary for canary in self._canaries if canary.name not in self._unavailable]
        answers = await asyncio.gather(*(self._one(canary, timeout_s) for canary in asked))
        return tuple(answer for answer in answers if answer)

    async def close(self) -> None:
        """Close all of them."""
        await asyncio.gather(*(canary.close() for canary in self._canaries))

    async def _one(self, canary: Canary, timeout_s: float) -> str:
        try:
            reason = await canary.sing(timeout_s)
        except Unavailable as error:
            self._unavailable[canary.name] = str(error)
            _log.warning("canary unavailable", canary=canary.name, reason=str(error))
            return ""
        except Exception as error:  # noqa: BLE001 - a canary that breaks has failed, whatever broke
            reason = f"{type(error).__name__}: {error}"
        return f"canary {canary.name}: {reason}" if reason else ""
