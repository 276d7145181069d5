"""Incidents and actions with their evidence, as the journal holds them."""

from __future__ import annotations

from typing import Any

from everup.api.shapes.base import Known, Shape, plain
from everup.api.shapes.explanation import (
    BystanderShape,
    CandidateShape,
    EpisodeShape,
    GateWordShape,
    RemedyShape,
    WouldDoShape,
)
from everup.api.shapes.mitigations import MitigationShape
from everup.api.shapes.plan import DecisionShape, FlightShape
from everup.model.entries import Entry
from everup.model.incident import IncidentState
from everup.model.kinds import ActionKind, Cause, Mode


class AttemptShape(Shape):
    """One action taken for an incident; `result` "" while it is under way."""

    action_id: str
    kind: ActionKind
    at_s: Known
    result: str
    error: str


class IncidentShape(Shape):
    """One cause and every service it hurts."""

    id: str
    service: str
    cause: Cause
    reason: str
    state: IncidentState
    opened_at_s: Known
    seen_at_s: Known
    ended_at_s: Known
    ending: str
    victims: list[str]
    attempts: list[AttemptShape]
    waiting_for: str


class EntryShape(Shape):
    """One entry of the journal; `hash` chains it to the one before."""

    sequence: int
    hash: str
    type: str
    at_s: Known
    data: dict[str, Any]


def entry_shape(sequence: int, digest: str, entry: Entry) -> EntryShape:
    """An entry as the journal gives it."""
    return EntryShape(
        sequence=sequence,
        hash=digest,
        type=type(entry).__name__,
        at_s=entry.at_s,
        data=plain(entry),
    )


class IncidentsShape(Shape):
    """A page, newest first. `next_before`: ask for `?before=` this to go on; null at the end."""

    incidents: list[IncidentShape]
    next_before: str | None


class SightingShape(Shape):
    """A service as it was seen at one moment."""

    at_s: Known
    score: Known
    condition: str
    instances: dict[str, str]
    probe: str
    dependents: dict[str, Known]
    logs: list[str]
    notes: list[str]


class ActionShape(Shape):
    """One action. `state`: acting, verifying, verified or failed."""

    id: str
    service: str
    kind: str
    origin: str
    cause: str
    reason: str
    by: str
    incident_id: str | None
    state: str
    parameters: dict[str, Any]
    intended_at_s: Known
    finished_at_s: Known
    ended_at_s: Known
    outcome: str
    error: str
    verdict: str


class ActionStoryShape(ActionShape):
    """An action with its evidence: seen before, noted during, seen after."""

    before: SightingShape | None
    during: list[str]
    after: SightingShape | None


class ActionsShape(Shape):
    """A page, newest first. `next_before`: ask for `?before=` this to go on; null at the end."""

    actions: list[ActionShape]
    next_before: str | None


class AfterwardsShape(Shape):
    """What became of an incident that was handed over: what people tried, when the service was well
    again (null: not yet, as far as is known) and by which action, who stopped it on purpose, as
    which incident it goes on, and its condition now."""

    actions: tuple[ActionStoryShape, ...]
    well_at_s: Known
    proven_by: str
    stopped_by: str
    goes_on_as: str
    condition: str


class IncidentStoryShape(IncidentShape):
    """An incident explained: its journal entries in order (`has_more` when the list was cut), what
    may lie behind it, what the gate said, every action with its evidence, whom it hurt, what is
    decided now, and what a person can do. `origin_s`: from when its times are best counted;
    `time_scale`: what all waits are multiplied with; `afterwards`: of what was handed over;
    `mitigations`: what would keep it from spreading now, `contained`: what was done for that."""

    is_with_a_person: bool = False
    now_s: Known = None
    origin_s: Known = None
    mode: Mode = Mode.OBSERVE
    timeline: tuple[EntryShape, ...] = ()
    has_more: bool = False
    causes: tuple[CandidateShape, ...] = ()
    gate: tuple[GateWordShape, ...] = ()
    actions: tuple[ActionStoryShape, ...] = ()
    would_have_done: tuple[WouldDoShape, ...] = ()
    episode: EpisodeShape | None = None
    bystanders: tuple[BystanderShape, ...] = ()
    now: DecisionShape | None = None
    in_flight: FlightShape | None = None
    remedies: tuple[RemedyShape, ...] = ()
    afterwards: AfterwardsShape | None = None
    mitigations: tuple[MitigationShape, ...] = ()
    contained: tuple[ActionStoryShape, ...] = ()
    time_scale: float = 1.0
