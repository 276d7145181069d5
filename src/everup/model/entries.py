"""The journal's entries: everything that was decided or learned, each a frozen dataclass.

The journal stores them as canonical JSON in a hash chain; `loop.fold` turns them into state. Add
fields only with a default, and never rename: old journals must still be read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from everup.model.approval import ApprovalState
from everup.model.assessment import Candidate
from everup.model.baseline import BaselineKept
from everup.model.decision import Expectation, Step
from everup.model.edges import Edge, EdgeTally
from everup.model.entries_accuracy import FailureMet as FailureMet
from everup.model.entries_accuracy import ForecastsSettled as ForecastsSettled
from everup.model.entries_anomaly import AnomalyNoticed as AnomalyNoticed
from everup.model.entries_breaker import BreakerTurned as BreakerTurned
from everup.model.entries_models import ModelNotTrained as ModelNotTrained
from everup.model.entries_models import ModelReturned as ModelReturned
from everup.model.entries_models import ModelTrained as ModelTrained
from everup.model.entries_restore import RestoreBegan as RestoreBegan
from everup.model.entries_restore import RestoreEnded as RestoreEnded
from everup.model.entries_restore import RestoreTurned as RestoreTurned
from everup.model.entries_scaling import ScalingDecided as ScalingDecided
from everup.model.entries_tuning import Recalibrated as Recalibrated
from everup.model.entries_tuning import ThresholdTuned as ThresholdTuned
from everup.model.entries_versions import ProbationBegan as ProbationBegan
from everup.model.entries_versions import ProbationEnded as ProbationEnded
from everup.model.entries_versions import RegressionSeen as RegressionSeen
from everup.model.entries_versions import SafePointForgotten as SafePointForgotten
from everup.model.entries_versions import SafePointKept as SafePointKept
from everup.model.entries_versions import SnapshotForgotten as SnapshotForgotten
from everup.model.entries_versions import SnapshotTaken as SnapshotTaken
from everup.model.entries_versions import SnapshotVerified as SnapshotVerified
from everup.model.entries_versions import VersionSeen as VersionSeen
from everup.model.episode import Ending, Hindsight, WouldDo
from everup.model.evidence import Evidence, OutcomeState, Sighting
from everup.model.kinds import UNKNOWN, ActionKind, Cause, Origin, Purpose
from everup.model.notice import Occasion
from everup.model.observation import Exit
from everup.model.prediction import PredictionEnding


@dataclass(frozen=True, slots=True)
class ControllerStarted:
    """A controller took the stack; `boot_id` tells a host reboot from a restart of ours."""

    at_s: float
    version: str
    stack_digest: str
    boot_id: str = ""


@dataclass(frozen=True, slots=True)
class ControllerStopped:
    """The controller gave the stack back in order. `stops_services`: and ends the services after
    this, so that those deaths are ours."""

    at_s: float
    reason: str = ""
    stops_services: bool = False


@dataclass(frozen=True, slots=True)
class PurposeSet:
    """Somebody wants the service to run, or to stay stopped."""

    at_s: float
    service: str
    purpose: Purpose
    by: str


@dataclass(frozen=True, slots=True)
class ExitSeen:
    """An instance of a service died."""

    at_s: float
    service: str
    instance: str
    exit: Exit


@dataclass(frozen=True, slots=True)
class IncidentOpened:
    """Something is confirmed to be wrong with a root."""

    at_s: float
    incident_id: str
    service: str
    cause: Cause
    reason: str
    victims: tuple[str, ...] = ()
    seen_at_s: float = UNKNOWN
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentChanged:
    """A better diagnosis, other victims, or another answer of the gate."""

    at_s: float
    incident_id: str
    cause: Cause
    reason: str
    victims: tuple[str, ...] = ()
    waiting_for: str = ""
    candidates: tuple[Candidate, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentResolved:
    """Healed, by us or by itself, with the reason to believe so."""

    at_s: float
    incident_id: str
    service: str
    reason: str


@dataclass(frozen=True, slots=True)
class IncidentEscalated:
    """Nothing more will be tried; `case` is what a person needs to know."""

    at_s: float
    incident_id: str
    service: str
    case: str


@dataclass(frozen=True, slots=True)
class PersonAnswered:
    """An escalated service is back in Everup's care: it recovered, or a person acted on it."""

    at_s: float
    service: str
    reason: str


