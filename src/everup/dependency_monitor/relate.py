"""Roots and victims: which finding explains which, and how health propagates along the edges.

Flows in: observation, own health, graph, what is remembered. Flows out: Relations. A service is a
victim when a hard dependency of it is unwell, be it only suspected: its own check is then no proof
against it. A process that the kernel calls stopped is its own proof and stays a root. In a circle
of dependencies the one with its own proof, then the one that fell first, explains the others.
"""

from __future__ import annotations

from dataclasses import replace

from everup.dependency_monitor.accused import accused, accuses
from everup.dependency_monitor.by_calls import NOTHING_COUNTED, OwnShares, by_calls
from everup.dependency_monitor.causes import TOLD, Surroundings, find
from everup.dependency_monitor.changed import by_a_change
from everup.dependency_monitor.disks import shared
from everup.dependency_monitor.doubts import doubt
from everup.dependency_monitor.edges import tallies_of
from everup.dependency_monitor.foretold import foretell
from everup.dependency_monitor.graph import Graph
from everup.dependency_monitor.rank import rank_causes
from everup.dependency_monitor.sights import look_around
from everup.dependency_monitor.suspects import suspects
from everup.model.assessment import Finding, OwnHealth, Predictions, Relations
from everup.model.kinds import (
    FORETOLD,
    ONLY_TOLD,
    Cause,
    Condition,
    DependencyKind,
    ProbeVerdict,
    Purpose,
    is_known,
)
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import StackState, as_remembered

UNWELL = frozenset(
    {
        Condition.UNHEALTHY,
        Condition.DOWN,
        Condition.STOPPED,
        Condition.PAUSED,
        Condition.STARTING,
        Condition.RECOVERING,
    }
)
NOTHING_FORETOLD = Predictions()
SOFT_SHARE = 0.5  # a soft dependency hurts half as much as its weight says


def relate(
    stack: Stack,
    observation: Observation,
    own: OwnHealth,
    graph: Graph,
    state: StackState,
    settings: Settings,
    predictions: Predictions = NOTHING_FORETOLD,
    calls: OwnShares = NOTHING_COUNTED,
) -> Relations:
    """Findings of all services with what explains each. `calls`: whose own share of slow or failed
    calls is how large, where a router counts them."""
    unwell = {name for name in stack.services if _is_unwell(name, observation, own)}
    depended_on = {target for name in unwell for target in graph.hard.get(name, ())}
    is_pressed = observation.host.pressure_ratio >= settings.host_pressure_ratio
    quiet = Surroundings(observation.at_s, False, is_pressed)
    suffering = Surroundings(observation.at_s, True, is_pressed)
    findings: dict[str, Finding] = {}
    for name, spec in stack.services.items():
        seen = observation.services.get(name)
        if seen is None:
            continue
        spec = as_remembered(spec, state.service(name))
        around = suffering if name in depended_on else quiet
        found = find(spec, seen, own.services[name], around, settings)
        if found is not None:
            if found.cause is Cause.STOPPED_ON_PURPOSE:
                found = _named(found, state)
            found = by_a_change(found, spec, seen, state.service(name), observation.at_s, settings)
            findings[name] = found
    findings = {**foretell(predictions, own, state, settings), **findings}
    explained = {n: _explain(f, findings, unwell, graph) for n, f in findings.items()}
    findings = {
        n: replace(f, explained_by=explained[n]) if explained[n] else f for n, f in findings.items()
    }
    for name, roots in shared(findings, stack, observation, state).items():
        findings[name] = replace(findings[name], explained_by=roots)
    findings = _accused(findings, stack, own, state, observation, settings)
    findings = {
        name: _doubted(found, findings, observation, own, graph, settings)
        for name, found in findings.items()
    }
    for name, found in findings.items():
        if found.is_root:
            shares = by_calls(found, graph, calls)
            ranked = rank_causes(found, stack, observation, own, findings, state, settings, shares)
            findings[name] = replace(found, candidates=ranked)
    if not findings:
        return Relations(propagated=propagate(own, graph), findings=findings)
    in_order = [n for n in graph.order if n in findings]
    bounds = (observation.changes, settings.sample_interval_s, settings.rollback_window_s)
    roots_of = _roots_of(findings, graph)
    learned = tallies_of(state.edges)
    scenery = look_around(stack, findings, unwell, observation, own, graph, learned)
    return Relations(
        propagated=propagate(own, graph),
        findings=findings,
        roots=tuple(n for n in in_order if findings[n].is_root),
        victims={n: roots_of[n] for n in in_order if not findings[n].is_root},
        suspects=suspects(scenery, *bounds),
    )


