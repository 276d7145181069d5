"""`loop.ports.Trainer` as a worker process at the lowest priority, ended when its time is over.

Flows in: an order, and the past of its services in pieces. Flows out: a challenger with its
exam. The process that serves imports nothing of what the worker needs: it only asks whether it is
installed.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from everup.model.errors import GiveUp, TryAgain
from everup.model.history import Columns
from everup.model.learned import Trained, TrainingOrder
from everup.training import folder as place

MODEL_BYTES_MOST = 64 * 1024 * 1024
SAID_BYTES_MOST = 4000
AGAIN_S = 3600.0
FREE_LEAST_BYTES = 512 * 1024 * 1024
"""So much stays free on the disk, whatever there is to learn from."""
PREFIX = "everup-training-"
LEFT_AFTER_S = 86_400.0
"""A folder this old is of a life that was killed: no worker has so much time."""
NEEDED = ("sklearn", "joblib")
NEEDED_BY_CLUSTER = ("dask", "distributed")


class ProcessTrainer:
    """One worker per order. `scratch`: where its folder is made, and where those of killed lives
    are taken away; the system's own if None. `cluster`: address of a Dask scheduler that the worker
    has its work done by."""

    def __init__(self, scratch: Path | None = None, *, cluster: str = "") -> None:
        self._scratch, self._cluster = scratch, cluster
        self._needed = NEEDED if not cluster else (*NEEDED, *NEEDED_BY_CLUSTER)
        self._why_not: str | None = None

    def why_not(self) -> str:
        """Found out once."""
        if self._why_not is None:
            lacking = [name for name in self._needed if importlib.util.find_spec(name) is None]
            extras = "train,cluster" if self._cluster else "train"
            self._why_not = (
                f"{' and '.join(lacking)} are not installed: pip install 'everup[{extras}]'"
                if lacking
                else ""
            )
        return self._why_not

    async def train(self, order: TrainingOrder, columns: AsyncIterator[Columns]) -> Trained:
        """See the port.

        Raises:
            GiveUp: from this past nothing can be learned.
            TryAgain: it took too long, was ended from outside, or has no room for the past.
        """
        if why := self.why_not():
            raise GiveUp(why)
        begun_s = time.monotonic()
        if self._scratch is not None:
            await asyncio.to_thread(_make_room, self._scratch)
        with tempfile.TemporaryDirectory(
            prefix=PREFIX, dir=self._scratch, ignore_cleanup_errors=True
        ) as made:
            folder = Path(made)
            try:
                async with asyncio.timeout(order.time_most_s):
                    await asyncio.to_thread(place.put_order, folder, order)
                    number = {name: index for index, name in enumerate(order.services)}
                    async for one in columns:
                        await asyncio.to_thread(_put_past, folder, number[one.service], one)
                    await self._work(folder)
            except TimeoutError:
                text = f"training took longer than {order.time_most_s:g} s and was ended"
                raise TryAgain(text, AGAIN_S) from None
            found = await asyncio.to_thread(_result, folder)
        return replace(found, took_s=time.monotonic() - begun_s)

    async def _work(self, folder: Path) -> None:
        command = [sys.executable, "-P", "-m", "everup.training", "--for", str(os.getpid())]
        if self._cluster:
            command += ["--cluster", self._cluster]
        command.append(str(folder))
        said = await asyncio.to_thread(open, folder / "said", "w+b")
        with said:
            worker = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            )
            try:
                code = await worker.wait()
            except BaseException:
                _end(worker.pid)
                await asyncio.shield(worker.wait())
                raise
            if code:
                said.seek(0)
                words = said.read()[-SAID_BYTES_MOST:].decode(errors="replace").strip()
                last = words.rpartition("\n")[2] or "it said nothing"
                raise TryAgain(f"the worker ended with {code}: {last}", AGAIN_S)


def _put_past(folder: Path, index: int, columns: Columns) -> None:
    """While there is room: the journal may stand on the same disk, and is worth more."""
    free = shutil.disk_usage(folder).free
    if free - columns.times_s.nbytes * (1 + len(columns.values)) < FREE_LEAST_BYTES:
        raise TryAgain(f"{free / 2**20:.0f} MiB are free where the past would be put", AGAIN_S)
    place.put_past(folder, index, columns)


def _make_room(scratch: Path) -> None:
    """The place itself, without what killed lives left there."""
    scratch.mkdir(parents=True, exist_ok=True)
    for left in scratch.glob(f"{PREFIX}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > LEFT_AFTER_S:
                shutil.rmtree(left, ignore_errors=True)


def _end(session: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(session, signal.SIGKILL)


def _result(folder: Path) -> Trained:
    try:
        found = place.get_result(folder, model_bytes_most=MODEL_BYTES_MOST)
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise TryAgain(f"the worker's answer cannot be read: {error}", AGAIN_S) from error
    if isinstance(found, str):
        raise GiveUp(found)
    return found
