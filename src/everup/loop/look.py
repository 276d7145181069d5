"""One look as a value: each stage takes a Look and returns it with its own part filled in."""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.assessment import Assessment, OwnHealth, Relations
from everup.model.decision import Escalate, Hold, Proposal, Verdict
from everup.model.observation import Observation

NOTHING_SEEN = Observation(0.0, {}, is_complete=False)
NOTHING_UNDERSTOOD = Assessment(OwnHealth({}), Relations({}, {}))


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for one service: a proposal with the gate's verdict, a hold, or a person."""

    service: str
    proposal: Proposal | None = None
    verdict: Verdict | None = None
    hold: Hold | None = None
    escalate: Escalate | None = None
    ticket: int | None = None  # the person's request that this answers


@dataclass(frozen=True, slots=True)
class Look:
    """`at_s` by the loop's clock; the rest in the order in which the stages fill it in."""

    at_s: float
    observation: Observation = NOTHING_SEEN
    assessment: Assessment = NOTHING_UNDERSTOOD
    decisions: tuple[Decision, ...] = ()
    begun: tuple[str, ...] = ()  # ids of actions begun in this look
    again_at_s: float = float("nan")  # earliest moment at which an answer may change by itself
