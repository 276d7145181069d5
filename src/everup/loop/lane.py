"""One notifier's lane: a bounded queue and a task that sends, with attempts and backoff.

Flows in: messages offered by `herald`, again and again while they are owed. Flows out: deliveries
for the journal. Nothing here is waited for by a look, and nothing that fails is lost: what could
not be sent now is offered again as long as it is owed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from everup.loop.ports import Clock, Notifier
from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.notice import Message

QUEUE_MOST = 64
KEYS_MOST = 1000
BACKOFF_FIRST_S = 1.0
BACKOFF_MOST_S = 30.0
LATER_S = 300.0
LATER_MOST_S = 3600.0
"""After all attempts have failed: how long until the message is taken again, doubling."""
SPARE_S = 2.0
"""Above a notifier's own timeout: it should have ended by itself."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How it ended, to be written down: arrived, or refused for good with the reason."""

    message: Message
    notifier: str
    has_arrived: bool
    error: str = ""


class Lane:
    """Sends one message after the other. `sent`, `failed` and `shed` count since the start."""

    def __init__(self, notifier: Notifier, clock: Clock, ended: Callable[[Delivery], None]) -> None:
        self.notifier = notifier
        self.sent = self.failed = self.shed = 0
        self.last_error = ""
        self._clock, self._ended = clock, ended
        self._queue: deque[Message] = deque()
        self._busy: set[str] = set()  # keys that wait or are being sent
        self._later: dict[str, tuple[float, float]] = {}  # key → not before, and how long it was
        self._shed_keys: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def offer(self, message: Message) -> None:
        """Take it, unless it is on its way, has just failed, or too many wait already."""
        key = message.key
        if key in self._busy or self._clock.now() < self._later.get(key, (0.0, 0.0))[0]:
            return
        if len(self._queue) >= QUEUE_MOST:
            if key not in self._shed_keys and len(self._shed_keys) < KEYS_MOST:
                self._shed_keys.add(key)
                self.shed += 1
            return
        self._shed_keys.discard(key)
        self._queue.append(message)
        self._busy.add(key)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._send_all(), name=f"notify {self.notifier.name}")

    async def close(self) -> None:
        """Stop sending; what was not sent is still owed at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.notifier.close()

    async def _send_all(self) -> None:
        while self._queue:
            message = self._queue.popleft()
            try:
                await self._deliver(message)
            finally:
                self._busy.discard(message.key)

    async def _deliver(self, message: Message) -> None:
        """Try until it arrived, was refused, or the attempts are used up."""
        backoff_s = BACKOFF_FIRST_S
        for attempt in range(1, self.notifier.attempts + 1):
            try:
                async with asyncio.timeout(self.notifier.timeout_s + SPARE_S):
                    await self.notifier.send(message)
            except GiveUp as error:
                self._fail(str(error))
                self._ended(Delivery(message, self.notifier.name, False, str(error)))
                return
            except (EverupError, TimeoutError) as error:
                self.last_error = str(error) or "no end in time"
                asked_s = error.retry_after_s if isinstance(error, TryAgain) else 0.0
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                self.last_error, asked_s = f"{type(error).__name__}: {error}", 0.0
            else:
                self.sent += 1
                self._later.pop(message.key, None)
                self._ended(Delivery(message, self.notifier.name, True))
                return
            if attempt < self.notifier.attempts:
                await self._clock.sleep(min(max(backoff_s, asked_s), BACKOFF_MOST_S))
                backoff_s *= 2
        self._fail(self.last_error)
        waited_s = self._later.pop(message.key, (0.0, LATER_S / 2))[1]
        wait_s = min(2 * waited_s, LATER_MOST_S)
        while len(self._later) >= KEYS_MOST:
            self._later.pop(next(iter(self._later)))
        self._later[message.key] = (self._clock.now() + wait_s, wait_s)

    def _fail(self, error: str) -> None:
        self.failed += 1
        self.last_error = error
