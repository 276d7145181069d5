"""What would keep a failure from spreading: every option with its gain, best first. Pure.

Flows in: the stack, what was seen of it, who is sick, what can be done here (`Means`). Flows out:
`Mitigations`: each option with the risk before and after under the fault model of `threat`, what it
lacks, and why. Called by `loop.mitigations`, which proposes the best one; nothing is decided here.

How each one changes the model (docs/mitigations.md):

    degrade        the soft edge passes nothing on
    shed, isolate  of one instance of several: what is left fails as rarely as a healthy service
    isolate        of all: it has failed for certain, for who cannot do without; to others it passes
                   nothing on
    failover       it fails as its standby would
    scale          its probability to fail shrinks as the load or the use of each copy does
    hold_restarts  who suffers is not down for a restart besides
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from everup.dependency_monitor.fault_model import FAILED, NOTHING_LEARNED, RARELY, failures_of
from everup.dependency_monitor.graph import Graph, build_graph
from everup.dependency_monitor.learned import Tallies
from everup.dependency_monitor.threat import AS_IT_IS, Change, Threat, sources_of, threat
from everup.model.assessment import Assessment
from everup.model.breaker import EdgeName
from everup.model.kinds import (
    FORETOLD,
    Cause,
    Condition,
    DependencyKind,
    InstanceState,
    ProbeVerdict,
)
from everup.model.mitigation import Growth, Means, Mitigation, MitigationKind, Mitigations
from everup.model.observation import Observation, ProbeReading
from everup.model.runtime import Capability
from everup.model.settings import Settings
from everup.model.stack import Stack

OPTIONS_MOST, OPTIONS_LEAST = 64, 8
"""So many are looked at in one look; further ones are counted."""
SERVICES_MOST = 6400
"""Options times exposed services of one look, so that a large stack is not held up by it."""
LIKELY = 0.5
EPSILON = 1e-9
NO_PREDICTION = "it still passes its check, and no prediction permits this"
BY_LOAD = frozenset({Cause.SLOW, Cause.OVERLOAD})
BY_MEMORY = frozenset({Cause.MEMORY_PRESSURE, Cause.LEAK})


@dataclass(frozen=True, slots=True)
class _Case:
    """All that bears on the options of one look. `declared`: the graph without edges only seen."""

    stack: Stack
    observation: Observation
    assessment: Assessment
    settings: Settings
    means: Means
    declared: Graph
    threat: Threat

    def cause(self, source: str) -> Cause:
        """Of its finding, or of what is foretold of it."""
        found = self.assessment.relations.findings.get(source)
        if found is not None and found.is_root:
            return found.cause
        prediction = self.assessment.predictions.of(source)
        return Cause.UNKNOWN if prediction is None else prediction.cause

    def why(self, source: str) -> str:
        """What is the matter with it."""
        found = self.assessment.relations.findings.get(source)
        if found is not None and found.is_root:
            return f"{source}: {found.cause}: {found.reason}"
        prediction = self.assessment.predictions.of(source)
        chance = 0.0 if prediction is None else prediction.probability
        return f"{source} is foretold to fail ({self.cause(source)}) with {chance:.2f}"

    def users(self, source: str, kind: DependencyKind) -> tuple[str, ...]:
        """Who needs it so, by declaration."""
        return tuple(
            name
            for name, edges in self.declared.edges.items()
            if any(e.target == source and e.kind is kind for e in edges)
        )


@dataclass(frozen=True, slots=True)
class _Draft:
    """An option before its risk is known; `before`: what would be changed without it."""

    option: Mitigation
    after: Change
    before: Change = AS_IT_IS


def mitigations(
    stack: Stack,
    observation: Observation,
    assessment: Assessment,
    settings: Settings,
    means: Means,
    *,
    wired: Stack | None = None,
    learned: Tallies = NOTHING_LEARNED,
) -> Mitigations:
    """Of this look. `wired`: the stack with edges that were only seen, which may spread a failure
    and are nobody's to cut; None: as declared."""
    own, relations = assessment.own, assessment.relations
    if not sources_of(relations, assessment.predictions, settings):
        return Mitigations(observation.at_s)
    graph = build_graph(wired or stack)
    cut = _spared(graph, means)
    found = threat(graph, own, relations, assessment.predictions, settings, learned, cut)
    if found is None:
        return Mitigations(observation.at_s)
    declared = build_graph(stack) if wired is not None else graph
    case = _Case(stack, observation, assessment, settings, means, declared, found)
    now, kept, left_out = found.risk(), list[Mitigation](), 0
    most = max(OPTIONS_LEAST, min(OPTIONS_MOST, SERVICES_MOST // len(found.exposed)))
    for number, draft in enumerate(_drafts(case)):
        if number >= most:
            left_out += 1
            continue
        option = _judged(draft, found, now)
        if option.gain > EPSILON or (option.is_in_force and option.gain >= -EPSILON):
            kept.append(option)
    kept.sort(key=_rank)
    return Mitigations(
        observation.at_s, now, found.error, found.sources, found.exposed, tuple(kept), left_out
    )


def _spared(graph: Graph, means: Means) -> list[tuple[str, str]]:
    """Who does without whom, its breaker being open. Who cannot do without is hurt all the same."""
    turned_away = means.open & means.heeded
    return [
        (name, edge.target)
        for name, edges in graph.edges.items()
        for edge in edges
        if edge.kind is DependencyKind.SOFT and str(EdgeName(name, edge.target)) in turned_away
    ]


def _judged(draft: _Draft, found: Threat, now: float) -> Mitigation:
    before = now if draft.before == AS_IT_IS else found.risk(draft.before)
    after = now if draft.after == AS_IT_IS else found.risk(draft.after)
    return replace(draft.option, risk_before=before, risk_after=after)


def _rank(option: Mitigation) -> tuple[float, int, str]:
    """Most gain first; of the same gain the gentler one, then by name."""
    return (-round(option.gain, 9), tuple(MitigationKind).index(option.kind), option.name)


def _drafts(case: _Case) -> Iterator[_Draft]:
    for source in case.threat.sources:
        yield from _held_restarts(case, source)
        yield from _one_of_several(case, source)
        yield from _scaled(case, source)
        yield from _failover(case, source)
        yield from _whole(case, source)
    yield from _degraded(case)


def _option(
    case: _Case, kind: MitigationKind, service: str, because: str, text: str, **more: object
) -> Mitigation:
    wait_s = case.settings.mitigation_wait_s
    if kind in (MitigationKind.ISOLATE, MitigationKind.FAILOVER):
        wait_s = max(wait_s, case.settings.isolation_wait_s)
    made = Mitigation(kind, service, because, text, case.why(because), 0.0, 0.0, wait_s=wait_s)
    return replace(made, **more)  # type: ignore[arg-type]


# --- calls ---------------------------------------------------------------------------------------


def _degraded(case: _Case) -> Iterator[_Draft]:
    """Each soft edge to who is sick, or is hurt for all we know."""
    likely = {name for name, chance in case.threat.hurt().items() if chance >= LIKELY}
    bad = {*case.threat.sources, *likely, *case.assessment.relations.victims}
    for name, edges in case.declared.edges.items():
        for edge in edges:
            if edge.kind is not DependencyKind.SOFT or edge.target not in bad:
                continue
            if name in case.threat.sources or name not in case.threat.exposed:
                continue
            way, edge_name = (name, edge.target), str(EdgeName(name, edge.target))
            is_open = edge_name in case.means.open and edge_name in case.means.heeded
            source = _source_of(case, edge.target)
            option = _option(
                case,
                MitigationKind.DEGRADE,
                name,
                source,
                f"{name} does without {edge.target}: its calls are turned away at once",
                needs=edge.target,
                missing=_not_degradable(case, edge_name, source, is_critical=edge.is_critical),
                must_ask=""
                if edge.confidence >= 1.0
                else f"nobody declared that {name} can do without {edge.target}",
                is_in_force=is_open,
            )
            if is_open:
                option = replace(option, text=f"{option.text} (its breaker is open)")
                yield _Draft(option, AS_IT_IS, Change(passing=frozenset({way})))
            else:
                yield _Draft(option, Change(cut=frozenset({way})))


def _source_of(case: _Case, target: str) -> str:
    """Who is sick behind it: itself, or one of its roots."""
    sources = case.threat.sources
    if target in sources:
        return target
    roots = [r for r in case.assessment.relations.victims.get(target, ()) if r in sources]
    closure = case.declared.hard_closure(target)
    return next(iter(roots), next((s for s in sources if s in closure), sources[0]))


def _not_degradable(case: _Case, edge: str, source: str, *, is_critical: bool) -> tuple[str, ...]:
    found = []
    if not is_critical:
        found.append(f"no breaker on {edge}: declare it critical: true")
    elif edge not in case.means.heeded:
        found.append(f"nobody asks the breaker on {edge}, and no router turns its calls away")
    return (*found, *_only_foretold(case, source))


def _only_foretold(case: _Case, source: str) -> tuple[str, ...]:
    return (f"{source}: {NO_PREDICTION}",) if case.cause(source) in FORETOLD else ()


def _held_restarts(case: _Case, source: str) -> Iterator[_Draft]:
    """Who suffers is left alone until its root has been well for two windows: the gate sees to it,
    and this says what that is worth."""
    found = case.assessment.relations
    held = tuple(
        name
        for name in found.victims_of(source)
        if name in case.threat.exposed and source in case.declared.hard_closure(name)
    )
    if not held:
        return
    option = _option(
        case,
        MitigationKind.HOLD_RESTARTS,
        source,
        source,
        f"{', '.join(held)} not restarted while {source} is sick (the gate's dependency order)",
        is_in_force=True,
    )
    yield _Draft(option, AS_IT_IS, Change(fails=frozenset(held)))


# --- instances -----------------------------------------------------------------------------------


def _one_of_several(case: _Case, source: str) -> Iterator[_Draft]:
    """Its sick instances, while others of it are well."""
    found = case.assessment.relations.findings.get(source)
    seen = case.observation.services.get(source)
    if found is None or seen is None or found.is_dead:
        return
    there = [i for i in seen.instances if i.instance.state is InstanceState.RUNNING]
    least = case.settings.verify_probes
    sick = {*found.instances} or {i.instance.name for i in there if not _is_well(i.probe, 1)}
    well = [i for i in there if i.instance.name not in sick and _is_well(i.probe, least)]
    names = sorted(i.instance.name for i in there if i.instance.name in sick)
    if not well or not names:
        return
    change = Change(eased=source, share=_share(case, source, RARELY))
    name, others = names[0], f"{len(well)} other{'s' if len(well) > 1 else ''}"
    yield _Draft(
        _option(
            case,
            MitigationKind.SHED,
            source,
            source,
            f"{name} gets no new requests; {others} of {source} take them",
            instance=name,
            missing=(*_not_routed(case, source, name), *_only_foretold(case, source)),
        ),
        change,
    )
    yield _Draft(
        _option(
            case,
            MitigationKind.ISOLATE,
            source,
            source,
            f"{name} is cut off from everybody; {others} of {source} stay",
            instance=name,
            missing=(*_cannot(case, Capability.ISOLATE), *_only_foretold(case, source)),
            must_ask=_ask(case, source, MitigationKind.ISOLATE),
        ),
        change,
    )


def _is_well(probe: ProbeReading | None, least: int) -> bool:
    """So many good answers in a row; who cannot be asked is not known to be well."""
    if probe is None or probe.verdict is not ProbeVerdict.PASS:
        return False
    return probe.successes_in_a_row >= least


def _not_routed(case: _Case, source: str, instance: str) -> tuple[str, ...]:
    if case.means.no_router:
        return (case.means.no_router,)
    known = case.means.routed.get(source, frozenset())
    if instance not in known:
        return (f"the router knows no server of {instance}",)
    if not known - {instance}:
        return (f"the router knows no other instance of {source}",)
    return ()


def _share(case: _Case, source: str, chance: float) -> float:
    """Of its probability to fail, if it came down to this one."""
    return min(1.0, chance / case.threat.own[source])


def _whole(case: _Case, source: str) -> Iterator[_Draft]:
    """All of it, where it has failed: who cannot do without has lost it for certain. Nothing heals
    what is cut off, so this is a person's to command, and never ours to begin."""
    health = case.assessment.own.services.get(source)
    found = case.assessment.relations.findings.get(source)
    if found is None or health is None or health.condition not in FAILED or found.is_dead:
        return
    hard, soft = (case.users(source, kind) for kind in DependencyKind)
    if not soft:
        return
    lost = f"; lost to {', '.join(hard)}, which cannot do without" if hard else ""
    text = f"{source} is cut off from everybody: {', '.join(soft)} no longer wait for it{lost}"
    change = Change(
        cut=frozenset((name, source) for name in soft),
        certain=frozenset((name, source) for name in hard),
        fails=frozenset({source}),
    )
    yield _Draft(
        _option(
            case,
            MitigationKind.ISOLATE,
            source,
            source,
            text,
            missing=(
                *_cannot(case, Capability.ISOLATE),
                "a person's word, since it would not be healed any more:"
                f" everup heal {source} --type isolate",
            ),
            must_ask=_ask(case, source, MitigationKind.ISOLATE),
        ),
        change,
    )


def _failover(case: _Case, source: str) -> Iterator[_Draft]:
    """Its standby, where one is declared; where none is, what one would gain."""
    if case.threat.own[source] < LIKELY:
        return
    spec = case.stack.services[source]
    chance, missing = RARELY, list(_cannot(case, Capability.FAILOVER))
    if not spec.standby:
        missing.insert(0, f"no standby is declared for {source}")
    else:
        failures = failures_of(case.declared, case.assessment.own, case.assessment.predictions)
        chance = failures.get(spec.standby, 1.0)
        health = case.assessment.own.services.get(spec.standby)
        if health is None or health.condition is not Condition.HEALTHY:
            missing.append(f"the standby {spec.standby} is not seen to be well")
    standby = spec.standby or "a standby"
    option = _option(
        case,
        MitigationKind.FAILOVER,
        source,
        source,
        f"{standby} answers under the names of {source}, which is stopped and cut off first; it"
        " stays so until a person gives it back",
        missing=(*missing, *_only_foretold(case, source)),
        must_ask=_ask(case, source, MitigationKind.FAILOVER),
    )
    yield _Draft(option, Change(eased=source, share=_share(case, source, chance)))


def _scaled(case: _Case, source: str) -> Iterator[_Draft]:
    """A bottleneck: more copies where it is load, more memory where it is memory."""
    cause = case.cause(source)
    kind = MitigationKind.SCALE_OUT if cause in BY_LOAD else MitigationKind.SCALE_UP
    if cause not in BY_LOAD | BY_MEMORY:
        return
    growth = case.means.growth.get((source, kind), Growth(missing=("nobody can scale it here",)))
    if growth.share >= 1.0:
        return
    missing = growth.missing
    if kind is MitigationKind.SCALE_UP:
        missing = (*missing, *_only_foretold(case, source))
    elif case.stack.services[source].is_stateful:
        missing = (*missing, f"{source} keeps data")
    option = _option(case, kind, source, source, growth.text, missing=missing)
    yield _Draft(option, Change(eased=source, share=growth.share))


def _cannot(case: _Case, needed: Capability) -> tuple[str, ...]:
    if needed in case.means.can:
        return ()
    why = case.means.cannot.get(needed, "")
    return (f"the {case.means.runtime} runtime cannot {needed}" + (f": {why}" if why else ""),)


def _ask(case: _Case, service: str, kind: MitigationKind) -> str:
    if (service, kind) in case.means.may:
        return ""
    return f"{kind} is asked for unless its owner declares modes: {{{kind}: auto}}"


def best(options: Iterable[Mitigation], settings: Settings) -> list[Mitigation]:
    """Those that are worth a proposal, best first: enough risk, enough gain, nothing missing."""
    return [
        o
        for o in options
        if not o.is_in_force
        and not o.missing
        and o.risk_before >= settings.mitigation_risk_above
        and o.gain >= settings.mitigation_gain_least
    ]


__all__ = ["best", "mitigations"]
