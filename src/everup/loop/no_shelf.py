"""A shelf that lives as long as Everup, or as a simulation of several lives does.

It does what the one on disk does, without a disk. Called by `safe_points` and `snapshots`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from everup.model.errors import Damaged
from everup.model.runtime import Captured
from everup.model.snapshot import Checked, Harm


class NoShelf:
    """Implements `loop.ports.Shelf` for tests and simulation, whose lives share one."""

    def __init__(self) -> None:
        self._names: dict[str, tuple[str, ...]] = {}
        self._captured: dict[str, Captured] = {}
        self._content: dict[str, bytes] = {}

    async def put(self, name: str, captured: Captured) -> None:
        """Keep it."""
        address, files = await self.keep(captured)
        self._names[name] = (address, *files.values())

    async def get(self, name: str) -> Captured | None:
        """What was put."""
        objects = self._names.get(name)
        return None if objects is None else await self.at(objects[0])

    async def remove(self, name: str) -> None:
        """Forget it."""
        self._names.pop(name, None)

    async def names(self) -> Sequence[str]:
        """Of all that is wanted."""
        return tuple(self._names)

    async def keep(self, captured: Captured) -> tuple[str, Mapping[str, str]]:
        """Its address, and those of its files."""
        files = {
            file.path: await self.write(file.content, is_secret=True)
            for file in captured.files
            if file.content is not None
        }
        said = (captured.content, captured.version, captured.image, captured.title)
        address = hashlib.sha256(repr((captured, said)).encode()).hexdigest()
        self._captured[address] = captured
        return address, files

    async def at(self, address: str) -> Captured:
        """What was kept."""
        found = self._captured.get(address)
        if found is None:
            raise Damaged(f"object {address} is missing", address)
        return found

    async def write(self, content: bytes, *, is_secret: bool) -> str:
        """Any content."""
        address = hashlib.sha256(content).hexdigest()
        self._content[address] = content
        return address

    async def read(self, address: str) -> bytes:
        """Of any content."""
        found = self._content.get(address)
        if found is None:
            raise Damaged(f"object {address} is missing", address)
        return found

    async def verify(self, users: Mapping[str, Sequence[str]]) -> Checked:
        """What is wanted and not there."""
        there = {**self._captured, **self._content}
        gone = [Harm(a, "missing", tuple(who)) for a, who in users.items() if a not in there]
        return Checked(len(there), await self._bytes(), tuple(gone))

    async def sweep(self, wanted: Collection[str]) -> int:
        """Forget what nobody wants."""
        before = await self._bytes()
        found = {*wanted, *(one for objects in self._names.values() for one in objects)}
        self._captured = {a: c for a, c in self._captured.items() if a in found}
        self._content = {a: c for a, c in self._content.items() if a in found}
        return before - await self._bytes()

    async def size(self) -> tuple[int, int]:
        """Objects, and the bytes of those that are bytes."""
        return len(self._captured) + len(self._content), await self._bytes()

    async def _bytes(self) -> int:
        return sum(len(content) for content in self._content.values())
