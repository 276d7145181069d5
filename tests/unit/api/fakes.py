"""A small engine with everything that the API reads, and a memory of what was asked of it."""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from everup.loop.anomalies import Anomalies
from everup.loop.breakers import Breakers
from everup.loop.look import Decision, Look
from everup.loop.mishaps import Mishaps
from everup.loop.mitigations import Containment
from everup.loop.ports import ActionRecord
from everup.loop.restores import RestoreAnswer, RestoreWish
from everup.loop.rooms import RoomCounts
from everup.loop.scaler import Scaler
from everup.loop.sleep import Sleep
from everup.model import decision as d
from everup.model.assessment import (
    Assessment,
    Contribution,
    Finding,
    OwnHealth,
    Relations,
    ServiceHealth,
)
from everup.model.breaker import BreakerAnswer, CallOutcome, EdgeName
from everup.model.comparison import Aspect, Change
from everup.model.edges import KnownEdge
from everup.model.entries import Entry, IncidentOpened
from everup.model.errors import GiveUp, JournalUnavailable
from everup.model.evidence import Sighting
from everup.model.explanation import KindAnswer, KindState, Remedy, Said, Way
from everup.model.incident import Attempt, Incident
from everup.model.kinds import UNKNOWN, ActionKind, Cause, Condition, Mode, Origin
from everup.model.learned import Craft, ModelCard
from everup.model.request import Answer, AnswerState, Request, Verb
from everup.model.restore import NothingToDo, RestorePlan, RestoreRefusal, RestoreTarget
from everup.model.runtime import Capability, RuntimeManifest
from everup.model.settings import Settings
from everup.model.snapshot import (
    Checked,
    Harm,
    ServiceSnapshot,
    Snapshot,
    SnapshotMark,
    SnapshotReason,
)
from everup.model.stack import Dependency, ServiceSpec, Stack
from everup.model.state import Freeze, Memory, StackState
from everup.model.tuning import Knob

NAN = math.nan
STACK = Stack(
    "shop",
    {
        "redis": ServiceSpec("redis", is_stateful=True, priority=10),
        "api": ServiceSpec("api", depends_on=(Dependency("redis", is_critical=True),)),
        "quiet": ServiceSpec("quiet"),
    },
    mode=Mode.AUTO,
)
INCIDENT = Incident(
    "inc-1",
    "redis",
    Cause.HANG,
    "does not answer",
    100.0,
    victims=("api",),
    attempts=(Attempt("act-1", ActionKind.GRACEFUL_RESTART, 101.0, "passed"),),
)
ACTION = ActionRecord(
    id="act-1",
    service="redis",
    kind="graceful_restart",
    origin="recovery",
    cause="hang",
    reason="does not answer",
    by="everup",
    incident_id="inc-1",
    intended_at_s=101.0,
    state="verified",
    parameters={},
    finished_at_s=102.0,
    outcome="done",
    ended_at_s=112.0,
    verdict="three probes in a row",
    before=Sighting(101.0, NAN, "unhealthy", {"redis-1": "a"}, dependents={"api": NAN}),
    after=Sighting(112.0, 1.0, "healthy", {"redis-1": "b"}),
    during=("stopped",),
)


def look() -> Look:
    """redis hangs, api suffers, and nothing is known of quiet."""
    health = {
        "redis": ServiceHealth(
            "redis", 0.1, Condition.UNHEALTHY, (Contribution("probe", NAN, 0.9, "no answer"),)
        ),
        "api": ServiceHealth("api", 0.5, Condition.DEGRADED),
        "quiet": ServiceHealth("quiet", NAN, Condition.UNKNOWN),
    }
    finding = Finding("redis", Cause.HANG, "does not answer", NAN, 0.1)
    victim = Finding(
        "api", Cause.DEPENDENCY_DOWN, "redis hangs", 99.0, 0.5, explained_by=("redis",)
    )
    relations = Relations(
        {"redis": 0.1, "api": 0.05, "quiet": NAN},
        {"redis": finding, "api": victim},
        ("redis",),
        {"api": ("redis",)},
    )
    steps = (d.Step(ActionKind.GRACEFUL_RESTART, "redis"),)
    proposal = d.Proposal(
        "k1",
        Origin.RECOVERY,
        "redis",
        Cause.HANG,
        steps,
        "hung",
        d.Expectation("redis", 90.0, dependents_before={"api": NAN}),
    )
    verdict = d.Delayed(d.Check.COOLDOWN, "restarted 20 s ago", 400.0)
    hold = d.Hold("api", d.HoldReason.VICTIM, "redis explains it")
    decisions = (
        Decision("redis", proposal=proposal, verdict=verdict),
        Decision("api", hold=hold),
        Decision("quiet", escalate=d.Escalate("quiet", Cause.CRASH_LOOP, "look at its logs")),
    )
    return Look(110.0, assessment=Assessment(OwnHealth(health), relations), decisions=decisions)


