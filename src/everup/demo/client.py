"""What the demo asks of Everup, over one connection that stays open.

The connection is kept because one chapter takes from Everup the means to accept another. Only
public endpoints are used: whatever the demo sees, a person with curl sees too.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any

TIMEOUT_S = 5.0


class NoAnswer(ConnectionError):
    """Everup does not answer, or not with what was asked for."""


class Client:
    """Calls of one thread to one Everup."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)

    def get(self, path: str) -> Any:
        """The decoded answer to a GET.

        Raises:
            NoAnswer: none came, or a status from 400 on.
        """
        return self._exchange("GET", path)

    def post(self, path: str) -> Any:
        """The decoded answer to a POST. Raises NoAnswer like `get`."""
        return self._exchange("POST", path)

    def incidents(self) -> list[dict[str, Any]]:
        """All incidents that are remembered."""
        return list(self.get("/incidents")["incidents"])

    def actions(self) -> list[dict[str, Any]]:
        """All actions that are remembered."""
        return list(self.get("/actions")["actions"])

    def conditions(self) -> dict[str, str]:
        """Service → condition in one word, "unknown" where nothing was seen yet."""
        services = self.get("/health-scores")["services"]
        return {name: _condition(entry) for name, entry in services.items()}

    def close(self) -> None:
        """Lets the connection go; the next call opens another."""
        self._connection.close()

    def _exchange(self, method: str, path: str) -> Any:
        try:
            status, body = self._once(method, path)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise NoAnswer(f"{method} {path}: {type(error).__name__}: {error}") from error
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise NoAnswer(f"{method} {path}: {status}, and not JSON") from error
        if status >= 400:
            raise NoAnswer(f"{method} {path}: {status}: {answer.get('detail', answer)}")
        return answer

    def _once(self, method: str, path: str) -> tuple[int, bytes]:
        self._connection.request(method, path, headers={"Accept": "application/json"})
        answer = self._connection.getresponse()
        return answer.status, answer.read()


def _condition(entry: Mapping[str, Any] | None) -> str:
    return str((entry or {}).get("condition") or "unknown")
