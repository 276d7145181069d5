"""Who stands in for whom since a failover: needs lead to the standby, not to the fenced one. Pure.

Flows in: the stack as declared and who stands in. Flows out: the stack whose edges lead to where
the names lead now. Asked at every look; the graph is made anew when the answer changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from everup.model.stack import Dependency, ServiceSpec, Stack
from everup.model.state import StackState


def standing_in(state: StackState) -> dict[str, str]:
    """Service → its standby that has its place."""
    return {name: s.stands_in for name, s in state.services.items() if s.stands_in}


def as_it_leads(stack: Stack, stands: Mapping[str, str]) -> Stack:
    """The same stack where nobody stands in."""
    if not any(name in stack.services for name in stands):
        return stack
    services = {name: _led(spec, stands) for name, spec in stack.services.items()}
    return replace(stack, services=services)


def _led(spec: ServiceSpec, stands: Mapping[str, str]) -> ServiceSpec:
    found: dict[str, Dependency] = {}
    for edge in spec.depends_on:
        target = stands.get(edge.target, edge.target)
        if target != spec.name and target not in found:
            found[target] = replace(edge, target=target)
    return replace(spec, depends_on=tuple(found.values()))
