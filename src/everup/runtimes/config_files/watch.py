"""Looking at files again and again, in a way that a disk which hangs cannot hold anybody up.

Flows in: for each key (an instance, a service) its sources. Flows out: the latest sight of each.
Called with every listing: while nothing changes it costs a `stat` for each file, in a thread that
nobody waits for longer than a moment. While that does not come back no other one is begun, and what
was seen last stands. Threads are daemons: a dead server's disk keeps no program from ending.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from everup.model.errors import TryAgain
from everup.model.kinds import UNKNOWN
from everup.model.sums import SumKey
from everup.runtimes.config_files.look import Look, Looker, Source

WAIT_S = 0.5
READ_MOST_S = 10.0
"""How long whoever needs contents waits for them."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sight:
    """What is known of one key's files. `changed_at_s`: NaN where there is none."""

    digest: str = ""
    changed_at_s: float = UNKNOWN


NOTHING = Sight()


class Watch:
    """Use on one loop."""

    def __init__(
        self,
        now_s: Callable[[], float],
        key: SumKey,
        *,
        wait_s: float = WAIT_S,
        most_s: float = READ_MOST_S,
    ) -> None:
        self._now_s, self._wait_s, self._most_s = now_s, wait_s, most_s
        self._looker, self._lock = Looker(now_s, key), threading.Lock()
        self._sights: dict[str, Sight] = {}
        self._pass: asyncio.Future[Mapping[str, Look]] | None = None
        self._began_s = 0.0

    def of(self, key: str) -> Sight:
        """As last seen."""
        return self._sights.get(key, NOTHING)

    @property
    def hangs(self) -> bool:
        """Has a look not come back yet?"""
        return self._pass is not None and not self._pass.done()

    async def read(self, wanted: Mapping[str, Sequence[Source]]) -> None:
        """Look at all of these; those that are not named any more are forgotten."""
        for gone in self._sights.keys() - wanted.keys():
            del self._sights[gone]
        if self._pass is None and any(wanted.values()):
            asked = dict(wanted)
            self._pass = in_daemon(lambda: self._looks(asked))
            self._began_s = asyncio.get_running_loop().time()
        going = self._pass
        if going is None:
            return
        await asyncio.wait({going}, timeout=self._wait_s)
        if going.done() and self._pass is going:  # else who listed meanwhile has taken it
            self._pass = None
            for key, look in going.result().items():
                if key in wanted:
                    self._take(key, look)

    async def contents(self, key: str, sources: Sequence[Source]) -> Look:
        """All files of these with their contents.

        Raises:
            TryAgain: their disk does not answer, or one that was read before cannot be read now.
        """
        going = self._pass
        if going is not None:  # it may have begun just now
            since_s = asyncio.get_running_loop().time() - self._began_s
            await asyncio.wait({going}, timeout=max(0.0, self._most_s - since_s))
        if self.hangs:
            raise TryAgain("the disk of its configuration files does not answer")
        look = await bounded(lambda: self._contents(sources), "its configuration files")
        for file in look.files:
            if file.digest and file.content is None:
                raise TryAgain(f"{file.path}: {file.why_not}")
        self._take(key, look)
        return look

    def _contents(self, sources: Sequence[Source]) -> Look:
        with self._lock:
            return self._looker.look(sources, with_content=True)

    def _looks(self, wanted: Mapping[str, Sequence[Source]]) -> Mapping[str, Look]:
        with self._lock:
            return {key: self._looker.look(sources) for key, sources in wanted.items()}

    def _take(self, key: str, look: Look) -> None:
        """What became another set without a newer file in it (one is gone) changed just now."""
        before, changed_at_s = self._sights.get(key), look.changed_at_s
        if before is not None and before.digest != look.digest:
            if not changed_at_s > before.changed_at_s:
                changed_at_s = self._now_s()
        elif before is not None:
            changed_at_s = before.changed_at_s
        if not look.digest and before is None:
            changed_at_s = UNKNOWN
        self._sights[key] = Sight(look.digest, changed_at_s)


def in_daemon(work: Callable[[], T]) -> asyncio.Future[T]:
    """Do it in a thread of its own that ends with the program."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def tell(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:  # noqa: BLE001 - it is the waiter's
            error = raised
        try:
            loop.call_soon_threadsafe(tell, result, error)
        except RuntimeError:
            return  # the loop has ended

    threading.Thread(target=run, name="everup-config-files", daemon=True).start()
    return future


async def bounded(work: Callable[[], T], what: str, most_s: float = READ_MOST_S) -> T:
    """Do it in a thread, and wait so long. Once begun it goes on to its end.

    Raises:
        TryAgain: it takes longer, or the kernel refuses.
    """
    future = in_daemon(work)
    done, _ = await asyncio.wait({future}, timeout=most_s)
    if not done:
        raise TryAgain(f"{what} did not answer within {most_s:g} s")
    try:
        return future.result()
    except OSError as error:
        raise TryAgain(f"{what}: {error}") from error
