"""The fold of edges: when connections along them were seen, and how health followed them. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold` alone. At most
`EDGES_MOST` are remembered; those that were seen least lately give way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from everup.model import entries as e
from everup.model.edges import KnownEdge
from everup.model.kinds import is_known
from everup.model.propagation import Tally
from everup.model.state import StackState

EDGES_MOST = 5000
NOTHING_YET = KnownEdge()

Known = Mapping[str, Mapping[str, KnownEdge]]


def seen(state: StackState, entry: e.EdgesSeen) -> StackState:
    """There were connections."""
    changed = {}
    for edge in entry.edges:
        known = state.edges.get(edge.service, {}).get(edge.target, NOTHING_YET)
        first_s = known.first_seen_s if is_known(known.first_seen_s) else entry.at_s
        changed[edge.service, edge.target] = replace(
            known, first_seen_s=first_s, last_seen_s=entry.at_s
        )
    return replace(state, edges=_with(state.edges, changed))


def learned(state: StackState, entry: e.EdgesLearned) -> StackState:
    """Health followed them, or did not."""
    changed = {}
    for edge in entry.edges:
        known = state.edges.get(edge.service, {}).get(edge.target, NOTHING_YET)
        tally = Tally(edge.hurt, edge.spared, edge.delay_sum_s)
        changed[edge.service, edge.target] = replace(known, tally=tally)
    return replace(state, edges=_with(state.edges, changed))


def _with(known: Known, changed: Mapping[tuple[str, str], KnownEdge]) -> Known:
    found = dict(known)
    for (service, target), edge in changed.items():
        found[service] = {**found.get(service, {}), target: edge}
    too_many = sum(len(targets) for targets in found.values()) - EDGES_MOST
    if too_many <= 0:
        return found
    ages = sorted(
        (edge.last_seen_s if is_known(edge.last_seen_s) else float("-inf"), service, target)
        for service, targets in found.items()
        for target, edge in targets.items()
        if (service, target) not in changed
    )
    for _, service, target in ages[:too_many]:
        left = {name: edge for name, edge in found[service].items() if name != target}
        found[service] = left
        if not left:
            del found[service]
    return found
