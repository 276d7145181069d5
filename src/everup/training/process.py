"""`loop.ports.Trainer` as a worker process at the lowest priority, ended when its time is over.

Flows in: an order, and the past of one service after the other. Flows out: a challenger with its
exam. The process that serves imports nothing of what the worker needs: it only asks whether it is
installed.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
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
NEEDED = ("sklearn", "joblib")
NEEDED_BY_CLUSTER = ("dask", "distributed")


class ProcessTrainer:
    """One worker per order. `scratch`: where its folder is made; the system's own if None.
    `cluster`: address of a Dask scheduler that the worker has its work done by."""

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
            TryAgain: it took too long, or was ended from outside.
        """
        if why := self.why_not():
            raise GiveUp(why)
        begun_s = time.monotonic()
        with tempfile.TemporaryDirectory(
            prefix="everup-training-", dir=self._scratch, ignore_cleanup_errors=True
        ) as made:
            folder = Path(made)
            try:
                async with asyncio.timeout(order.time_most_s):
                    await asyncio.to_thread(place.put_order, folder, order)
                    index = 0
                    async for one in columns:
                        await asyncio.to_thread(place.put_past, folder, index, one)
                        index += 1
                    await self._work(folder)
            except TimeoutError:
                text = f"training took longer than {order.time_most_s:g} s and was ended"
                raise TryAgain(text, AGAIN_S) from None
            found = await asyncio.to_thread(_result, folder)
        return replace(found, took_s=time.monotonic() - begun_s)

    async def _work(self, folder: Path) -> None:
        command = [sys.executable, "-P", "-m", "everup.training", str(folder)]
        if self._cluster:
            command += ["--cluster", self._cluster]
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
