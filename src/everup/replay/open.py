"""Opens whatever was given as a recording, by what it looks like."""

from __future__ import annotations

import asyncio
from pathlib import Path

from everup.replay.errors import BadRecording
from everup.replay.mapping import Mapped, read_mapping
from everup.replay.own import is_own, open_own
from everup.replay.prometheus import holds_answers, open_prometheus
from everup.replay.recording import Recording
from everup.replay.tables import open_csv, open_parquet

KINDS = (
    "a state folder of Everup, a folder or file of Prometheus range data (.json), "
    "a .csv or a .parquet file"
)


async def open_recording(
    path: Path, mapping: Path | None = None, *, last_s: float = float("inf")
) -> Recording:
    """The recording, of its last `last_s` seconds.

    Raises:
        BadRecording: it is none, or something in it is wrong; with the fix.
    """
    if not await asyncio.to_thread(path.exists):
        raise BadRecording(path, "", "", "is not there", f"give {KINDS}")
    found = await _open(path, mapping, float("-inf"))
    since_s = found.end_s - last_s
    return found if found.begin_s >= since_s else await _open(path, mapping, since_s)


async def _open(path: Path, mapping: Path | None, since_s: float) -> Recording:
    until_s = float("inf")
    if is_own(path):
        return await open_own(path, since_s, until_s)
    mapped = Mapped() if mapping is None else read_mapping(mapping)
    suffix = path.suffix.lower()
    if suffix == ".csv":
        return open_csv(path, mapped, since_s, until_s)
    if suffix in (".parquet", ".pq"):
        return open_parquet(path, mapped, since_s, until_s)
    if suffix == ".json" or holds_answers(path):
        return open_prometheus(path, mapped, since_s, until_s)
    raise BadRecording(path, "", "", "is no recording that is known", f"give {KINDS}")
