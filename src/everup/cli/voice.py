"""What `everup up` says while it runs, so that nobody who listens badly can harm it.

Flows in: lines. Flows out: the same on standard output, written by a thread of its own. A reader
that has gone, a full disk or a pager that nobody scrolls costs lines, which are counted, and never
a look: the loop does not wait for its listener.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable

LINES_MOST = 1000
LAST_WORDS_S = 1.0
STANDARD_OUTPUT = 1


def write_out(text: str) -> None:
    """All of it to standard output, past Python's own buffer. Raises OSError."""
    left = text.encode("utf-8", "replace")
    while left:
        left = left[os.write(STANDARD_OUTPUT, left) :]


class Voice:
    """Lines wait here, at most `LINES_MOST`; what finds no place is lost and counted."""

    def __init__(self, write: Callable[[str], None] = write_out) -> None:
        self._write = write
        self._lines: queue.Queue[str] = queue.Queue(LINES_MOST)
        self._lost = 0
        threading.Thread(target=self._speak, name="voice", daemon=True).start()

    def say(self, text: str) -> None:
        """One line. Never waits, never raises."""
        try:
            self._lines.put_nowait(text)
        except queue.Full:
            self._lost += 1

    def write(self, text: str) -> None:
        """As a file, for whoever logs."""
        self.say(text.rstrip("\n"))

    def flush(self) -> None:
        """Nothing is held back."""

    def finish(self, within_s: float = LAST_WORDS_S) -> None:
        """Give what was said last a moment to come out."""
        deadline_s = time.monotonic() + within_s
        while self._lines.unfinished_tasks and time.monotonic() < deadline_s:
            time.sleep(0.01)

    def _speak(self) -> None:
        while True:
            text = self._lines.get()
            lost = self._lost
            if lost:
                text = f"({lost} lines could not be written here)\n{text}"
            try:
                self._write(text + "\n")
                self._lost -= lost
            except (OSError, ValueError):
                self._lost += 1
            finally:
                self._lines.task_done()