@dataclass
class FakeJournal:
    """One incident, one action; `fault` makes every call fail."""

    records: dict[str, ActionRecord] = field(default_factory=lambda: {"act-1": ACTION})
    fault: str = ""

    def _check(self) -> None:
        if self.fault:
            raise JournalUnavailable(self.fault)

    async def incidents(
        self,
        *,
        limit: int = 100,
        before: str | None = None,
        state: str | None = None,
        service: str | None = None,
    ) -> list[Incident]:
        self._check()
        return [] if before or state not in (None, "open") or service == "api" else [INCIDENT]

    async def incident(self, incident_id: str) -> Incident | None:
        self._check()
        return INCIDENT if incident_id == INCIDENT.id else None

    async def actions(
        self, *, limit: int = 100, before: str | None = None, service: str | None = None
    ) -> list[ActionRecord]:
        self._check()
        if before:
            return []
        found = [r for r in self.records.values() if service in (None, r.service)]
        return sorted(found, key=lambda r: r.intended_at_s, reverse=True)[:limit]

    async def action(self, action_id: str) -> ActionRecord | None:
        self._check()
        return self.records.get(action_id)

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> list[tuple[int, str, Entry]]:
        self._check()
        opened = IncidentOpened(100.0, "inc-1", "redis", Cause.HANG, "does not answer", ("api",))
        return [] if after else [(1, "abc", opened)]


class FakeRuntime:
    """Says what it can do."""

    manifest = RuntimeManifest(
        "fake",
        frozenset({Capability.LIST, Capability.START}),
        why_not={Capability.ISOLATE: "nothing to cut"},
    )


KEPT = Snapshot(
    *("snap-1", "shop", 90.0, SnapshotReason.SCHEDULE, "everup"),
    services={
        "api": ServiceSnapshot(
            *("api", "1:a", "shop/api:1 (4f1c9e2ab3d0)", "ab" * 32, "sha256:4f", "everup-kept:1"),
            instances=2,
            files={"/etc/api.conf": "cd" * 32},
        ),
        "redis": ServiceSnapshot("redis", missing="it was not read in time"),
    },
    files={"/srv/everup.yaml": "ef" * 32},
    digest="12" * 32,
)
MARK = SnapshotMark(
    *("snap-1", 90.0, SnapshotReason.SCHEDULE, "everup", "12" * 32),
    versions={"api": "1:a"},
    images={"sha256:4f": NAN},
    missing=("redis",),
)
HARM = Harm("ab" * 32, "damaged", ("snap-1: the configuration of api",))


@dataclass
class FakeSnapshots:
    """One snapshot, which is damaged; `no`: none can be taken."""

    no: str = ""
    fault: str = ""
    kept: tuple[int, int] = (3, 4096)
    asked: list[tuple[str, str, bool]] = field(default_factory=list)
    takes_s: float = 0.0
    more: dict[str, Snapshot] = field(default_factory=dict)

    def why_not(self) -> str:
        return self.no

    def ask(self, by: str, note: str, *, with_dumps: bool) -> asyncio.Task[Snapshot]:
        if self.no:
            raise GiveUp(self.no)
        self.asked.append((by, note, with_dumps))
        return asyncio.create_task(self._take())

    async def _take(self) -> Snapshot:
        await asyncio.sleep(self.takes_s)
        return KEPT

    async def get(self, snapshot_id: str) -> Snapshot | None:
        return KEPT if snapshot_id == KEPT.id else self.more.get(snapshot_id)

    async def verify(self, by: str) -> Checked:
        return Checked(3, 4096, (HARM,), ("mark",))


