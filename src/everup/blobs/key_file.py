"""A key of chance in a file of the state folder, for its owner alone. Blocks.

Called by `key` and `sum_key`, which say what follows when there is none. A key is never shown.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from everup.blobs.files import FILE_MODE, read_bounded, write_once
from everup.model.sums import KEY_BYTES

HEX_BYTES = 2 * KEY_BYTES
FILE_BYTES_MOST = 4096


class NoKey(ValueError):
    """What lies there is none; says how long it is."""


def read_key(path: Path) -> bytes | None:
    """What was made there; None where nothing was. A file that others may read is closed to them.

    Raises:
        NoKey: it is damaged. OSError.
    """
    found = read_bounded(path, FILE_BYTES_MOST)
    if found is None:
        return None
    if path.stat().st_mode & 0o077:
        path.chmod(FILE_MODE)
    text = found.strip()
    try:
        if len(text) != HEX_BYTES:
            raise ValueError
        return bytes.fromhex(text.decode("ascii"))
    except ValueError:
        raise NoKey(f"{len(text)} characters that are no key of Everup's") from None


def make_key(path: Path) -> bytes:
    """A fresh one, once it lies there; of two who make one at once both get that of the first.

    Raises:
        OSError: it cannot be written, or is gone again.
    """
    write_once(path, secrets.token_hex(KEY_BYTES).encode() + b"\n")
    made = read_key(path)
    if made is None:
        raise FileNotFoundError(2, "it was taken away while it was made", str(path))
    return made
