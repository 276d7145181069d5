"""Dependencies that a project's settings give away and its Compose file lacks. Pure.

Called by `suggest`. Flows out: entries of `depends_on` in their long form, which never close a
circle with what is declared: Compose would refuse the whole file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from everup.app.suggest.advice import Advice
from everup.model.kinds import DependencyKind
from everup.model.stack import Dependency
from everup.runtimes.docker.discovery import Discovered
from everup.runtimes.docker.discovery.edges_declared import label_conditions

KEY = "depends_on"
SEEN_IN = ("environment ", "command line")
SURE = 0.6
HEALTHY, STARTED = "service_healthy", "service_started"


def needs(seen: Discovered, checked: Collection[str], *, is_known: bool) -> list[Advice]:
    """`checked` have a healthcheck, or are given one; `is_known` False: what is declared is not."""
    services = seen.stack.services
    order: dict[str, set[str]] = {name: _declared(seen, name) for name in services}
    found: list[Advice] = []
    guessed = [(n, e) for n, spec in services.items() for e in spec.depends_on if _is_seen(e)]
    for name, edge in sorted(guessed, key=lambda one: (-one[1].confidence, one[0], one[1].target)):
        if edge.target in order[name] or services[edge.target].is_one_shot:
            continue
        doubt = _doubt(name, edge, order, is_known=is_known)
        if not doubt:
            order[name].add(edge.target)
        condition = HEALTHY if edge.target in checked else STARTED
        why = f"{edge.target} is named by {edge.source} (confidence {edge.confidence:g})"
        why += f". Yours to decide: {doubt}" if doubt else ""
        value = {"condition": condition}
        found.append(Advice(name, edge.target, value, why, not doubt, under=KEY))
    return found


def _is_seen(edge: Dependency) -> bool:
    return edge.source.startswith(SEEN_IN)


def _declared(seen: Discovered, name: str) -> set[str]:
    """Also what a label of Everup's refuses: Compose orders by it all the same."""
    edges = seen.stack.services[name].depends_on
    declared = {edge.target for edge in edges if not _is_seen(edge)}
    return declared | set(label_conditions(seen.project.services[name][0]) or {})


def _doubt(
    name: str, edge: Dependency, order: Mapping[str, Collection[str]], *, is_known: bool
) -> str:
    if not is_known:
        return "the Compose files cannot be read from here, so it may be declared already"
    if _leads_to(name, edge.target, order):
        return f"{edge.target} needs {name}, and Compose refuses a circle"
    if edge.kind is not DependencyKind.HARD:
        return "it can probably do without"
    return "" if edge.confidence >= SURE else "that is not certain"


def _leads_to(wanted: str, start: str, order: Mapping[str, Collection[str]]) -> bool:
    known: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name == wanted:
            return True
        if name not in known:
            known.add(name)
            waiting += order.get(name, ())
    return False
