"""A folder of captured configurations; each is there whole or not at all.

Flows in: a name and what was captured. Flows out: the same, as long as the file can be read. Files
are for their owner alone: a configuration may hold secrets. Work on them is done in a thread.
"""

from __future__ import annotations

import asyncio
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from everup.model.errors import TryAgain
from everup.model.runtime import Captured, KeptFile

SUFFIX = ".json"
FILE_MODE, FOLDER_MODE = 0o600, 0o700
BYTES_MOST = 4 * 1024 * 1024
"""Of one configuration; a larger one is none."""


class FileShelf:
    """Implements `loop.ports.Shelf`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, name: str, captured: Captured) -> None:
        """Write it, synced, and then under its name.

        Raises:
            TryAgain: it could not be written; what was there still is.
        """
        content = json.dumps(asdict(captured), indent=1, allow_nan=False, default=_text).encode()
        if len(content) > BYTES_MOST:
            raise TryAgain(f"what runs as {captured.service} has {len(content)} bytes: too much")
        await self._in_thread(self._write, self._path(name), content)

    async def get(self, name: str) -> Captured | None:
        """What was put; None when it cannot be understood."""
        found: Captured | None = await self._in_thread(self._read, self._path(name))
        return found

    async def remove(self, name: str) -> None:
        """Gone, whether it was there or not."""
        await self._in_thread(lambda: self._path(name).unlink(missing_ok=True))

    async def names(self) -> Sequence[str]:
        """Of all files."""
        found: Sequence[str] = await self._in_thread(self._names)
        return found

    async def _in_thread(self, work: Any, *arguments: Any) -> Any:
        try:
            return await asyncio.to_thread(work, *arguments)
        except OSError as error:
            raise TryAgain(f"what is kept to go back to: {error}") from error

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(fresh, flags, FILE_MODE), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _read(self, path: Path) -> Captured | None:
        try:
            with path.open("rb") as file:
                found = json.loads(file.read(BYTES_MOST + 1))
        except FileNotFoundError:
            return None
        except ValueError:
            return None
        if not isinstance(found, Mapping) or not isinstance(found.get("content"), Mapping):
            return None
        texts = {n: str(found.get(n, "")) for n in ("service", "version", "image", "title")}
        files = tuple(_file(one) for one in found.get("files") or ())
        return Captured(content=found["content"], files=files, **texts)

    def _names(self) -> Sequence[str]:
        if not self._folder.is_dir():
            return ()
        return [unquote(p.stem) for p in sorted(self._folder.glob(f"*{SUFFIX}"))]

    def _path(self, name: str) -> Path:
        return self._folder / (quote(name, safe="").replace(".", "%2E") + SUFFIX)


def _text(content: object) -> str:
    if not isinstance(content, bytes):
        raise TypeError(f"{type(content).__name__} cannot be kept")
    return b64encode(content).decode()


def _file(found: Mapping[str, Any]) -> KeptFile:
    content = found.get("content")
    return KeptFile(**{**found, "content": None if content is None else b64decode(content)})
