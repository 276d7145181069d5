"""Explanations as values: what an incident was, what may be done, and how a person changes that.

Built by `loop.explain` and `loop.why_not`; the API gives them out as they are, the CLI makes the
sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from everup.model.assessment import Candidate
from everup.model.entries import EpisodeEnded, WouldHaveDone
from everup.model.kinds import UNKNOWN, ActionKind


class Way(StrEnum):
    """How a person can change an answer, or end what waits."""

    WAIT = "wait"  # it changes by itself
    UNFREEZE = "unfreeze"
    SET_MODE = "set_mode"
    APPROVE = "approve"  # say yes to what Everup has asked for
    ASK = "ask"  # everup heal: a person's command is not subject to the mode
    OVERRIDE = "override"  # the same, with a named check passed over for a typed reason
    START = "start"
    STOP = "stop"  # leave it down on purpose
    DECLARE_HOOK = "declare_hook"
    LOOK = "look"  # nothing to be done here; something else must be mended first


@dataclass(frozen=True, slots=True)
class Remedy:
    """One way. `check` is set for OVERRIDE, `kind` for ASK and OVERRIDE; `service` "" is the stack;
    `hook` for DECLARE_HOOK."""

    way: Way
    service: str = ""
    kind: ActionKind | None = None
    check: str = ""
    hook: str = ""


class KindState(StrEnum):
    """The present answer for one kind of action."""

    ALLOWED = "allowed"
    DELAYED = "delayed"  # by a check of the gate
    REFUSED = "refused"  # by a check of the gate
    HELD = "held"  # it is on the ladder, but nothing is proposed now
    NOT_ON_LADDER = "not_on_ladder"  # no ladder of what is wrong now contains it
    CANNOT = "cannot"  # the runtime, the declaration or this version lacks it


@dataclass(frozen=True, slots=True)
class Said:
    """One answer: by which check (or reason to hold), why, and until when (NaN: unknown)."""

    state: KindState
    reason: str
    check: str = ""
    until_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class KindAnswer:
    """May this kind be done to this service now: by Everup's own initiative, and by a person's
    command? `rungs`: its places on the present ladder, from 1. `is_wished`: beside any ladder, as
    another size would be right."""

    kind: ActionKind
    own: Said
    person: Said
    rungs: tuple[int, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    is_wished: bool = False


@dataclass(frozen=True, slots=True)
class GateWord:
    """What the gate said to one proposal, when its answer changed."""

    at_s: float
    kind: str
    answer: str
    check: str
    reason: str
    until_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class Bystander:
    """A service that the incident hurt. `was_acted_upon`: somebody acted on it meanwhile."""

    service: str
    condition: str
    was_acted_upon: bool = False


@dataclass(frozen=True, slots=True)
class Afterwards:
    """What became of a service after it was handed over to a person, as far as it was read.

    `tried`: ids of what people did. `well_at_s`: when it was proven or seen to be well again, NaN
    when it was not. `goes_on_as`: the incident that was opened before it was well again.
    """

    tried: tuple[str, ...] = ()
    well_at_s: float = UNKNOWN
    proven_by: str = ""  # id of the action that helped; "": nobody's, or not told to us
    stopped_by: str = ""  # who stopped it on purpose
    goes_on_as: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the journal and the latest look say of one incident, put in order."""

    causes: tuple[Candidate, ...] = ()
    gate: tuple[GateWord, ...] = ()
    would_have_done: tuple[WouldHaveDone, ...] = ()
    episode: EpisodeEnded | None = None
    bystanders: tuple[Bystander, ...] = ()
    remedies: tuple[Remedy, ...] = ()