def _accused(
    findings: dict[str, Finding],
    stack: Stack,
    own: OwnHealth,
    state: StackState,
    observation: Observation,
    settings: Settings,
) -> dict[str, Finding]:
    """With who looks well and is the cause all the same, since it was changed."""
    blamed = accused(stack, findings, own, state, observation.at_s, settings)
    for name, found in findings.items():
        if by := accuses(found, blamed, stack):
            findings[name] = replace(found, explained_by=by)
    return {**findings, **blamed}


def _doubted(
    found: Finding,
    findings: dict[str, Finding],
    observation: Observation,
    own: OwnHealth,
    graph: Graph,
    settings: Settings,
) -> Finding:
    """A root that may be a victim all the same is not confirmed. Who was changed is none: it is the
    cause of what came since."""
    if not found.is_root or not found.is_confirmed or found.cause is Cause.BAD_DEPLOY:
        return found
    why = doubt(found, findings, observation, own, graph, settings)
    if not why:
        return found
    return replace(found, is_confirmed=False, reason=f"{found.reason}; left alone: {why}")


def _named(found: Finding, state: StackState) -> Finding:
    purpose = state.service(found.service)
    since_s = purpose.purpose_at_s if is_known(purpose.purpose_at_s) else found.since_s
    by = purpose.purpose_by if purpose.purpose is Purpose.STOPPED else ""
    return replace(found, reason=f"stopped on purpose by {by or 'somebody'}", since_s=since_s)


def _is_unwell(name: str, observation: Observation, own: OwnHealth) -> bool:
    """Unwell, or under suspicion: the latest answer of one of its probes was a failure."""
    if own.services[name].condition in UNWELL:
        return True
    seen = observation.services.get(name)
    for i in seen.instances if seen is not None else ():
        if i.probe is not None and i.probe.verdict is ProbeVerdict.FAIL:
            return True
        if (i.instance.process_state or "?") in "Tt":
            return True
    return False


def _strength(found: Finding | None, name: str) -> tuple[int, float, str]:
    if found is None:
        return (1, 0.0, name)
    is_dead = found.is_dead or found.cause is Cause.STOPPED_ON_PURPOSE
    return (0 if is_dead or found.is_proven else 1, found.since_s, name)


def _explain(
    found: Finding, findings: dict[str, Finding], unwell: set[str], graph: Graph
) -> tuple[str, ...]:
    if found.cause is Cause.STOPPED_ON_PURPOSE:
        return ()
    if found.shows is Cause.HANG and found.is_proven and (found.process_state or "?") in TOLD:
        return ()
    if found.cause in FORETOLD and found.cause is not Cause.SLOW:
        return ()
    name = found.service
    if found.cause is Cause.SLOW:  # whoever waits for a strained one is slow with it
        strains = FORETOLD - ONLY_TOLD
        unwell = unwell | {t for t, other in findings.items() if other.cause in strains}
    mine = _strength(found, name)
    return tuple(
        target
        for target in graph.hard.get(name, ())
        if target in unwell
        and (
            graph.ring[target] != graph.ring[name] or _strength(findings.get(target), target) < mine
        )
    )


def _roots_of(findings: dict[str, Finding], graph: Graph) -> dict[str, tuple[str, ...]]:
    """Victim → the roots at the ends of its explanations, sorted.

    What explains a victim comes before it in this order, also within a circle: there only the
    stronger explains the weaker. So one pass is enough, however long the chains are.
    """
    roots: dict[str, frozenset[str]] = {}
    order = sorted(
        (n for n, found in findings.items() if not found.is_root),
        key=lambda n: (graph.ring[n], _strength(findings[n], n)),
    )
    for name in order:
        ends = [roots.get(target, frozenset((target,))) for target in findings[name].explained_by]
        roots[name] = ends[0] if len(ends) == 1 else frozenset().union(*ends)
    return {name: tuple(sorted(found)) for name, found in roots.items()}


def propagate(own: OwnHealth, graph: Graph) -> dict[str, float]:
    """Health as its users feel it: own × product over dependencies of (1 − w × (1 − h)).

    Unknown dependencies take nothing away; an unknown service stays unknown. One pass in graph
    order; inside of a circle a member counts with its own health only.
    """
    felt: dict[str, float] = {}
    for name in graph.order:
        health = own.score(name)
        if is_known(health):
            for edge in graph.edges[name]:
                there = felt[edge.target] if edge.target in felt else own.score(edge.target)
                if there < 1.0:  # neither whole nor unknown
                    share = 1.0 if edge.kind is DependencyKind.HARD else SOFT_SHARE
                    health *= 1.0 - share * edge.weight * (1.0 - there)
        felt[name] = health
    return felt
