"""Explanations as they go out: ranked causes, the gate's words, remedies, answers per kind."""

from __future__ import annotations

from everup.api.shapes.base import Known, Shape
from everup.model.episode import Ending, Hindsight
from everup.model.explanation import KindState, Way
from everup.model.kinds import ActionKind, Cause


class CandidateShape(Shape):
    """A possible cause; confidences of one incident sum to at most 1. `service` "" is the machine;
    cause `unknown` is the doubt that is left."""

    service: str
    cause: Cause
    confidence: float
    reason: str
    since_s: Known


class GateWordShape(Shape):
    """One answer of the gate that was not yes, when it changed."""

    at_s: Known
    kind: str
    answer: str
    check: str
    reason: str
    until_s: Known


class WouldDoShape(Shape):
    """An action that the mode alone kept from being done."""

    at_s: Known
    kind: ActionKind
    key: str
    reason: str


class EpisodeShape(Shape):
    """How the trouble ended, after how long, and whether the proposal would have been right."""

    ending: Ending
    began_at_s: Known
    lasted_s: Known
    hindsight: Hindsight
    reason: str


class BystanderShape(Shape):
    """A service that the incident hurt, its condition now, and whether somebody acted on it."""

    service: str
    condition: str
    was_acted_upon: bool


class RemedyShape(Shape):
    """A way to change an answer. `service` "" is the stack; `check` is what an override names."""

    way: Way
    service: str
    kind: ActionKind | None
    check: str
    hook: str


class SaidShape(Shape):
    """One answer, by which check or reason to hold, and until when."""

    state: KindState
    reason: str
    check: str
    until_s: Known


class KindAnswerShape(Shape):
    """`own`: by Everup's initiative. `person`: by a person's command. `rungs`: its places on the
    present ladder. `is_wished`: on none, but another size would be right."""

    kind: ActionKind
    own: SaidShape
    person: SaidShape
    rungs: list[int]
    remedies: list[RemedyShape]
    is_wished: bool = False


class FindingShape(Shape):
    """What is wrong now; `explained_by` is empty for a root."""

    cause: Cause
    reason: str
    since_s: Known
    score: Known
    is_confirmed: bool
    is_proven: bool
    explained_by: list[str]
    candidates: list[CandidateShape]


class ServiceActionsShape(Shape):
    """`GET /services/{name}/actions`. `at_s` null: there was no look yet."""

    service: str
    condition: str
    at_s: Known
    now_s: Known
    finding: FindingShape | None
    actions: list[KindAnswerShape]
