"""Who hurts whom: `relate(...) -> Relations`: causes, roots, victims, propagated health. Pure.

Called by `loop.assess`. Imports `model` and NetworkX only. How well a service is by itself is
`predictive_monitor`'s; what to do about it is `automated_recovery`'s.
"""

from everup.dependency_monitor.graph import Closures, Graph, build_graph
from everup.dependency_monitor.relate import relate

__all__ = ["Closures", "Graph", "build_graph", "relate"]