class FakeClock:
    """Stands still, unless a test moves it."""

    now_s = 111.0

    def now(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FakeIds:
    """Counts."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}-{next(self._numbers)}"


@dataclass
class FakeEdges:
    """Nobody has seen any."""

    unseen: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""

    def known(self, state: StackState) -> Mapping[str, Mapping[str, KnownEdge]]:
        return state.edges


@dataclass
class FakeModels:
    """Trains nothing, and says so."""

    under_way: Craft | None = None
    faults: Mapping[Craft, str] = field(default_factory=dict)
    asked: list[Craft] = field(default_factory=list)
    given_back: list[tuple[Craft, str]] = field(default_factory=list)
    cannot: str = ""
    drift: str = ""

    def why_not(self) -> str:
        return self.cannot

    def due_s(self, craft: Craft) -> float:
        return UNKNOWN

    def drifted(self, craft: Craft) -> str:
        return self.drift if craft is Craft.ANOMALY else ""

    def ask(self, craft: Craft, by: str) -> None:
        if self.cannot:
            raise GiveUp(self.cannot)
        self.asked.append(craft)

    async def give_back(self, craft: Craft, version: str, by: str, reason: str) -> ModelCard | None:
        if version == "none":
            raise GiveUp(f"there is no model {version} of {craft}")
        self.given_back.append((craft, version))
        return None


@dataclass
class FakeTuning:
    """Takes back what it is asked to, once."""

    taken_back: list[Knob] = field(default_factory=list)

    async def take_back(self, knob: Knob, by: str, reason: str) -> bool:
        is_new = knob not in self.taken_back
        self.taken_back.append(knob)
        return is_new


@dataclass
class FakeControl:
    """Answers wishes as `answers` says and remembers them."""

    stack: Stack = STACK
    settings: Settings = field(default_factory=Settings)
    runtime: FakeRuntime = field(default_factory=FakeRuntime)
    journal: FakeJournal = field(default_factory=FakeJournal)
    state: StackState = field(default_factory=lambda: StackState(snapshots=(MARK,)))
    snapshots: FakeSnapshots = field(default_factory=FakeSnapshots)
    edges: FakeEdges = field(default_factory=lambda: FakeEdges())
    models: FakeModels = field(default_factory=FakeModels)
    anomalies: Anomalies = field(init=False)
    tuning: FakeTuning = field(default_factory=FakeTuning)
    scaler: Scaler = field(init=False)
    sleep: Sleep = field(default_factory=Sleep)
    queue_faults: dict[str, str] = field(default_factory=dict)
    memory: Memory = field(default_factory=lambda: Memory(looks=7))
    look: Look | None = field(default_factory=look)
    breakers: Breakers = field(init=False)
    mitigations: Containment = field(default_factory=Containment)
    written: list[Entry] = field(default_factory=list)
    journal_fault: str = ""
    counts: RoomCounts = field(default_factory=RoomCounts)
    age_s: float = 1.0
    halted: str = ""
    differs: list[str] = field(default_factory=list)
    journal_queue: tuple[int, int] = (0, 0)
    mishaps: Mishaps = field(default_factory=lambda: Mishaps(1e12))
    asked: list[Request] = field(default_factory=list)
    answers: dict[Verb, Answer] = field(default_factory=dict)
    fails_with: Exception | None = None
    plans: dict[tuple[str, ...], RestorePlan] = field(default_factory=dict)  # by services
    wishes: list[RestoreWish] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.anomalies = Anomalies(self.stack, self.settings)
        self.scaler = Scaler(self.stack, self.settings)
        self.breakers = Breakers(self.stack, self.settings, FakeClock(), FakeIds())

    async def write(self, entries: list[Entry]) -> None:
        self.written += entries

    async def ask_breaker(self, edge: EdgeName) -> BreakerAnswer:
        return await self.breakers.ask(cast(Any, self), edge)

    async def tell_breaker(
        self, edge: EdgeName, outcomes: Sequence[CallOutcome], trial: str
    ) -> BreakerAnswer:
        return await self.breakers.hear(cast(Any, self), edge, outcomes, trial)

    async def close_breaker(self, edge: EdgeName, by: str, reason: str) -> BreakerAnswer:
        return await self.breakers.close(cast(Any, self), edge, by, reason)

    async def request(self, request: Request) -> Answer:
        self.asked.append(request)
        if self.fails_with is not None:
            raise self.fails_with
        if request.verb in self.answers:
            return self.answers[request.verb]
        freezes = dict(self.state.freezes)
        if request.verb is Verb.FREEZE:
            until = NAN if request.for_s is None else 110.0 + request.for_s
            freezes[request.service] = Freeze(
                request.service, request.reason, request.by, 110.0, until
            )
        if request.verb is Verb.UNFREEZE:
            freezes.pop(request.service, None)
        if request.verb in (Verb.FREEZE, Verb.UNFREEZE, Verb.RELEASE):
            self.state = replace(self.state, freezes=freezes)
            return Answer(AnswerState.DONE, f"{request.verb} done")
        return Answer(AnswerState.ACCEPTED, "begun", action_id="act-1")

    def cannot_act(self) -> str:
        return self.halted or self.journal_fault or self.mishaps.why_not_act(0.0)

    def mismatches(self) -> list[str]:
        return self.differs

    def failing(self) -> list[str]:
        return [mishap.text for mishap in self.mishaps.present(0.0)]

    def last_look_age_s(self) -> float:
        return self.age_s

    def now_s(self) -> float:
        return 111.0

    async def plan_restore(
        self, target: RestoreTarget
    ) -> RestorePlan | NothingToDo | tuple[RestoreRefusal, ...]:
        return self.plans.get(tuple(target.services), NothingToDo(target))

    async def restore(self, wish: RestoreWish) -> RestoreAnswer:
        self.wishes.append(wish)
        plan = await self.plan_restore(wish.target)
        if not isinstance(plan, RestorePlan):
            return RestoreAnswer(Answer(AnswerState.DONE, "nothing to restore"))
        if plan.refusals:
            first = plan.refusals[0]
            no = Answer(AnswerState.REFUSED, first.reason, check=first.name)
            return RestoreAnswer(no, plan)
        return RestoreAnswer(Answer(AnswerState.ACCEPTED, "begun as res-1"), plan, "res-1")

    async def undo_restore(self, restore_id: str, by: str, reason: str) -> Answer:
        if not self.state.restores[restore_id].is_open:
            return Answer(AnswerState.REFUSED, "not under way", check="not_open")
        return Answer(AnswerState.ACCEPTED, f"{restore_id} goes back")

    async def snapshot(self, snapshot_id: str) -> Snapshot | None:
        return await self.snapshots.get(snapshot_id)

    async def compare(self, service: str, version: str = "") -> tuple[str, list[str]]:
        if service != "api":
            raise GiveUp("nothing has changed")
        return "shop/api:1 (4f1c9e2ab3d0)", ["runs from: shop/api:2 → shop/api:1"]

    async def compare_snapshots(self, first: str, second: str) -> list[Change]:
        lines = ("env.COLOUR: another value",)
        return [Change("api", Aspect.CONFIGURATION, lines, by="somebody else")]

    def kinds(self, service: str) -> tuple[KindAnswer, ...]:
        if self.look is None:
            return ()
        own = Said(KindState.REFUSED, "mode is observe", "mode")
        person = Said(KindState.ALLOWED, "every check passed")
        kind = ActionKind.GRACEFUL_RESTART
        ways = (Remedy(Way.SET_MODE, service, kind), Remedy(Way.ASK, service, kind))
        absent = Said(KindState.CANNOT, "auto_scaler is not part of this version")
        return (
            KindAnswer(kind, own, person, (1,), ways),
            KindAnswer(ActionKind.EMERGENCY_ROLLBACK, absent, absent),
        )

    def but_for_the_mode(self, decision: Decision) -> d.Verdict | None:
        return None


@dataclass
class FakeEngine:
    """What `create_api` takes."""

    control: FakeControl = field(default_factory=FakeControl)
