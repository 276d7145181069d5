"""When it is not certain that a service is the root, though nothing unwell explains it. Pure.

Flows in: a root's finding, what was seen of its needs. Flows out: the doubt in words, or "". Called
by `relate`: a finding in doubt is not confirmed, so that nobody is touched and the next look sees
more. Who is dead, or stuck by the kernel's word, is ill beyond doubt. That hard needs must have
been seen well since is the gate's to say.

Doubted is a service whose check fails while something it needs is degraded; while a soft need
cannot be seen, was last seen before the service fell ill, or fell ill just before it; and while
members of one circle fell ill together. No doubt lasts longer than `change_most_s`: else it might
wait for ever.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.dependency_monitor.graph import Graph
from everup.model.assessment import Finding, OwnHealth
from everup.model.kinds import FORETOLD, Cause, Condition, DependencyKind, ProbeVerdict, is_known
from everup.model.observation import Observation
from everup.model.settings import Settings

CERTAIN = frozenset({Cause.STOPPED_ON_PURPOSE, Cause.BAD_DEPLOY, Cause.DISK_FULL, *FORETOLD})
"""What shows its own reason beside the failing check."""


def doubt(
    found: Finding,
    findings: Mapping[str, Finding],
    observation: Observation,
    own: OwnHealth,
    graph: Graph,
    settings: Settings,
) -> str:
    """Why this root may be a victim after all; "" when there is no such reason."""
    if found.is_dead or found.is_proven or found.cause in CERTAIN:
        return ""
    if not observation.at_s - found.since_s <= settings.change_most_s:
        return ""
    return _of_what_it_needs(found, observation, own, graph) or _of_the_order(
        found, findings, graph, settings
    )


def _of_what_it_needs(
    found: Finding, observation: Observation, own: OwnHealth, graph: Graph
) -> str:
    for edge in graph.edges[found.service]:
        if edge.kind is DependencyKind.SOFT:
            if _is_lost(edge.target, observation, own):
                return f"{edge.target}, which it uses, cannot be seen"
            if _is_stale(edge.target, found, observation):
                return f"{edge.target}, which it uses, was not seen since"
        if own.services[edge.target].condition is Condition.DEGRADED:
            return f"{edge.target}, which it needs, is not quite well"
    return ""


def _of_the_order(
    found: Finding, findings: Mapping[str, Finding], graph: Graph, settings: Settings
) -> str:
    """Did something that explains no more than half of it fall ill first, or at once?"""
    tolerance_s = settings.sample_interval_s
    for edge in graph.edges[found.service]:
        theirs = findings.get(edge.target)
        if theirs is None:
            continue
        earlier_s = found.since_s - theirs.since_s
        is_soft = edge.kind is DependencyKind.SOFT
        if is_soft and -tolerance_s <= earlier_s <= settings.change_most_s:
            return f"{edge.target}, which it uses, fell ill just before it"
        in_circle = graph.ring[edge.target] == graph.ring[found.service]
        if in_circle and not is_soft and abs(earlier_s) <= tolerance_s:
            return f"it and {edge.target} need each other and fell ill together"
    return ""


def _is_lost(target: str, observation: Observation, own: OwnHealth) -> bool:
    """It was seen once, and cannot be now."""
    seen = observation.services.get(target)
    if seen is None or own.services[target].condition is not Condition.UNKNOWN:
        return False
    probes = [i.probe for i in seen.instances if i.probe is not None and i.probe.has_ever_passed]
    return not seen.is_known or any(p.verdict is ProbeVerdict.UNKNOWN for p in probes)


def _is_stale(target: str, found: Finding, observation: Observation) -> bool:
    """Its last answer is from before the service fell ill: nobody knows whether it is well."""
    seen = observation.services.get(target)
    probes = [i.probe for i in seen.instances if i.probe is not None] if seen is not None else []
    times = [p.at_s for p in probes if p.has_ever_passed and is_known(p.at_s)]
    return bool(times) and max(times) < found.since_s