@dataclass(frozen=True, slots=True)
class Notified:
    """A notifier delivered a message, or it was refused for good; written after sending.

    A crash between sending and this entry sends the message once more, with the same key.
    """

    at_s: float
    key: str
    thread: str
    notifier: str
    occasion: Occasion
    incident_id: str | None = None
    service: str = ""
    has_arrived: bool = True
    error: str = ""


@dataclass(frozen=True, slots=True)
class Intended:
    """Written before an action touches the world."""

    at_s: float
    action_id: str
    incident_id: str | None
    key: str
    origin: Origin
    cause: Cause
    step: Step
    reason: str
    before: Sighting
    expectation: Expectation
    on_running: bool = False
    rung: int = 0
    by: str = "everup"
    overrides: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Finished:
    """Written after it. `settled`: found by looking at the world after a crash or a time-out.
    `has_happened` False: it failed before it changed anything. `still_ends`: instances that it
    asked to end and that ran on: whenever they end, it is by our hand."""

    at_s: float
    action_id: str
    service: str
    outcome: OutcomeState
    error: str = ""
    settled: bool = False
    during: tuple[str, ...] = ()
    has_happened: bool = True
    still_ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verified:
    """The verifier's word on a finished action."""

    at_s: float
    action_id: str
    service: str
    has_passed: bool
    reason: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class FreezeSet:
    """Nothing is done for this scope ("" = the stack)."""

    at_s: float
    scope: str
    reason: str
    by: str
    until_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class FreezeLifted:
    """The scope is free again."""

    at_s: float
    scope: str
    by: str


@dataclass(frozen=True, slots=True)
class MonitorFaultSeen:
    """We cannot trust our own eyes; nothing is done until `ends_when`."""

    at_s: float
    fault: str
    ends_when: str = ""


@dataclass(frozen=True, slots=True)
class MonitorFaultOver:
    """We can see again."""

    at_s: float
    fault: str
    lasted_s: float


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """A proposal waits for a person's word, until `expires_at_s`. `differs`: lines that say what
    it would change, where it goes back to something."""

    at_s: float
    approval_id: str
    key: str
    service: str
    kind: ActionKind
    reason: str
    risk: str
    expected: str
    expires_at_s: float
    incident_id: str | None = None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalAnswered:
    """A person's word on it. An approved proposal is judged again when it is used."""

    at_s: float
    approval_id: str
    is_approved: bool
    by: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalEnded:
    """Nobody may use it any more: it expired, or what it was about is no longer proposed."""

    at_s: float
    approval_id: str
    state: ApprovalState


@dataclass(frozen=True, slots=True)
class PredictionMade:
    """A prediction became likely enough to act upon. `level` is the signal's share of its limit."""

    at_s: float
    prediction_id: str
    service: str
    cause: Cause
    probability: float
    earliest_s: float
    likely_s: float
    evidence: tuple[str, ...]
    model_version: str
    latest_s: float = UNKNOWN
    horizon_s: float = UNKNOWN
    level: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class PredictionSettled:
    """What became of it: it came true, it did not, or something was done in time."""

    at_s: float
    prediction_id: str
    service: str
    cause: Cause
    ending: PredictionEnding
    reason: str


@dataclass(frozen=True, slots=True)
class GateAnswered:
    """The gate did not allow a proposal; written when its answer changes, not in every look."""

    at_s: float
    key: str
    service: str
    kind: str
    answer: str  # delayed | refused
    check: str
    reason: str
    incident_id: str | None = None
    until_s: float = UNKNOWN
    origin: Origin = Origin.RECOVERY


