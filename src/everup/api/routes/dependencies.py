"""GET /dependencies: the graph, who is unwell by itself, who only suffers, and what may spread."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from everup.api.engine import Control, ControlView
from everup.api.mitigating import mitigations_shape
from everup.api.parameters import NeededService, require_service
from everup.api.routes.breakers import breaker_shape
from everup.api.shapes.dependencies import (
    CascadeShape,
    DependenciesShape,
    FindingShape,
    NodeShape,
    PathShape,
    ReviewShape,
    SeenEdgeShape,
    SinglePointShape,
    SuspectShape,
    UnconfirmedShape,
    WhatIfShape,
)
from everup.dependency_monitor import (
    build_graph,
    edges_of,
    if_it_fails,
    outlook,
    review,
    tallies_of,
    with_seen,
)
from everup.model.assessment import OwnHealth, Predictions, Relations
from everup.model.kinds import UNKNOWN, Condition
from everup.model.propagation import CascadeRisk

router = APIRouter(tags=["dependencies"])

_NOTHING_SEEN = Relations(propagated={}, findings={})


@router.get("/dependencies")
async def dependencies(control: Control) -> DependenciesShape:
    """Nodes, edges, propagated health, roots, victims, suspects, breakers, cascade risk and
    mitigations of the latest look."""
    look = control.look
    own = OwnHealth({}) if look is None else look.assessment.own
    predictions = Predictions() if look is None else look.assessment.predictions
    known = control.edges.known(control.state)
    wired, learned = with_seen(control.stack, known), tallies_of(known)
    risk = await run_in_threadpool(outlook, wired, own, predictions, learned)
    relations = _NOTHING_SEEN if look is None else look.assessment.relations
    services = control.stack.services
    return DependenciesShape(
        at_s=UNKNOWN if look is None else look.at_s,
        nodes=[_node(control, name, relations, risk) for name in services],
        edges=[SeenEdgeShape.model_validate(edge) for edge in edges_of(control.stack, known)],
        roots=list(relations.roots),
        victims={victim: list(roots) for victim, roots in relations.victims.items()},
        findings=[FindingShape.model_validate(f) for f in relations.findings.values()],
        suspects=[SuspectShape.model_validate(s) for s in relations.suspects],
        breakers=[breaker_shape(view) for view in control.breakers.views()],
        cascade=CascadeShape(
            risk=risk.stack,
            expected=risk.expected,
            error=risk.error,
            paths=[PathShape.model_validate(p) for p in risk.paths],
            single_points=[SinglePointShape.model_validate(p) for p in risk.single_points],
        ),
        cycles=[list(cycle) for cycle in build_graph(control.stack).cycles],
        mitigations=mitigations_shape(control),
    )


@router.get("/dependencies/what-if")
async def what_if(control: Control, service: NeededService) -> WhatIfShape:
    """Who suffers if this service fails, how likely and how soon."""
    require_service(control, service)
    known = control.edges.known(control.state)
    wired, learned = with_seen(control.stack, known), tallies_of(known)
    found = await run_in_threadpool(if_it_fails, wired, service, learned)
    return WhatIfShape.model_validate(found)


@router.get("/dependencies/review")
async def look_through(control: Control) -> ReviewShape:
    """Edges that are declared and were never seen, connections that nobody declared, circles."""
    edges = control.edges
    found = review(control.stack, edges.known(control.state), edges.unseen)
    return ReviewShape(
        since_s=found.since_s,
        never_seen=[UnconfirmedShape.model_validate(e) for e in found.never_seen],
        undeclared=[SeenEdgeShape.model_validate(e) for e in found.undeclared],
        cycles=[list(cycle) for cycle in found.cycles],
        unseen=dict(found.unseen),
        fault=edges.fault,
    )


def _node(control: ControlView, name: str, relations: Relations, risk: CascadeRisk) -> NodeShape:
    spec = control.stack.services[name]
    health = None if control.look is None else control.look.assessment.own.services.get(name)
    return NodeShape(
        service=name,
        priority=spec.priority,
        is_stateful=spec.is_stateful,
        condition=Condition.UNKNOWN if health is None else health.condition,
        score=UNKNOWN if health is None else health.score,
        propagated=relations.propagated.get(name, UNKNOWN),
        is_root=name in relations.roots,
        is_victim=name in relations.victims,
        cascade_risk=risk.services.get(name, UNKNOWN),
    )
