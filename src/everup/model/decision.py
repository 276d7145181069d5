"""What is proposed, and what the gate says to it.

Components return Proposals or a Hold; `safety.judge` answers each with a Verdict. Both carry their
reason: a decision is data that somebody can read later.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from everup.model.kinds import UNKNOWN, ActionKind, Cause, Origin

ParameterValue = str | int | float | bool
HOOK = "hook"
"""A step's parameter: which of the owner's hooks it runs, where that is not the kind's own."""
STUCK = "stuck"
"""A step's parameter: the kernel's letter on which the proof rests that the target stands still."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do to one service. `is_repeatable`: twice does no more harm than once."""

    kind: ActionKind
    target: str
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    undoes: str | None = None
    is_repeatable: bool = False

    @property
    def instance(self) -> str:
        """The one instance that it acts on; "" for all of the service."""
        return str(self.parameters.get("instance", ""))


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must be true afterwards. `dependents_before`: scores that must not get worse.

    `is_up` False expects the service to be down (a person's stop).
    """

    service: str
    deadline_s: float  # from the end of the action
    window_s: float = 10.0
    probes: int = 3
    score_least: float = 0.7
    dependents_before: Mapping[str, float] = field(default_factory=dict)
    is_up: bool = True
    memory_most: float = UNKNOWN  # ratio to its limit that must not be exceeded; NaN: any
    behind_before: Mapping[str, float] = field(default_factory=dict)  # what a cache shields
    settling_most_s: float = 0.0  # how much later, while it says that it is coming
    instances: int = 0  # so many must run; 0: those that there are
    memory_limit_bytes: float = UNKNOWN  # each must be seen to have it; infinite: none
    is_cut: bool = False  # it, or its one instance, is cut off: nothing is asked of that
    version: str = ""  # what must run then; "": any
    has_room: bool = False  # the disk that it writes to must be seen with room
    runs_once: bool = False  # it is to end with 0
    is_as_before: bool = False  # `version` is to be there again, as well or unwell as it was
    no_worse: bool = False  # nobody may be worse for it: nothing else is asked
    disk_most: float = UNKNOWN  # used share of the fullest disk that must not be exceeded; NaN: any


@dataclass(frozen=True, slots=True)
class Proposal:
    """Ordered steps for one service, with the reason and what would prove that they helped."""

    key: str
    origin: Origin
    service: str
    cause: Cause
    steps: tuple[Step, ...]
    reason: str
    expectation: Expectation
    evidence_ids: tuple[str, ...] = ()
    incident_id: str | None = None
    rung: int = 0
    next_kind: ActionKind | None = None  # what would be tried next
    by: str = "everup"
    overrides: Mapping[str, str] = field(default_factory=dict)  # check name → typed reason
    must_ask: str = ""  # why a person must be asked, whatever the mode
    on_running: bool = False  # acts on an instance that runs: cooldown and stateful care apply

    @property
    def kind(self) -> ActionKind:
        """The kind of the first step: what a person would call this proposal."""
        return self.steps[0].kind

    @property
    def rank(self) -> int:
        """Strength when proposals compete, 0 strongest."""
        return self.origin.rank


def proposal_key(stack: str, service: str, cause: Cause, steps: tuple[Step, ...]) -> str:
    """The same proposal in the next look has the same key: stack, service, cause and steps."""
    does = [[s.kind, s.target, sorted(s.parameters.items())] for s in steps]
    parts = [stack, service, cause, does]
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:16]


class HoldReason(StrEnum):
    """Why nothing is proposed."""

    HEALTHY = "healthy"
    NOT_CONFIRMED = "not_confirmed"
    STARTING = "starting"
    RECOVERING = "recovering"
    BUSY = "busy"
    VICTIM = "victim"
    ROOT_NOT_VERIFIED = "root_not_verified"
    STOPPED_ON_PURPOSE = "stopped_on_purpose"
    PAUSED = "paused"
    ENGINE_RESTARTS = "engine_restarts"
    ABOVE_LIMIT = "above_limit"
    STATEFUL_WAIT = "stateful_wait"
    MAY_HEAL_BY_ITSELF = "may_heal_by_itself"
    IN_FLIGHT = "in_flight"
    WITH_A_PERSON = "with_a_person"
    NOT_POSSIBLE = "not_possible"  # what a person asked for, refused by name
    ISOLATED = "isolated"
    ONLY_WATCHED = "only_watched"  # it still passes its check, and nothing that helps is permitted
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Hold:
    """Standing still is an answer: why, and until when (NaN: until what is seen changes)."""

    service: str
    reason: HoldReason
    text: str
    until_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class Escalate:
    """The last rung is a person: nothing more will be tried, and here is the case."""

    service: str
    cause: Cause
    text: str


@dataclass(frozen=True, slots=True)
class Want:
    """A rung in another component's trade; `loop.decide` has its owner fill it in. `otherwise`:
    what is proposed where the owner cannot, or the gate does not let it; None: nothing is."""

    service: str
    kind: ActionKind
    cause: Cause
    reason: str
    otherwise: Proposal | None = None


class Check(StrEnum):
    """The gate's checks, in their order."""

    FREEZE = "freeze"
    MODE = "mode"
    LEADERSHIP = "leadership"
    MONITOR_SANE = "monitor_sane"
    MAINTENANCE = "maintenance_window"
    SOMEONE_ELSES_CHANGE = "someone_elses_change"
    COOLDOWN = "cooldown"
    BUDGET = "retry_budget"
    ONE_PER_SERVICE = "one_action_per_service"
    BLAST_RADIUS = "blast_radius"
    MINIMUM_HEALTHY = "minimum_healthy"
    HEADROOM = "host_headroom"
    STATEFUL_CARE = "stateful_care"
    DEPENDENCY_ORDER = "dependency_order"
    APPROVAL = "approval"


@dataclass(frozen=True, slots=True)
class Allowed:
    """Go."""

    reason: str = "every check passed"


@dataclass(frozen=True, slots=True)
class Delayed:
    """Not now: which check, why, and when to ask again (NaN: when what is seen changes)."""

    check: Check
    reason: str
    until_s: float = UNKNOWN
    needs_approval: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Not as things are: waiting alone will not change the answer."""

    check: Check
    reason: str


Verdict = Allowed | Delayed | Refused


@dataclass(frozen=True, slots=True)
class Plan:
    """An allowed proposal with its next rung."""

    proposal: Proposal
    action_id: str
