"""Clients that go on asking while something is done: every answer that is not 200 was lost."""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter

CLIENTS, EVERY_S = 16, 0.04


class Load:
    """Clients that ask without an end; every answer that is not 200 is one that was lost."""

    def __init__(self, port: int) -> None:
        self._port, self._stop = port, threading.Event()
        self.answered: Counter[str] = Counter()
        self.lost: list[str] = []
        self._threads = [
            threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)
        ]

    def _ask(self, number: int) -> None:
        is_kept = number % 2 == 0  # half of them keep their connection
        connection: http.client.HTTPConnection | None = None
        answer: http.client.HTTPResponse | None = None
        while not self._stop.is_set():
            try:
                if connection is None:
                    connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
                connection.request("GET", "/work")
                answer = connection.getresponse()
                body = answer.read().decode()
                if answer.status == 200:
                    self.answered[body] += 1
                else:
                    self.lost.append(f"{time.time():.2f} {answer.status} {body[:80]!r}")
            except Exception as error:  # noqa: BLE001 - whatever it is, a request was lost
                self.lost.append(f"{time.time():.2f} {type(error).__name__} {error}")
                if answer is not None:  # cut off within its body, it keeps the socket to itself
                    answer.close()
                if connection is not None:
                    connection.close()
                connection = None
            answer = None
            if not is_kept and connection is not None:
                connection.close()
                connection = None
            self._stop.wait(EVERY_S)
        if connection is not None:
            connection.close()

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    @property
    def total(self) -> int:
        return sum(self.answered.values()) + len(self.lost)
