"""The bytes of models, by their SHA-256, in a folder of their own. They hold no secrets.

Flows in: content. Flows out: its address, and the content again if it is as it was put there.
`loop.models` puts and asks; what nobody wants any more is swept.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, TypeVar

from everup.blobs.files import read_bounded, write_whole
from everup.model.errors import Damaged, GiveUp, TryAgain

MODEL_BYTES_MOST = 64 * 1024 * 1024
ANSWER_MOST_S = 30.0
ENDING = ".model"
T = TypeVar("T")
_ADDRESS = re.compile(r"[0-9a-f]{64}")


class ModelFolder:
    """`loop.ports.ModelShelf` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def write(self, content: bytes) -> str:
        """Keep it; its address.

        Raises:
            GiveUp: it is larger than any model may be.
            TryAgain: the disk does not take it, or not in time.
        """
        if len(content) > MODEL_BYTES_MOST:
            raise GiveUp(f"a model has at most {MODEL_BYTES_MOST} bytes, this has {len(content)}")
        address = hashlib.sha256(content).hexdigest()
        await self._in_thread(write_whole, self._path(address), content)
        return address

    async def read(self, address: str) -> bytes:
        """What was written there.

        Raises:
            Damaged: it is missing, or not what was put there.
            TryAgain: the disk does not answer, or not in time.
        """
        if not _ADDRESS.fullmatch(address):
            raise Damaged(f"{address!r} is no address of a model", address)
        content = await self._in_thread(read_bounded, self._path(address), MODEL_BYTES_MOST)
        if content is None:
            raise Damaged(f"model {address[:10]} is missing", address)
        if hashlib.sha256(content).hexdigest() != address:
            raise Damaged(f"model {address[:10]} is not as it was put there", address)
        return content

    async def sweep(self, wanted: Collection[str]) -> int:
        """Take away all others; how many went."""
        return await self._in_thread(self._sweep, frozenset(wanted))

    def _sweep(self, wanted: frozenset[str]) -> int:
        gone = 0
        for path in self._folder.glob(f"*{ENDING}*"):
            if path.name.partition(".")[0] not in wanted or not path.name.endswith(ENDING):
                path.unlink(missing_ok=True)
                gone += 1
        return gone

    def _path(self, address: str) -> Path:
        return self._folder / f"{address}{ENDING}"

    @staticmethod
    async def _in_thread(work: Callable[..., T], *given: Any) -> T:
        try:
            return await asyncio.wait_for(asyncio.to_thread(work, *given), ANSWER_MOST_S)
        except TimeoutError:
            raise TryAgain(f"the models' folder gave no answer in {ANSWER_MOST_S:g} s") from None
        except OSError as error:
            raise TryAgain(f"the models' folder: {error.strerror or error}") from error
