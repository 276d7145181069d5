"""What a person asks of the loop, and what the loop answers.

The API and the CLI make Requests; `loop` turns them into proposals of origin *person*, which skip
mode, cooldown, backoff, health limits and approval, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from everup.model.kinds import ActionKind
from everup.model.scaling import NOTHING_SAID, Amount


class Verb(StrEnum):
    """What may be asked."""

    HEAL = "heal"
    SCALE = "scale"
    START = "start"
    STOP = "stop"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    APPROVE = "approve"
    REJECT = "reject"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Request:
    """One wish. `kind` None with HEAL means `restart`: graceful_restart, then container_restart
    if that fails; with SCALE it is the direction, None: whichever the amount says.
    `overrides`: check name → typed reason. `for_s` None: until lifted by hand."""

    verb: Verb
    by: str
    service: str = ""
    kind: ActionKind | None = None
    reason: str = ""
    for_s: float | None = None
    overrides: Mapping[str, str] = field(default_factory=dict)
    approval_id: str = ""  # with APPROVE and REJECT
    is_follow_up: bool = False  # the second rung of a wish, which nobody named
    amount: Amount = NOTHING_SAID  # of scaling
    instance: str = ""  # the one that is meant, where a kind acts on one of several
    undoes: str = ""  # the action that is taken back


class AnswerState(StrEnum):
    """How far a wish got. `accepted`: an action began; `done`: nothing had to be acted upon."""

    ACCEPTED = "accepted"
    DONE = "done"
    DELAYED = "delayed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """The loop's answer, with the gate's check and reason where it said no."""

    state: AnswerState
    text: str
    action_id: str | None = None
    check: str = ""
    retry_after_s: float | None = None
