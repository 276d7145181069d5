"""The dependency graph with what the latest look says of it."""

from __future__ import annotations

from everup.api.shapes.base import Known, Shape
from everup.api.shapes.breakers import BreakerShape
from everup.api.shapes.mitigations import MitigationsShape
from everup.model.kinds import Cause, Condition, DependencyKind


class NodeShape(Shape):
    """A service. `propagated`: its health when that of its dependencies is taken into account.
    `cascade_risk`: probability that a failure elsewhere hurts it within the horizon."""

    service: str
    priority: int
    is_stateful: bool
    condition: Condition
    score: Known
    propagated: Known
    is_root: bool
    is_victim: bool
    cascade_risk: Known


class EdgeShape(Shape):
    """`service` needs `target`, as it is declared."""

    service: str
    target: str
    kind: DependencyKind
    weight: Known
    is_critical: bool
    source: str
    confidence: Known


class SeenEdgeShape(EdgeShape):
    """With what was seen and learned of it. `is_declared` false: it is only seen. `learned`: the
    probability that a failure is passed on, as declared and corrected by so many `episodes`, about
    `delay_s` later. `last_seen_s`: when a connection along it was last seen, null: never."""

    is_declared: bool
    last_seen_s: Known
    learned: Known
    episodes: Known
    delay_s: Known


class UnconfirmedShape(Shape):
    """An edge that is declared and was never seen; `why`: nobody could look, or empty."""

    service: str
    target: str
    source: str
    why: str


class ReviewShape(Shape):
    """`since_s`: when the first connection of this stack was written down, null: none was. `fault`:
    why nothing can be seen at present; `unseen`: service → why nobody can look at it."""

    since_s: Known
    never_seen: list[UnconfirmedShape]
    undeclared: list[SeenEdgeShape]
    cycles: list[list[str]]
    unseen: dict[str, str]
    fault: str


class FindingShape(Shape):
    """Why a service is unwell."""

    service: str
    cause: Cause
    reason: str
    since_s: Known
    score: Known
    confidence: Known
    is_confirmed: bool
    is_proven: bool
    process_state: str | None
    explained_by: list[str]
    instances: list[str]


class SuspectShape(Shape):
    """What may lie behind all that is unwell, with our belief in it."""

    service: str
    probability: Known
    reason: str
    victims: list[str]
    since_s: Known
    is_seen: bool


class PathShape(Shape):
    """One way a failure may go, from the service that fails to the last one hurt."""

    services: list[str]
    probability: Known
    risk: Known
    delay_s: Known


class SinglePointShape(Shape):
    """A service without a spare whose failure likely hurts several others."""

    service: str
    expected: Known
    hurt: list[str]


class CascadeShape(Shape):
    """`risk`: probability that a failure hurts any service with which nothing is wrong itself;
    `expected`: how many on average; `error`: one standard error of it, 0 where it is exact."""

    risk: Known
    expected: Known
    error: Known
    paths: list[PathShape]
    single_points: list[SinglePointShape]


class SufferingShape(Shape):
    """One service that would suffer: `by` which way, likely after `delay_s`, at the soonest after
    `soonest_s`."""

    service: str
    probability: Known
    by: list[str]
    delay_s: Known
    soonest_s: Known


class WhatIfShape(Shape):
    """Who suffers if `service` fails, likeliest first; `expected`: how many on average."""

    service: str
    suffering: list[SufferingShape]
    expected: Known
    error: Known


class DependenciesShape(Shape):
    """Graph, roots, victims (victim → the roots that explain it), suspects, breakers, what may
    spread, and what would keep it from that."""

    at_s: Known
    nodes: list[NodeShape]
    edges: list[SeenEdgeShape]
    roots: list[str]
    victims: dict[str, list[str]]
    findings: list[FindingShape]
    suspects: list[SuspectShape]
    breakers: list[BreakerShape]
    cascade: CascadeShape
    cycles: list[list[str]]
    mitigations: MitigationsShape
