"""Captured configurations on the vault; each is there whole or not at all.

Flows in: what was captured, by a name or by itself. Flows out: the same, as long as every byte of
it is as it was, or an error that names what is not. Configurations and files are sealed, since they
may hold secrets; manifests are plain. Work on them is done in a thread.

```
vault/kept/NAME     the sum of the rest, then a name's objects: its configuration, then its files
```
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from everup.blobs.files import FRESH, read_bounded, sync_folder, write_whole
from everup.blobs.vault import Vault
from everup.model.errors import Damaged, GiveUp, TryAgain
from everup.model.runtime import Captured, KeptFile
from everup.model.snapshot import Checked, Harm

KEPT = "kept"
ENTRY_BYTES_MOST = 64 * 1024
CONFIGURATION_BYTES_MOST = 4 * 1024 * 1024
TEXTS = ("service", "version", "image", "title")
FILES_MOST = 256
"""Of one service; what has more is not kept."""

T = TypeVar("T")


class VaultShelf:
    """Implements `loop.ports.Shelf`."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._names_folder = vault.folder / KEPT

    async def put(self, name: str, captured: Captured) -> None:
        """Keep it under a name, as one that is wanted.

        Raises:
            TryAgain, GiveUp, AskAHuman: it could not be written; what was there still is.
        """
        await self._in_thread(self._put, name, captured)

    async def get(self, name: str) -> Captured | None:
        """What was put; None where there is none.

        Raises:
            Damaged: it is there, and not as it was.
        """
        return await self._in_thread(self._get, name)

    async def remove(self, name: str) -> None:
        """Not wanted under this name, whether it was or not."""
        await self._in_thread(self._remove, name)

    async def names(self) -> Sequence[str]:
        """Of all that is wanted."""
        return await self._in_thread(lambda: [name for name, _ in self._entries()])

    async def keep(self, captured: Captured) -> tuple[str, Mapping[str, str]]:
        """Its address, and path → address of its files; wanted as long as a manifest says so."""
        return await self._in_thread(self._keep, captured)

    async def at(self, address: str) -> Captured:
        """What was kept under this address."""
        return await self._in_thread(self._at, address)

    async def write(self, content: bytes, *, is_secret: bool) -> str:
        """Any content; its address."""
        return await self._in_thread(lambda: self._vault.put(content, is_secret=is_secret))

    async def read(self, address: str) -> bytes:
        """Of any content."""
        return await self._in_thread(self._vault.get, address)

    async def verify(self, users: Mapping[str, Sequence[str]]) -> Checked:
        """Read everything that lies here and everything that is wanted. `users`: address → who
        wants it, beside the names."""
        return await self._in_thread(self._verify, users)

    async def sweep(self, wanted: Collection[str]) -> int:
        """Take away what neither a name nor `wanted` refers to; how many bytes that freed."""
        return await self._in_thread(self._sweep, wanted)

    async def size(self) -> tuple[int, int]:
        """Objects, and their bytes."""
        found = await self._in_thread(self._vault.size)
        return found.objects, found.total_bytes

    # --- in a thread -----------------------------------------------------------------------------

    async def _in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        try:
            return await asyncio.to_thread(work, *arguments)
        except OSError as error:
            raise TryAgain(f"what is kept to go back to: {error}") from error

    def _put(self, name: str, captured: Captured) -> None:
        address, files = self._keep(captured)
        said = {"name": name, "objects": [address, *sorted(set(files.values()))]}
        body = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
        if len(body) > ENTRY_BYTES_MOST // 2:
            raise GiveUp(f"what runs as {captured.service} has too many files to be kept")
        write_whole(self._path(name), _sum(body) + b"\n" + body)

    def _get(self, name: str) -> Captured | None:
        path = self._path(name)
        content = read_bounded(path, ENTRY_BYTES_MOST)
        if content is None:
            return None
        objects = _entry(content, name)
        if not objects:
            raise Damaged(f"{KEPT}/{path.name} is damaged: it is not what was put there")
        return self._at(objects[0])

    def _remove(self, name: str) -> None:
        path = self._path(name)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            sync_folder(path.parent)

    def _keep(self, captured: Captured) -> tuple[str, Mapping[str, str]]:
        if len(captured.files) > FILES_MOST:
            raise GiveUp(f"{captured.service} reads {len(captured.files)} files: too many")
        addresses = {
            file.path: self._vault.put(file.content, is_secret=True)
            for file in captured.files
            if file.content is not None
        }
        said = {
            **{n: getattr(captured, n) for n in TEXTS},
            "content": captured.content,
            "files": [_without_content(file, addresses) for file in captured.files],
        }
        try:
            text = json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise GiveUp(f"what runs as {captured.service} cannot be kept: {error}") from error
        body = text.encode()
        if len(body) > CONFIGURATION_BYTES_MOST:
            raise GiveUp(f"what runs as {captured.service} has {len(body)} bytes: too much")
        return self._vault.put(body, is_secret=True), addresses

    def _at(self, address: str) -> Captured:
        try:
            found = json.loads(self._vault.get(address))
            files = tuple(self._file(one) for one in found["files"])
            service, version, image, title = (str(found[n]) for n in TEXTS)
            return Captured(service, found["content"], version, image, title, files)
        except (ValueError, KeyError, TypeError) as error:
            raise Damaged(f"object {address} is no configuration", address) from error

    def _file(self, found: Mapping[str, Any]) -> KeptFile:
        said, address = {**found}, found["address"]
        del said["address"]
        return KeptFile(**said, content=self._vault.get(address) if address else None)

    def _verify(self, users: Mapping[str, Sequence[str]]) -> Checked:
        harms: list[Harm] = []
        wanted = {address: list(who) for address, who in users.items()}
        for path, content in self._raw():
            name = unquote(path.name)
            objects = _entry(content, name)
            if not objects:
                harms.append(Harm(f"{KEPT}/{path.name}", "damaged", (name,)))
            for address in objects:
                wanted.setdefault(address, []).append(name)
        mended = tuple(self._vault.check_marks())
        there, total_bytes = set(self._vault.addresses()), 0
        for address in sorted({*there, *wanted}):
            try:
                total_bytes += len(self._vault.get(address))
            except Damaged as error:
                what = "damaged" if address in there else "missing"
                used_by = tuple(dict.fromkeys(wanted.get(error.address or address, ())))
                harms.append(Harm(address, what, used_by))
            except GiveUp:
                harms.append(Harm(address, "no address", tuple(wanted.get(address, ()))))
        return Checked(len(there), total_bytes, tuple(harms), mended)

    def _sweep(self, wanted: Collection[str]) -> int:
        found = {*wanted}
        for path, content in self._raw():
            objects = _entry(content, unquote(path.name))
            if not objects:
                raise Damaged(f"{KEPT}/{path.name} is damaged: nothing is taken away before it is")
            found.update(objects)
        return self._vault.sweep(found, time.time()).freed_bytes

    def _entries(self) -> Iterator[tuple[str, Sequence[str]]]:
        for path, content in self._raw():
            name = unquote(path.name)
            yield name, _entry(content, name)

    def _raw(self) -> Iterator[tuple[Path, bytes]]:
        if not self._names_folder.is_dir():
            return
        for path in sorted(self._names_folder.iterdir()):
            if path.is_file() and not path.is_symlink() and not path.name.endswith(FRESH):
                content = read_bounded(path, ENTRY_BYTES_MOST)
                if content is not None:
                    yield path, content

    def _path(self, name: str) -> Path:
        return self._names_folder / quote(name, safe="").replace(".", "%2E")


def _sum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


def _entry(content: bytes, name: str) -> Sequence[str]:
    """The objects of a name, its configuration first; none where this is not what was put."""
    said, body = content[:64], content[65:]
    if content[64:65] != b"\n" or said != _sum(body):
        return ()
    found = json.loads(body)
    return [str(one) for one in found["objects"]] if found["name"] == name else ()


def _without_content(file: KeptFile, addresses: Mapping[str, str]) -> dict[str, object]:
    said = {f.name: getattr(file, f.name) for f in fields(file) if f.name != "content"}
    return {**said, "address": addresses.get(file.path, "")}
