"""What counted calls say of a finding: whose own share of slow or failed ones stands out. Pure.

Flows in: a root's finding, the graph, own shares as `root_cause` ranks them. Flows out: candidates
for `rank`. Called by `relate`. Evidence beside other evidence: no action is chosen by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from everup.dependency_monitor.graph import Graph
from everup.dependency_monitor.root_cause import RankedCause
from everup.model.assessment import Candidate, Finding
from everup.model.kinds import Cause
from everup.model.signals import Symptom

OwnShares = Mapping[Symptom, Sequence[RankedCause]]
NOTHING_COUNTED: OwnShares = MappingProxyType({})

STRENGTH = 0.6
"""Of one that has the whole of it: more than an onset alone says, less than a proven death."""
SHARE_LEAST = 0.2
ASKED_MOST = 3


def by_calls(found: Finding, graph: Graph, shares: OwnShares) -> list[Candidate]:
    """The service itself and what it needs, where they have a good part of it. Of two symptoms of
    one service the stronger counts."""
    near = {found.service, *graph.hard_closure(found.service)} if shares else set()
    best: dict[str, Candidate] = {}
    for symptom, ranked in shares.items():
        for one in ranked[:ASKED_MOST]:
            if one.node not in near or one.share < SHARE_LEAST:
                continue
            cause = found.cause if one.node == found.service else Cause.SLOW
            text = f"by its calls ({symptom}): {one.reason}"
            candidate = Candidate(one.node, cause, STRENGTH * one.share, text)
            known = best.get(one.node)
            if known is None or candidate.confidence > known.confidence:
                best[one.node] = candidate
    return list(best.values())
