"""What the API needs of a running engine, as a protocol, so that tests can offer a small one.

`everup.app.Engine` and `everup.loop.control.Control` have these attributes. Read-only here: the
only way to change anything is `Control.request`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Protocol

from fastapi import Depends, Request

from everup.loop.look import Decision
from everup.loop.mishaps import Mishaps
from everup.loop.ports import ActionRecord
from everup.loop.restores import RestoreAnswer, RestoreWish
from everup.loop.rooms import RoomCounts
from everup.loop.scaler import Scaler
from everup.loop.sleep import Sleep
from everup.model.anomaly import AnomalyNow, InputFlaw
from everup.model.assessment import Assessment
from everup.model.breaker import BreakerAnswer, BreakerView, CallOutcome, EdgeName
from everup.model.comparison import Change
from everup.model.decision import Verdict
from everup.model.edges import KnownEdge
from everup.model.entries import Entry
from everup.model.explanation import KindAnswer
from everup.model.incident import Incident
from everup.model.learned import Craft, ModelCard
from everup.model.mitigation import Mitigations
from everup.model.observation import Observation
from everup.model.request import Answer
from everup.model.request import Request as Wish
from everup.model.restore import NothingToDo, RestorePlan, RestoreRefusal, RestoreTarget
from everup.model.runtime import RuntimeManifest
from everup.model.settings import Settings
from everup.model.snapshot import Checked, Snapshot
from everup.model.stack import Dependency, Stack
from everup.model.state import Memory, StackState
from everup.model.tuning import Knob


class LookView(Protocol):
    """The latest completed look."""

    @property
    def at_s(self) -> float: ...
    @property
    def observation(self) -> Observation: ...
    @property
    def assessment(self) -> Assessment: ...
    @property
    def decisions(self) -> Sequence[Decision]: ...


class RuntimeView(Protocol):
    """What is told of the runtime: nothing is asked of it."""

    @property
    def manifest(self) -> RuntimeManifest: ...


class JournalView(Protocol):
    """The reading half of `loop.ports.Journal`. Every method raises `JournalUnavailable`."""

    async def incidents(
        self,
        *,
        limit: int = 100,
        before: str | None = None,
        state: str | None = None,
        service: str | None = None,
    ) -> Sequence[Incident]: ...

    async def incident(self, incident_id: str) -> Incident | None: ...

    async def actions(
        self, *, limit: int = 100, before: str | None = None, service: str | None = None
    ) -> Sequence[ActionRecord]: ...

    async def action(self, action_id: str) -> ActionRecord | None: ...

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> Sequence[tuple[int, str, Entry]]: ...


class SnapshotsView(Protocol):
    """What is kept of the whole stack."""

    fault: str
    kept: tuple[int, int]

    def why_not(self) -> str: ...

    def ask(self, by: str, note: str, *, with_dumps: bool) -> asyncio.Task[Snapshot]: ...

    async def get(self, snapshot_id: str) -> Snapshot | None: ...

    async def verify(self, by: str) -> Checked: ...


class BreakersView(Protocol):
    """The breakers of critical dependencies."""

    @property
    def edges(self) -> Mapping[EdgeName, Dependency]: ...

    def views(self) -> list[BreakerView]: ...

    def view(self, edge: EdgeName) -> BreakerView: ...


class MitigationsView(Protocol):
    """What would keep a failure from spreading."""

    @property
    def latest(self) -> Mitigations: ...
    @property
    def standing(self) -> Mapping[str, str]: ...


class ModelsView(Protocol):
    """Models: who serves, and training."""

    @property
    def under_way(self) -> Craft | None: ...
    @property
    def faults(self) -> Mapping[Craft, str]: ...

    def why_not(self) -> str: ...

    def due_s(self, craft: Craft) -> float: ...

    def drifted(self, craft: Craft) -> str: ...

    def ask(self, craft: Craft, by: str) -> None: ...

    async def give_back(
        self, craft: Craft, version: str, by: str, reason: str
    ) -> ModelCard | None: ...


class AnomaliesView(Protocol):
    """How unusual each service is."""

    @property
    def is_living_through(self) -> bool: ...
    @property
    def fault(self) -> str: ...
    @property
    def counts(self) -> Mapping[tuple[str, str], int]: ...

    def now(self) -> Mapping[str, AnomalyNow]: ...

    def flaws(self) -> Sequence[InputFlaw]: ...


class TuningView(Protocol):
    """What is learned from how predictions ended."""

    async def take_back(self, knob: Knob, by: str, reason: str) -> bool: ...


class EdgesView(Protocol):
    """What was seen of the edges."""

    @property
    def unseen(self) -> Mapping[str, str]: ...
    @property
    def fault(self) -> str: ...

    def known(self, state: StackState) -> Mapping[str, Mapping[str, KnownEdge]]: ...


class ControlView(Protocol):
    """One stack's loop."""

    @property
    def stack(self) -> Stack: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def runtime(self) -> RuntimeView: ...
    @property
    def journal(self) -> JournalView: ...
    @property
    def state(self) -> StackState: ...
    @property
    def memory(self) -> Memory: ...
    @property
    def look(self) -> LookView | None: ...
    @property
    def journal_fault(self) -> str: ...
    @property
    def halted(self) -> str: ...
    @property
    def journal_queue(self) -> tuple[int, int]: ...
    @property
    def mishaps(self) -> Mishaps: ...
    @property
    def counts(self) -> RoomCounts: ...
    @property
    def snapshots(self) -> SnapshotsView: ...
    @property
    def breakers(self) -> BreakersView: ...
    @property
    def edges(self) -> EdgesView: ...
    @property
    def mitigations(self) -> MitigationsView: ...
    @property
    def models(self) -> ModelsView: ...
    @property
    def anomalies(self) -> AnomaliesView: ...
    @property
    def tuning(self) -> TuningView: ...
    @property
    def scaler(self) -> Scaler: ...
    @property
    def sleep(self) -> Sleep: ...
    @property
    def queue_faults(self) -> Mapping[str, str]: ...

    async def request(self, request: Wish) -> Answer: ...

    async def ask_breaker(self, edge: EdgeName) -> BreakerAnswer: ...

    async def tell_breaker(
        self, edge: EdgeName, outcomes: Sequence[CallOutcome], trial: str
    ) -> BreakerAnswer: ...

    async def close_breaker(self, edge: EdgeName, by: str, reason: str) -> BreakerAnswer: ...

    def cannot_act(self) -> str: ...

    def failing(self) -> list[str]: ...

    def mismatches(self) -> list[str]: ...

    def last_look_age_s(self) -> float: ...

    def now_s(self) -> float: ...

    async def compare(self, service: str, version: str = "") -> tuple[str, Sequence[str]]: ...

    async def plan_restore(
        self, target: RestoreTarget
    ) -> RestorePlan | NothingToDo | tuple[RestoreRefusal, ...]: ...

    async def restore(self, wish: RestoreWish) -> RestoreAnswer: ...

    async def undo_restore(self, restore_id: str, by: str, reason: str) -> Answer: ...

    async def snapshot(self, snapshot_id: str) -> Snapshot | None: ...

    async def compare_snapshots(self, first: str, second: str) -> Sequence[Change]: ...

    def kinds(self, service: str) -> Sequence[KindAnswer]: ...

    def but_for_the_mode(self, decision: Decision) -> Verdict | None: ...


class EngineView(Protocol):
    """The engine."""

    @property
    def control(self) -> ControlView: ...


def _control(request: Request) -> ControlView:
    control: ControlView = request.app.state.engine.control
    return control


Control = Annotated[ControlView, Depends(_control)]
"""The loop that a route reads; FastAPI fills it in."""
