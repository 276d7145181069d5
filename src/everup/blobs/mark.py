"""The mark of a vault: its salt, and what tells whether a key is the right one. Two equal copies.

A damaged copy is found by its sum and written anew from the other. Blocks.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

from everup.blobs.files import read_bounded, write_whole
from everup.blobs.key import SALT_BYTES, Keys

NAMES = ("mark", "mark.copy")
HEAD = b"everup vault 1"
CHECK_BYTES = 32
WHAT = b"this is the key"


@dataclass(frozen=True, slots=True)
class Mark:
    """`check` is made of the key: it tells nothing of it to whoever has another."""

    salt: bytes
    check: bytes

    def opens_with(self, keys: Keys) -> bool:
        """Are these the keys that it was made with?"""
        return hmac.compare_digest(self.check, check_of(keys))

    def text(self) -> bytes:
        """As it lies in a file."""
        said = b" ".join((HEAD, self.salt.hex().encode(), self.check.hex().encode()))
        return said + b"\n" + hashlib.sha256(said).hexdigest().encode() + b"\n"


def check_of(keys: Keys) -> bytes:
    """What only who has them can make."""
    return hmac.digest(keys.check, WHAT, "sha256")


def fresh_salt() -> bytes:
    """Of a vault that is new."""
    return secrets.token_bytes(SALT_BYTES)


def read_marks(folder: Path) -> tuple[Mark | None, list[str]]:
    """The mark, and the names of copies that are missing or damaged."""
    found = {name: _parsed(read_bounded(folder / name, 4096)) for name in NAMES}
    whole = [mark for mark in found.values() if mark is not None]
    return (whole[0] if whole else None), [name for name in NAMES if found[name] is None]


def write_marks(folder: Path, mark: Mark, names: list[str]) -> None:
    """Those of its copies that are not as they should be."""
    for name in names:
        write_whole(folder / name, mark.text())


def _parsed(content: bytes | None) -> Mark | None:
    try:
        said, _, _ = (content or b"").partition(b"\n")
        _, _, _, salt, check = said.split(b" ")
        mark = Mark(bytes.fromhex(salt.decode("ascii")), bytes.fromhex(check.decode("ascii")))
    except ValueError:
        return None
    is_fit = len(mark.salt) == SALT_BYTES and len(mark.check) == CHECK_BYTES
    return mark if is_fit and mark.text() == content else None
