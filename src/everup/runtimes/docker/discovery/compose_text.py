"""The text of a Compose file, bounded, never raising: the only file that discovery touches.

The paths come from labels, so whoever may start a container chooses them: only regular files are
read, and nothing of what is in them is ever shown.
"""

from __future__ import annotations

import os
import stat

FILE_BYTES_MOST = 1024 * 1024


def read_compose_text(path: str) -> str | None:
    """The file's text; None when it is not there, not ours to read, too large, or no text."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            content = file.read(FILE_BYTES_MOST + 1)
    except OSError:
        return None
    finally:
        os.close(handle)
    if len(content) > FILE_BYTES_MOST:
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
