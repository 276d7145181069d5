"""What the loop remembers: a fold of the journal's entries, so that a restart forgets nothing.

Only `loop.fold` makes new states; components and the gate read them. `Memory` is the part that
every look can see again and that therefore is not journaled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from everup.model.accuracy import Accounts
from everup.model.anomaly import Anomaly
from everup.model.approval import Approval
from everup.model.baseline import BaselineKept
from everup.model.breaker import Turn
from everup.model.decision import Expectation, Step
from everup.model.edges import KnownEdge
from everup.model.episode import WouldDo
from everup.model.evidence import Sighting
from everup.model.incident import Incident
from everup.model.kinds import (
    FORETOLD,
    ONLY_TOLD,
    UNKNOWN,
    ActionKind,
    Cause,
    Origin,
    Purpose,
    is_known,
)
from everup.model.learned import Craft, ModelCard, NotTrained, Standing
from everup.model.mitigation import Mitigated
from everup.model.notice import Thread
from everup.model.observation import Exit, ServiceObservation
from everup.model.prediction import MadePrediction
from everup.model.probation import Probation, Worse
from everup.model.restore import Restore
from everup.model.safe_point import SafePoint, as_many
from everup.model.scaling import ScalingChosen
from everup.model.snapshot import KeptVerified, SnapshotMark
from everup.model.stack import ServiceSpec
from everup.model.tuning import Tuned
from everup.model.version import is_comparable

ONE_SHOT_MOST_S = 60.0
"""Who ran for longer than this has served somebody, where nobody says that it runs once."""


class Phase(StrEnum):
    """Where an action is: intent written, or done and being proven."""

    ACTING = "acting"
    VERIFYING = "verifying"


@dataclass(frozen=True, slots=True)
class InFlight:
    """The one action of a service: intent written, outcome or verdict outstanding."""

    action_id: str
    incident_id: str | None
    key: str
    origin: Origin
    cause: Cause
    step: Step
    intended_at_s: float
    before: Sighting
    expectation: Expectation
    on_running: bool = False
    phase: Phase = Phase.ACTING
    done_at_s: float = UNKNOWN
    rung: int = 0
    by: str = "everup"


@dataclass(frozen=True, slots=True)
class PastAction:
    """An ended action, kept while a cooldown, budget or backoff may still ask for it."""

    action_id: str
    service: str
    kind: ActionKind
    origin: Origin
    cause: Cause
    started_at_s: float
    ended_at_s: float
    has_passed: bool
    on_running: bool
    incident_id: str | None = None
    rung: int = 0
    has_happened: bool = True  # False: the world was not changed by it; it was no attempt
    instance: str = ""  # "": all of them
    is_undo: bool = False


def as_it_is(
    spec: ServiceSpec, seen: ServiceObservation | None, known: ServiceState
) -> ServiceSpec:
    """The declaration with as many instances as there are, or are wanted since it was scaled, and
    as what it is known to be."""
    spec = as_remembered(spec, known)
    there = 0 if seen is None else len(seen.instances)
    count = max(known.count_of(spec.instances), there)
    return spec if count == spec.instances else replace(spec, instances=count)


def as_remembered(spec: ServiceSpec, known: ServiceState) -> ServiceSpec:
    """The declaration; what only looks like a one-shot is none once it ran for long."""
    if spec.is_one_shot_by_look and known.ran_longest_s > ONE_SHOT_MOST_S:
        return replace(spec, is_one_shot=False, is_one_shot_by_look=False)
    return spec


def streak(past: tuple[PastAction, ...], now_s: float, reset_s: float) -> list[PastAction]:
    """Recovery's actions since the service was last left in peace for `reset_s`, newest first. What
    only kept a trouble from spreading was no attempt to end it."""
    found: list[PastAction] = []
    next_start_s = now_s
    for action in reversed(past):
        if action.is_undo or action.origin in (Origin.MITIGATION, Origin.SCALING):
            continue
        if action.origin is Origin.PERSON:
            break
        if next_start_s - action.ended_at_s > reset_s:
            break
        found.append(action)
        next_start_s = action.started_at_s
    return found


@dataclass(frozen=True, slots=True)
class Freeze:
    """Nothing is proposed or done for this scope ("" = the stack) until it ends (NaN: by hand)."""

    scope: str
    reason: str
    by: str
    since_s: float
    until_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class ServiceState:
    """What is remembered of one service across restarts."""

    purpose: Purpose = Purpose.RUN
    purpose_by: str = ""
    purpose_at_s: float = UNKNOWN
    exits: tuple[Exit, ...] = ()
    past: tuple[PastAction, ...] = ()  # oldest first, bounded
    healed_at_s: float = UNKNOWN  # when the last incident on it ended resolved
    with_a_person: str | None = None  # id of the escalated incident nobody has answered yet
    escalated_cause: Cause | None = None  # of that incident
    startups_s: tuple[float, ...] = ()  # how long its latest start-ups took, newest last, bounded
    lives: Mapping[str, str] = field(default_factory=dict)  # instance → identity that was well
    diagnoses: tuple[Cause, ...] = ()  # of the open incident, in order, once there are several
    would_have: tuple[WouldDo, ...] = ()  # of the open incident, oldest first, bounded
    instances_wanted: int = 0  # as somebody scaled it; 0: as declared
    owed_undo: Step | None = None  # what takes back an action that was not proven
    isolated: tuple[str, ...] = ()  # instances that are cut off; "" means all of it
    stands_in: str = ""  # the service that has its place since a failover
    natural_ends: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Cause → seconds after which it ended by itself, oldest first, bounded."""
    version: str = ""  # of its newest instance, as last seen
    changed_at_s: float = UNKNOWN  # when somebody changed it to this one
    safe_points: tuple[SafePoint, ...] = ()  # what it can go back to, newest last, bounded
    undone: tuple[str, ...] = ()  # versions, and numbers as `*3`, gone back from, bounded
    still_ends: Mapping[str, str] = field(default_factory=dict)
    """Instance → the life that an action of ours asked to end, and that ran on."""
    ran_longest_s: float = 0.0  # of the runs whose end is written down
    probation: Probation | None = None  # while it is watched after a change
    past_probation: Probation | None = None  # the latest that ended
    worse: Worse | None = None  # the latest of what it was that was measured to do worse
    counted: int = 0  # instances, by the latest settled word; 0: none yet
    recounted_at_s: float = UNKNOWN  # when somebody changed their number to this one
    recounted_by: str = ""

    @property
    def unproven_since_s(self) -> float:
        """When it was changed to what it is now, while that has not been well for long enough to
        count as safe. NaN: nothing was changed, or nothing is known to go back to."""
        return self.altered_at_s if self.has_other_version or self.has_other_number else UNKNOWN

    @property
    def altered_at_s(self) -> float:
        """When somebody last changed what it runs from, or to as many instances as were not well
        yet."""
        recounted_s = self.recounted_at_s if self.has_other_number else UNKNOWN
        if not is_known(self.changed_at_s) or recounted_s > self.changed_at_s:
            return recounted_s
        return self.changed_at_s

    @property
    def ways_back(self) -> tuple[SafePoint, ...]:
        """Safe points that can be compared with what runs, newest last: of others it could not be
        proven that it went back to them."""
        version = self.version
        return tuple(p for p in self.safe_points if is_comparable(p.version, version))

    @property
    def has_other_version(self) -> bool:
        """Does it run from something else than when it was last well?"""
        known = self.ways_back
        return bool(known) and known[-1].version != self.version

    @property
    def has_other_number(self) -> bool:
        """Did somebody change how many instances there are, to others than when it was last well?
        What Everup scales of its own accord proves itself."""
        known = self.ways_back
        then = known[-1].instances if known else 0
        is_other = bool(then and self.counted) and then != self.counted
        return is_other and is_known(self.recounted_at_s)

    @property
    def runs_as(self) -> str:
        """What it runs from; with the number of its instances, where that is another one."""
        return f"{self.version}{as_many(self.counted)}" if self.has_other_number else self.version

    @property
    def is_undone(self) -> bool:
        """Was this very change gone back from before?"""
        is_same = self.has_other_number and as_many(self.counted) in self.undone
        return is_same or (self.version in self.undone)

    def is_with_a_person_for(self, cause: Cause) -> bool:
        """Has a person got this trouble? Whoever was told of a leak wants a crash healed still."""
        if self.with_a_person is None:
            return False
        if self.escalated_cause in ONLY_TOLD:
            return cause is self.escalated_cause
        return self.escalated_cause not in FORETOLD or cause in FORETOLD

    @property
    def waits_for_a_person(self) -> bool:
        """Has a person got more of it than a date to keep?"""
        return self.with_a_person is not None and self.escalated_cause not in ONLY_TOLD

    @property
    def is_cut_off(self) -> bool:
        """Is all of it off its networks, by an action of ours?"""
        return "" in self.isolated

    def count_of(self, declared: int) -> int:
        """How many instances should answer: as scaled, without those that are cut off."""
        cut = sum(1 for name in self.isolated if name)
        return max(1, (self.instances_wanted or declared) - cut) if declared else declared

    @property
    def is_wanted(self) -> bool:
        """Should it run, as far as is remembered, and may it be started without asking anybody?"""
        return self.purpose is Purpose.RUN and not self.is_with_a_person_for(Cause.CRASH)


