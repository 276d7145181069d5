"""The stack's own files, as snapshots keep them: everup.yaml, where there is one. Read-only.

Flows in: where the configuration was read from. Flows out: files with their content, bounded.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from everup.loop.gather import OwnFiles
from everup.model.runtime import KeptFile

BYTES_MOST = 1024 * 1024


def own_files(paths: Sequence[Path]) -> OwnFiles:
    """Reads these, each time anew; what is not there is left out."""

    async def read() -> Sequence[KeptFile]:
        found = await asyncio.to_thread(lambda: [_read(path) for path in paths])
        return [file for file in found if file is not None]

    return read


def _read(path: Path) -> KeptFile | None:
    try:
        with path.open("rb") as file:
            content, seen = file.read(BYTES_MOST + 1), os.fstat(file.fileno())
    except OSError:
        return None
    if len(content) > BYTES_MOST:
        why = f"over {BYTES_MOST // 1024} KiB are not kept"
        return KeptFile(str(path), why_not=why)
    digest = hashlib.sha256(content).hexdigest()
    return KeptFile(str(path), digest, content, seen.st_mode, seen.st_uid, seen.st_gid)
