"""Who hurts whom: `relate(...) -> Relations`: causes, roots, victims, propagated health. Pure.

`outlook(...) -> CascadeRisk` says what may spread, `if_it_fails(...) -> WhatIf` who would suffer,
`root_cause.rank_roots(...)` whose own share of slow or failed calls is largest, `mitigations(...)`
what would keep a failure from spreading, and `best(...)` which of that is worth a proposal.

Called by `loop.assess`. Imports `model` and NetworkX only. How well a service is by itself is
`predictive_monitor`'s; what to do about it is `automated_recovery`'s.
"""

from everup.dependency_monitor.edges import edges_of, review, tallies_of, with_seen
from everup.dependency_monitor.graph import Closures, Graph, build_graph
from everup.dependency_monitor.mitigations import best, mitigations
from everup.dependency_monitor.outlook import if_it_fails, outlook
from everup.dependency_monitor.relate import relate
from everup.dependency_monitor.threat import sources_of

__all__ = [
    "Closures",
    "Graph",
    "best",
    "build_graph",
    "edges_of",
    "if_it_fails",
    "mitigations",
    "outlook",
    "relate",
    "review",
    "sources_of",
    "tallies_of",
    "with_seen",
]