@dataclass(frozen=True, slots=True)
class BaselineOf:
    """What was usual of a service when it was last kept."""

    at_s: float
    kept: tuple[BaselineKept, ...] = ()


@dataclass(frozen=True, slots=True)
class StackState:
    """All that the journal says is true now."""

    services: Mapping[str, ServiceState] = field(default_factory=dict)
    incidents: Mapping[str, Incident] = field(default_factory=dict)  # open ones, by id
    in_flight: Mapping[str, InFlight] = field(default_factory=dict)  # by service
    freezes: Mapping[str, Freeze] = field(default_factory=dict)  # by scope
    approvals: Mapping[str, Approval] = field(default_factory=dict)  # open ones, by proposal's key
    past_approvals: tuple[Approval, ...] = ()  # oldest first, bounded
    plan_starts_s: tuple[float, ...] = ()  # of plans that count for the rate, newest last, bounded
    boot_id: str = ""  # of the host, when the latest controller started
    started_at_s: float = UNKNOWN  # of this controller
    services_stopped_at_s: float = UNKNOWN  # when a controller was last asked to end them all
    monitor_fault: str = ""
    monitor_fault_since_s: float = UNKNOWN
    threads: Mapping[str, Thread] = field(default_factory=dict)  # what people are told of, bounded
    predictions: Mapping[str, MadePrediction] = field(default_factory=dict)  # open, by service
    past_predictions: tuple[MadePrediction, ...] = ()  # settled, oldest first, bounded
    accounts: Accounts = field(default_factory=Accounts)  # how predictions did, bounded
    restores: Mapping[str, Restore] = field(default_factory=dict)  # by id, oldest first, bounded
    snapshots: tuple[SnapshotMark, ...] = ()  # that are kept, oldest first, bounded
    kept_verified: KeptVerified | None = None  # when all that is kept was last read, if ever
    breakers: Mapping[str, Turn] = field(default_factory=dict)  # by edge, latest turn last, bounded
    edges: Mapping[str, Mapping[str, KnownEdge]] = field(default_factory=dict)
    """Service → target → what was seen and learned of that edge, bounded."""
    mitigated: Mapping[str, Mitigated] = field(default_factory=dict)
    """Action id → a mitigation that is in force, oldest first, bounded."""
    models: Mapping[str, tuple[ModelCard, ...]] = field(default_factory=dict)
    """By craft, oldest first, bounded."""
    not_trained: Mapping[str, NotTrained] = field(default_factory=dict)
    """By craft: the latest attempt, while none has succeeded since."""
    baselines: Mapping[str, BaselineOf] = field(default_factory=dict)
    """Service → what is usual of it, as it was last kept; bounded."""
    anomalies: tuple[Anomaly, ...] = ()
    """The latest, oldest first, bounded."""
    tuned: Tuned = field(default_factory=Tuned)  # from how predictions ended
    scaled: tuple[ScalingChosen, ...] = ()
    """The latest choices of another size, oldest first, bounded."""

    def service(self, name: str) -> ServiceState:
        """An empty memory for a service never heard of."""
        return self.services.get(name, _NOTHING_YET)

    def snapshot(self, snapshot_id: str) -> SnapshotMark | None:
        """The mark of one that is kept."""
        return next((mark for mark in self.snapshots if mark.id == snapshot_id), None)

    def approval(self, approval_id: str) -> Approval | None:
        """An open or recently ended approval."""
        for approval in (*self.approvals.values(), *self.past_approvals):
            if approval.id == approval_id:
                return approval
        return None

    @property
    def open_restore(self) -> Restore | None:
        """The one that is under way; there is one at a time."""
        return next((r for r in self.restores.values() if r.is_open), None)

    def champion(self, craft: Craft) -> ModelCard | None:
        """The model that serves, if one does."""
        cards = reversed(self.models.get(craft, ()))
        return next((one for one in cards if one.standing is Standing.CHAMPION), None)

    def incident_on(self, service: str) -> Incident | None:
        """The open incident whose root is this service. To ask for many: `by_root`."""
        for incident in self.incidents.values():
            if incident.service == service:
                return incident
        return None

    def by_root(self) -> dict[str, Incident]:
        """Service → its open incident."""
        found: dict[str, Incident] = {}
        for incident in self.incidents.values():
            found.setdefault(incident.service, incident)
        return found


