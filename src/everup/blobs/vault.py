"""A store of content by its address: what is equal lies there once, and what was damaged is found.

Flows in: bytes. Flows out: their address, and for an address the same bytes or an error that names
it, never others. Called by `shelf`, in a thread; nothing here waits for a loop.

```
vault/ab/cdef…      one object: what kind it is, then its content
    plain   EVO1P + content                        address: SHA-256 of the content
    sealed  EVO1S + nonce + AES-256-GCM(content)   address: HMAC-SHA-256 of the content; sealed
                                                   for its address, so that no two can be swapped
vault/mark          salt, and what tells whether a key is the right one; twice
```
The address of a sealed object is made with a key: of a password of few letters, a bare sum would
tell as much as the password itself. Objects are for their owner alone (0600 in 0700), and each is
there whole or not at all.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import threading
from collections.abc import Iterator, Set
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from everup.blobs.files import FRESH, read_bounded, write_whole
from everup.blobs.key import Keys, the_secret
from everup.blobs.mark import Mark, check_of, fresh_salt, read_marks, write_marks
from everup.model.errors import AskAHuman, Damaged, GiveUp

PLAIN, SEALED = b"EVO1P", b"EVO1S"
NONCE_BYTES, TAG_BYTES = 12, 16
OBJECT_BYTES_MOST = 8 * 1024 * 1024
OVERHEAD_BYTES = len(SEALED) + NONCE_BYTES + TAG_BYTES
OBJECTS_MOST = 200_000
"""More than that are not walked through; nothing makes as many."""
YOUNG_S = 600.0
"""What is younger is no rubbish: somebody may be about to refer to it."""
_FOLDER = re.compile(r"[0-9a-f]{2}")
_NAME = re.compile(r"[0-9a-f]{62}")


@dataclass(frozen=True, slots=True)
class Size:
    """What lies in it."""

    objects: int = 0
    total_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Swept:
    """What was taken away."""

    objects: int = 0
    freed_bytes: int = 0


class Vault:
    """`words`, `source`: the key that its owner gave; "": one is made beside the vault, in
    `state_dir`. Nothing is read or made before the first call."""

    def __init__(self, folder: Path, state_dir: Path, words: str = "", source: str = "") -> None:
        self.folder = folder
        self._state_dir, self._words, self._source = state_dir, words, source
        self._keys: Keys | None = None
        self._opening = threading.RLock()
        self._lock = threading.Lock()  # nothing is swept while it is found to be there already

    def put(self, content: bytes, *, is_secret: bool) -> str:
        """Its address, once it lies there. What lies there damaged is mended.

        Raises:
            GiveUp: it is too large. AskAHuman: the key is not the right one. OSError.
        """
        if len(content) > OBJECT_BYTES_MOST:
            raise GiveUp(
                f"{len(content)} bytes are more than one object holds: {OBJECT_BYTES_MOST}"
            )
        keys = self._opened() if is_secret else None
        address = _address(content, keys)
        with self._lock:
            try:
                self.get(address)
                os.utime(self.path(address))  # it is wanted anew, and so it is young
            except GiveUp:
                head = PLAIN if keys is None else SEALED
                body = content if keys is None else _sealed(content, address, keys)
                write_whole(self.path(address), head + body)
        return address

    def get(self, address: str) -> bytes:
        """What was put, proven by its address.

        Raises:
            Damaged: it is not there, or not as it was. AskAHuman: another key. OSError.
        """
        found = read_bounded(self.path(address), OBJECT_BYTES_MOST + OVERHEAD_BYTES)
        if found is None:
            raise Damaged(f"object {address} is missing", address)
        head, body = found[: len(PLAIN)], found[len(PLAIN) :]
        content: bytes | None = None
        if head == PLAIN:
            content, keys = body, None
        elif head == SEALED:
            keys = self._opened()
            content = _unsealed(body, address, keys)
        if content is None or not hmac.compare_digest(_address(content, keys), address):
            raise Damaged(f"object {address} is damaged: it is not what was put there", address)
        return content

    def remove(self, address: str) -> None:
        """Gone, whether it was there or not."""
        self.path(address).unlink(missing_ok=True)

    def path(self, address: str) -> Path:
        """Where an object lies.

        Raises:
            GiveUp: this is no address.
        """
        if not (_FOLDER.fullmatch(address[:2]) and _NAME.fullmatch(address[2:])):
            raise GiveUp(f"{address[:80]!r} is no address of an object")
        return self.folder / address[:2] / address[2:]

    def addresses(self) -> Iterator[str]:
        """Of everything that lies here, at most `OBJECTS_MOST`."""
        for path in islice(self._objects(), OBJECTS_MOST):
            yield path.parent.name + path.name

    def size(self) -> Size:
        """Objects and their bytes."""
        sizes = [_bytes_of(path) for path in self._objects()]
        return Size(len(sizes), sum(sizes))

    def sweep(self, wanted: Set[str], now_s: float) -> Swept:
        """Take away what nobody wants and what was half written, unless it is young. `now_s`: by
        the wall clock, as the times of files are.

        Raises:
            AskAHuman: the key is not the right one: then nothing is taken away. OSError.
        """
        self._opened()
        objects = freed_bytes = 0
        for path in [*self._objects(), *self._half_written()]:
            if path.parent.name + path.name in wanted:
                continue
            with self._lock:
                try:
                    seen = path.stat()
                    if not now_s - seen.st_mtime > YOUNG_S:
                        continue
                    path.unlink()
                except FileNotFoundError:
                    continue
            objects, freed_bytes = objects + 1, freed_bytes + seen.st_size
        return Swept(objects, freed_bytes)

    def check_marks(self) -> list[str]:
        """Copies of the mark that were damaged; they are mended from the other one.

        Raises:
            AskAHuman: the key is not the right one, or neither copy can be read. OSError.
        """
        with self._opening:
            damaged = read_marks(self.folder)[1] if self.folder.is_dir() else []
            self._keys = None
            self._opened()
        return damaged

    def _opened(self) -> Keys:
        """The keys, checked once in each life; by one thread, since a vault has one salt."""
        with self._opening:
            if self._keys is None:
                self._keys = self._open()
            return self._keys

    def _open(self) -> Keys:
        mark, damaged = read_marks(self.folder)
        has_sealed = mark is None and any(map(_is_sealed, self._objects()))
        if has_sealed:
            raise AskAHuman(
                f"{self.folder}: neither copy of its mark can be read, so that nothing in it can "
                "be opened; put the file `mark` back from a backup. Nothing was removed"
            )
        secret = the_secret(self._state_dir, self._words, self._source, may_make=mark is None)
        keys = secret.keys(fresh := fresh_salt() if mark is None else mark.salt)
        mark = mark or Mark(fresh, check_of(keys))
        if not mark.opens_with(keys):
            raise AskAHuman(
                f"{secret.source}: this key (not shown) is not the one that {self.folder} was "
                "sealed with; give that one again, or move the folder away to begin anew. Nothing "
                "was lost"
            )
        write_marks(self.folder, mark, damaged)
        return keys

    def _objects(self) -> Iterator[Path]:
        yield from (path for path in self._files() if _NAME.fullmatch(path.name))

    def _half_written(self) -> Iterator[Path]:
        yield from (path for path in self._files() if path.name.endswith(FRESH))

    def _files(self) -> Iterator[Path]:
        if not self.folder.is_dir():
            return
        for folder in sorted(self.folder.iterdir()):
            if _FOLDER.fullmatch(folder.name) and folder.is_dir() and not folder.is_symlink():
                yield from (p for p in sorted(folder.iterdir()) if not p.is_symlink())


def _address(content: bytes, keys: Keys | None) -> str:
    if keys is None:
        return hashlib.sha256(content).hexdigest()
    return hmac.digest(keys.name, content, "sha256").hex()


def _sealed(content: bytes, address: str, keys: Keys) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(keys.seal).encrypt(nonce, content, SEALED + address.encode())


def _unsealed(body: bytes, address: str, keys: Keys) -> bytes | None:
    if len(body) < NONCE_BYTES + TAG_BYTES:
        return None
    nonce, sealed = body[:NONCE_BYTES], body[NONCE_BYTES:]
    try:
        return AESGCM(keys.seal).decrypt(nonce, sealed, SEALED + address.encode())
    except InvalidTag:
        return None


def _is_sealed(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(SEALED)) == SEALED
    except OSError:
        return False


def _bytes_of(path: Path) -> int:
    try:
        return os.lstat(path).st_size
    except FileNotFoundError:
        return 0
