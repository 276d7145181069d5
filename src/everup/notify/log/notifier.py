"""Writes each message as a line of level warning, which cannot fail as far as one can tell."""

from __future__ import annotations

from everup.loop.ports import Log
from everup.model.notice import Message, NotifierSpec
from everup.notify.body import fields


class LogNotifier:
    """Tells the log."""

    def __init__(self, spec: NotifierSpec, to: Log) -> None:
        self.name, self.on = spec.name, spec.on
        self.timeout_s, self.attempts = spec.timeout_s, spec.attempts
        self._to = to

    async def send(self, message: Message) -> None:
        """One line."""
        self._to.warning("message", **fields(message))

    async def close(self) -> None:
        """Nothing is held."""
