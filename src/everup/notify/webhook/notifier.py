"""Posts each message and judges by the status of the answer."""

from __future__ import annotations

from everup.model.errors import GiveUp, TryAgain
from everup.model.notice import Message, NotifierSpec
from everup.notify.body import as_json, as_keys
from everup.notify.http import Caller

REFUSED = frozenset({400, 405, 410, 413, 415, 422})
RETRY_AFTER_MOST_S = 300.0


class WebhookNotifier:
    """One address."""

    def __init__(self, spec: NotifierSpec, caller: Caller | None = None) -> None:
        self.name, self.on = spec.name, spec.on
        self.timeout_s, self.attempts = spec.timeout_s, spec.attempts
        self._url, self._keys = spec.url, spec.keys
        self._caller = caller or Caller()

    async def send(self, message: Message) -> None:
        """One POST.

        Raises:
            TryAgain: no answer, or one that may be another one later.
            GiveUp: the message is refused.
        """
        headers = {"content-type": "application/json", "idempotency-key": message.key}
        body = as_keys(message, self._keys) if self._keys else as_json(message)
        answer = await self._caller.call(
            "POST", self._url, self.timeout_s, body=body, headers=headers
        )
        if 200 <= answer.status < 300:
            return
        if answer.status in REFUSED:
            raise GiveUp(f"the webhook refused the message: {answer.said}")
        where = "; redirects are not followed" if 300 <= answer.status < 400 else ""
        wait_s = min(answer.retry_after_s, RETRY_AFTER_MOST_S)
        raise TryAgain(f"the webhook answered {answer.said}{where}", wait_s)

    async def close(self) -> None:
        """Drop the transports."""
        await self._caller.close()
