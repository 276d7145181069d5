"""GET /dependencies: the graph, who is unwell by itself, and who only suffers."""

from __future__ import annotations

from fastapi import APIRouter

from everup.api.engine import Control, ControlView
from everup.api.shapes.dependencies import DependenciesShape, EdgeShape, FindingShape, NodeShape
from everup.model.assessment import Relations
from everup.model.kinds import UNKNOWN, Condition

router = APIRouter(tags=["dependencies"])

_NOTHING_SEEN = Relations(propagated={}, findings={})


@router.get("/dependencies")
async def dependencies(control: Control) -> DependenciesShape:
    """Nodes, edges, propagated health, roots and victims of the latest look."""
    look = control.look
    relations = _NOTHING_SEEN if look is None else look.assessment.relations
    services = control.stack.services
    return DependenciesShape(
        at_s=UNKNOWN if look is None else look.at_s,
        nodes=[_node(control, name, relations) for name in services],
        edges=[
            EdgeShape(
                service=name,
                target=edge.target,
                kind=edge.kind,
                weight=edge.weight,
                is_critical=edge.is_critical,
                source=edge.source,
                confidence=edge.confidence,
            )
            for name, spec in services.items()
            for edge in spec.depends_on
        ],
        roots=list(relations.roots),
        victims={victim: list(roots) for victim, roots in relations.victims.items()},
        findings=[FindingShape.model_validate(f) for f in relations.findings.values()],
    )


def _node(control: ControlView, name: str, relations: Relations) -> NodeShape:
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
    )
