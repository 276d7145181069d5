"""The key under which secrets are kept: its owner's words, or one that is made in the state folder.

Flows in: a text that somebody gave, or nothing. Flows out: a `Secret`, from which the vault makes
its keys. A key is never shown, in no error and in no repr.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from everup.blobs.key_file import NoKey, make_key, read_key
from everup.model.errors import AskAHuman
from everup.model.sums import KEY_BYTES

NAME = "vault.key"
SALT_BYTES = 32
COST, BLOCK, LANES = 2**14, 8, 1
"""Of scrypt: 16 MiB and some 50 ms, once in each life."""


@dataclass(frozen=True, slots=True)
class Secret:
    """`words`: what a person gave; or `made`: 32 bytes of chance. `source`: a variable or a file,
    for errors."""

    source: str
    words: str = field(default="", repr=False)
    made: bytes = field(default=b"", repr=False)

    def keys(self, salt: bytes) -> Keys:
        """The same for the same salt. Words are stretched, since people are no source of chance."""
        root = self.made
        if self.words:
            stretch = Scrypt(salt=salt, length=KEY_BYTES, n=COST, r=BLOCK, p=LANES)
            root = stretch.derive(self.words.encode())
        return Keys(*(_derived(root, salt, use) for use in ("seal", "name", "check")))


@dataclass(frozen=True, slots=True)
class Keys:
    """`seal` encrypts, `name` makes addresses, `check` tells whether it is the right one."""

    seal: bytes = field(repr=False)
    name: bytes = field(repr=False)
    check: bytes = field(repr=False)


def the_secret(state_dir: Path, words: str = "", source: str = "", *, may_make: bool) -> Secret:
    """What its owner gave; else the one in the state folder, which is made where there is none and
    `may_make`.

    Raises:
        AskAHuman: it can be neither read nor made; says what to do.
    """
    if words:
        return Secret(source, words=words)
    path = state_dir / NAME
    try:
        found = read_key(path)
        if found is None:
            if not may_make:
                raise AskAHuman(
                    f"EVERUP_SECRET_KEY: nothing was given, and {path} is not there; what is kept "
                    "was sealed with a key: give that one, or put the file back. Nothing was lost"
                )
            found = make_key(path)
    except OSError as error:
        raise AskAHuman(
            f"{path}: {error.strerror or error}; let this user ({os.geteuid()}) read and write "
            "that folder, or give a key by EVERUP_SECRET_KEY"
        ) from error
    except NoKey as error:
        raise AskAHuman(
            f"{path}: {error}; put the file back as it was, or give the key that was used by "
            "EVERUP_SECRET_KEY. Nothing was lost"
        ) from None
    return Secret(str(path), made=found)


def _derived(root: bytes, salt: bytes, use: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt, f"everup vault {use}".encode()).derive(root)