@dataclass(frozen=True, slots=True)
class WouldHaveDone:
    """Only the mode forbade this proposal; written once for each kind of action in an incident."""

    at_s: float
    key: str
    incident_id: str
    service: str
    cause: Cause
    kind: ActionKind
    reason: str


@dataclass(frozen=True, slots=True)
class EpisodeEnded:
    """An incident's trouble is over: how, after how long, and would acting have been right.

    `lasted_s` is from when the trouble was first seen until the service was well again; `cause` is
    the first diagnosis, `further_causes` those that it was changed to.
    """

    at_s: float
    incident_id: str
    service: str
    cause: Cause
    began_at_s: float
    lasted_s: float
    ending: Ending
    hindsight: Hindsight = Hindsight.NONE
    reason: str = ""
    proposed: tuple[WouldDo, ...] = ()
    further_causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class CameUp:
    """An instance was well for the first time in this life. `took_s` NaN: nobody can say how long
    its start-up took, or something that it needs was ill meanwhile."""

    at_s: float
    service: str
    instance: str
    identity: str
    took_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class InstancesCounted:
    """There are so many instances by somebody else's hand, and so many are wanted from now on.
    `before`: how many there were; 0: not said. `changed_at_s`: since when there are as many."""

    at_s: float
    service: str
    count: int
    by: str
    before: int = 0
    changed_at_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class EdgesSeen:
    """Connections along these edges were seen: for the first time, or again after a day."""

    at_s: float
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class EdgesLearned:
    """After an illness that is long enough ago: what is known by now of these edges."""

    at_s: float
    service: str
    edges: tuple[EdgeTally, ...]


@dataclass(frozen=True, slots=True)
class BaselineLearned:
    """What is usual of a service at each hour, as far as was learned by now."""

    at_s: float
    service: str
    kept: tuple[BaselineKept, ...]


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What was held for this scope ("" = the stack) was given back, or stays for a reason."""

    at_s: float
    scope: str
    what: tuple[str, ...]
    by: str


@dataclass(frozen=True, slots=True)
class JournalPruned:
    """The entries before `until_seq` are folded into the checkpoint there and may be missing from
    now on; its digest, and the hash of the entry it stands for, are part of the chain by this."""

    at_s: float
    until_seq: int
    until_hash: str
    digest: str


Entry = (
    ControllerStarted
    | ControllerStopped
    | PurposeSet
    | ExitSeen
    | IncidentOpened
    | IncidentChanged
    | IncidentResolved
    | IncidentEscalated
    | PersonAnswered
    | Notified
    | Intended
    | Finished
    | Verified
    | FreezeSet
    | FreezeLifted
    | MonitorFaultSeen
    | MonitorFaultOver
    | GateAnswered
    | WouldHaveDone
    | EpisodeEnded
    | ApprovalAsked
    | ApprovalAnswered
    | ApprovalEnded
    | PredictionMade
    | PredictionSettled
    | CameUp
    | InstancesCounted
    | VersionSeen
    | SafePointKept
    | SafePointForgotten
    | EdgesSeen
    | EdgesLearned
    | BaselineLearned
    | GivenBack
    | JournalPruned
    | ProbationBegan
    | RegressionSeen
    | ProbationEnded
    | RestoreBegan
    | RestoreTurned
    | RestoreEnded
    | SnapshotTaken
    | SnapshotForgotten
    | SnapshotVerified
    | BreakerTurned
    | ModelTrained
    | ModelNotTrained
    | ModelReturned
    | AnomalyNoticed
    | ScalingDecided
    | FailureMet
    | ForecastsSettled
    | Recalibrated
    | ThresholdTuned
)

ENTRY_TYPES: Mapping[str, type[Entry]] = {cls.__name__: cls for cls in Entry.__args__}
