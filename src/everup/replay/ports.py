"""The doors of a loop that is replayed: the recording's clock, a journal in memory, and no world.

Flows in: what the loop writes. Flows out: the same, told to whoever listens. Anything that would
touch the world raises: replay never gets there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, NoReturn

from everup.loop.fold import fold_all
from everup.loop.ports import ActionRecord
from everup.model.entries import Entry
from everup.model.errors import GiveUp
from everup.model.incident import Incident
from everup.model.kinds import ProbeVerdict
from everup.model.observation import HostObservation, ProbeResult
from everup.model.runtime import Listing, RuntimeEvent, RuntimeManifest
from everup.model.state import StackState

NO_WORLD = "this is a replay: there is no world to touch"


class RowClock:
    """Stands where the row is."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        """Nobody waits in a replay."""


class RowIds:
    """`pre-1`, `inc-2`: counted, so that a replay repeats bit for bit."""

    def __init__(self) -> None:
        self._count = 0

    def new(self, prefix: str) -> str:
        """The next one."""
        self._count += 1
        return f"{prefix}-{self._count}"


class RowJournal:
    """Folds what is written, and tells it. It outlives a restart of the recorded Everup."""

    def __init__(self, told: Callable[[Entry], None]) -> None:
        self._told = told
        self._state = StackState()
        self.is_fact = False

    async def open(self, stack: str, holder: str) -> int:
        """It is ours."""
        return 1

    async def append(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """Fold, and tell what is not a fact of the recording."""
        self._state = fold_all(self._state, entries)
        for entry in () if self.is_fact else entries:
            self._told(entry)

    async def begin(self, entries: Sequence[Entry], fence: int, *, batch_id: str = "") -> None:
        """No action is begun in a replay.

        Raises:
            GiveUp: always.
        """
        raise GiveUp(NO_WORLD)

    async def load(self) -> StackState:
        """What was folded."""
        return self._state

    async def incidents(self, **_: Any) -> Sequence[Incident]:
        """Not kept as such."""
        return ()

    async def incident(self, incident_id: str) -> Incident | None:
        """Not kept as such."""
        return self._state.incidents.get(incident_id)

    async def actions(self, **_: Any) -> Sequence[ActionRecord]:
        """Not kept as such."""
        return ()

    async def action(self, action_id: str) -> ActionRecord | None:
        """Not kept as such."""
        return None

    async def entries(self, **_: Any) -> Sequence[tuple[int, str, Entry]]:
        """Not kept: whoever wants them is told."""
        return ()

    async def verify_chain(self) -> str:
        """There is no chain."""
        return ""

    async def prune(self, fence: int, *, before_s: float, bytes_most: float) -> bool:
        """Nothing to prune."""
        return False

    async def close(self) -> None:
        """Nothing is held."""


class NoRuntime:
    """Can what the stack's own runtime can, by its manifest, and is never asked."""

    def __init__(self, manifest: RuntimeManifest) -> None:
        self.manifest = manifest

    def __getattr__(self, name: str) -> Callable[..., NoReturn]:
        def refuse(*_: object, **__: object) -> NoReturn:
            raise GiveUp(f"{name}: {NO_WORLD}")

        return refuse

    async def list(self) -> Listing:
        """Nothing."""
        return Listing(0.0, ())

    async def watch(self) -> AsyncIterator[RuntimeEvent]:
        """Nothing happens."""
        nothing: tuple[RuntimeEvent, ...] = ()
        for event in nothing:
            yield event

    async def close(self, *, stop_services: bool = False) -> None:
        """Nothing is held."""


class NoProber:
    """Nobody is asked."""

    async def probe(self, *_: object) -> ProbeResult:
        """Nobody knows."""
        return ProbeResult(ProbeVerdict.UNKNOWN, 0.0)

    async def busy(self, *_: object) -> None:
        """Nobody knows."""

    async def close(self) -> None:
        """Nothing is held."""


class NoHost:
    """No machine."""

    async def host(self) -> HostObservation:
        """Unknown."""
        return HostObservation()

    async def canaries(self, timeout_s: float) -> Sequence[str]:
        """None sings."""
        return ()

    def freezes(self) -> Mapping[str, str]:
        """None."""
        return {}

    async def close(self) -> None:
        """Nothing is held."""