_NOTHING_YET = ServiceState()


@dataclass(frozen=True, slots=True)
class ServiceMemory:
    """What the looks since the start say of one service. NaN: never."""

    first_seen_s: float = UNKNOWN
    bad_since_s: float = UNKNOWN  # start of the present unwell run
    last_bad_s: float = UNKNOWN  # latest look in which it was not healthy
    healthy_since_s: float = UNKNOWN
    was_ever_healthy: bool = False

    @property
    def trouble_over_s(self) -> float:
        """When its latest trouble was over, as far as looks can tell: in between two of them it may
        have lasted until the first one that found it healthy. NaN: it never had any."""
        if not is_known(self.last_bad_s) or not is_known(self.healthy_since_s):
            return self.last_bad_s
        return max(self.last_bad_s, self.healthy_since_s)


@dataclass(frozen=True, slots=True)
class Memory:
    """Volatile: rebuilt by looking, lost on a restart or when history breaks."""

    services: Mapping[str, ServiceMemory] = field(default_factory=dict)
    looks: int = 0
    first_look_s: float = UNKNOWN
    complete_since_s: float = UNKNOWN  # first complete observation after the start or a break
    hold_until_s: float = UNKNOWN  # history broke, or the host is new: only watch until then
    root_onsets_s: Mapping[str, float] = field(default_factory=dict)

    def service(self, name: str) -> ServiceMemory:
        """An empty memory for a service never seen."""
        return self.services.get(name, _NEVER_SEEN)


_NEVER_SEEN = ServiceMemory()
