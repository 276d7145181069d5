"""The log book: structlog renders each line, a bounded queue and a thread bring it to the disk."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import structlog

from everup.logbook.file import RotatingFile
from everup.logbook.lines import fields_of, level_of
from everup.model.entries import Entry
from everup.model.errors import GiveUp

FILE_NAME = "everup.log"
FIRST = ("time", "level", "event", "text")
QUEUE_MOST = 2000
CLOSE_MOST_S = 2.0


class LogBook:
    """`loop.ports.Log` over a rotating file."""

    def __init__(self, file: RotatingFile, level: str, stack: str) -> None:
        self._file = file
        self._queue: queue.Queue[str | None] = queue.Queue(QUEUE_MOST)
        self._shed = 0
        least = logging.getLevelNamesMapping()[level.upper()]
        self._log: Any = structlog.wrap_logger(
            _Sink(self._put),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
                _in_order,
                structlog.processors.JSONRenderer(default=str),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(least),
            context_class=dict,
            cache_logger_on_first_use=False,
            stack=stack,
        )
        self._thread = threading.Thread(target=self._write, name="everup-log", daemon=True)
        self._thread.start()

    def entry(self, entry: Entry) -> None:
        """One line for an entry of the journal."""
        fields = fields_of(entry)
        event = str(fields.pop("event"))
        (self._log.warning if level_of(entry) == "warning" else self._log.info)(event, **fields)

    def warning(self, event: str, **fields: object) -> None:
        """One line of level warning."""
        self._log.warning(event, **fields)

    def counts(self) -> tuple[int, int]:
        """Lines written, lines lost."""
        return self._file.written, self._file.lost + self._shed

    def close(self) -> None:
        """Write what waits, for at most `CLOSE_MOST_S`."""
        deadline_s = time.monotonic() + CLOSE_MOST_S
        try:
            self._queue.put(None, timeout=CLOSE_MOST_S)
        except queue.Full:
            return
        self._thread.join(max(0.0, deadline_s - time.monotonic()))

    def _put(self, line: str) -> None:
        try:
            self._queue.put_nowait(line)
        except queue.Full:
            self._shed += 1

    def _write(self) -> None:
        while (line := self._queue.get()) is not None:
            lines = [line]
            while not self._queue.empty() and len(lines) < QUEUE_MOST:
                following = self._queue.get()
                if following is None:
                    self._file.write(lines)
                    self._file.close()
                    return
                lines.append(following)
            self._file.write(lines)
        self._file.close()


def _in_order(
    logger: object, method: str, fields: MutableMapping[str, object]
) -> Mapping[str, object]:
    """What a person reads first stands first."""
    return {name: fields[name] for name in FIRST if name in fields} | dict(fields)


class _Sink:
    """Where structlog's bound logger ends: every level goes to the same place."""

    def __init__(self, put: Callable[[str], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = put


def open_logbook(folder: Path, *, level: str, stack: str, file_bytes: int, files: int) -> LogBook:
    """A log book in this folder, which is made if need be.

    Raises:
        GiveUp: the folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = RotatingFile(folder / FILE_NAME, file_bytes, files)
        file.open()
    except OSError as error:
        reason = error.strerror or str(error)
        raise GiveUp(f"cannot write logs in {folder}: {reason}; set log_directory") from error
    return LogBook(file, level, stack)
