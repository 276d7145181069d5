"""The file into which an instance writes: opened for it, bounded, and read back from its end.

The instance has it open itself, in append mode, so that it writes on when Everup is gone. Two files
at most are kept: the present one and the one before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

LOG_BYTES_MOST = 8 * 1024 * 1024
"""A larger file is put aside when its instance starts, or cut while it runs."""

KEPT_BYTES = 1024 * 1024
"""What is kept of the end of a file that was cut."""

TAIL_BYTES_MOST = 256 * 1024
LINES_MOST = 1000
FILE_MODE = 0o600


def before(log: Path) -> Path:
    """The file before this one."""
    return log.with_suffix(".before")


def open_for_append(log: Path) -> int:
    """A descriptor for the instance's output; the file is put aside first when it is large.

    Raises:
        OSError: it cannot be opened.
    """
    try:
        if log.stat().st_size > LOG_BYTES_MOST:
            log.replace(before(log))
    except FileNotFoundError:
        pass
    return os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)


def cut_when_large(log: Path) -> bool:
    """Keep the end of a large file that is being written, and begin it anew; True if it was.

    Append mode makes the writer go on at the new end. What it writes between the two steps is lost.
    """
    try:
        if log.stat().st_size <= LOG_BYTES_MOST:
            return False
        kept = _end_of(log, KEPT_BYTES)
        before(log).write_bytes(kept)
        os.truncate(log, 0)
    except OSError:
        return False
    return True


def tail(log: Path, lines: int) -> Sequence[str]:
    """The last lines, at most `LINES_MOST` and `TAIL_BYTES_MOST`, oldest first."""
    wanted = min(lines, LINES_MOST)
    if wanted <= 0:
        return ()
    content = _end_of(log, TAIL_BYTES_MOST)
    if content.count(b"\n") < wanted and len(content) < TAIL_BYTES_MOST:
        content = _end_of(before(log), TAIL_BYTES_MOST - len(content)) + content
    if not content:
        return ()
    text = content.decode(errors="replace").removesuffix("\n")
    return [line.rstrip("\r") for line in text.split("\n")[-wanted:]]


def append(log: Path, lines: Iterable[str]) -> None:
    """Everup's own words among those of the instance, marked as such. Raises OSError."""
    with log.open("a", encoding="utf-8", errors="replace") as file:
        file.writelines(f"[everup] {line}\n" for line in lines)


def _end_of(path: Path, most_bytes: int) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - most_bytes, 0))
            content = file.read(most_bytes)
    except OSError:
        return b""
    # The first line is likely to have lost its beginning.
    return content.partition(b"\n")[2] if size > most_bytes else content
