"""The token in the state folder: made at the first start that wants one, 0600, and kept.

Flows in: the state folder, or a token that the owner gave. Flows out: its hash, which is all that
the API keeps, and once the token itself, for whoever reads the first start's output.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path

from everup.config.tokens import FILE_BYTES_MOST, is_token
from everup.model.errors import AskAHuman

NAME = "token"
BYTES_OF_CHANCE = 32
ONLY_OURS = 0o600


@dataclass(frozen=True, slots=True)
class Kept:
    """A token by its hash. `fresh`: the token, when it was made just now. `was_open`: others of
    this machine could read it until now."""

    sha256: bytes
    source: str
    fresh: str = field(default="", repr=False)
    was_open: bool = False


def token_file(state_dir: Path) -> Path:
    """Where it lies."""
    return state_dir / NAME


def hash_of(token: str) -> bytes:
    """What is compared."""
    return hashlib.sha256(token.encode()).digest()


def keep_token(state_dir: Path, given: str = "", source: str = "") -> Kept:
    """The owner's, the one that is there, or a new one.

    Raises:
        AskAHuman: it can be neither read nor made; says what to do.
    """
    if given:
        return Kept(hash_of(given), source)
    path = token_file(state_dir)
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _there(path) or _made(path)
    except OSError as error:
        raise AskAHuman(
            f"the token in {path} cannot be kept ({error.strerror or error}): let this user "
            f"({os.geteuid()}) write that folder, remove the file, or give a token by EVERUP_TOKEN"
        ) from error


def _there(path: Path) -> Kept | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as stream:
        seen = os.fstat(descriptor)
        if not stat.S_ISREG(seen.st_mode):
            raise AskAHuman(f"{path} is no file: remove it, and a token is made there")
        content = stream.read(FILE_BYTES_MOST).decode("ascii", "replace").strip()
        was_open = bool(seen.st_mode & 0o077)
        if was_open:
            os.fchmod(descriptor, ONLY_OURS)
    if not is_token(content):
        raise AskAHuman(f"{path} holds no token: remove it, and a new one is made")
    return Kept(hash_of(content), str(path), was_open=was_open)


def _made(path: Path) -> Kept:
    """Whole or not at all, also when the power goes."""
    token = secrets.token_urlsafe(BYTES_OF_CHANCE)
    beside = path.with_name(f".{NAME}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, ONLY_OURS)
    with open(descriptor, "w", encoding="ascii") as stream:
        stream.write(token + "\n")
        stream.flush()
        os.fsync(descriptor)
    beside.replace(path)
    return Kept(hash_of(token), str(path), fresh=token)
