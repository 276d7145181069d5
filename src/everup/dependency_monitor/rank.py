"""What may lie behind a finding: candidates with a share of our belief each, likeliest first. Pure.

Flows in: a root's finding and what was seen around it. Flows out: Candidates, for the journal and
for people; no action is chosen by them, that is the finding's.

Each source of evidence has a strength from 0 to 1, given below. Strengths above 1 in total are
scaled down together; what is missing to 1 is the candidate *unknown*. So confidences sum to 1, thin
evidence leaves much unknown, and a second suspect takes belief away from the first. What fell ill
before the service did is worth more than what fell ill after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from everup.model.assessment import Candidate, Finding, OwnHealth
from everup.model.kinds import FORETOLD, UNKNOWN, Cause, Condition, DependencyKind, is_known
from everup.model.observation import Exit, Observation
from everup.model.settings import Settings
from everup.model.stack import Dependency, Stack
from everup.model.state import StackState

LEAST = 1e-6  # weaker is no suspicion
CANDIDATES_MOST = 8
PROVEN, SEEN_DEATH, SIGNALLED, OWN_WORD, SILENCE = 0.85, 0.7, 0.55, 0.5, 0.35
OUT_OF_MEMORY = 0.9
BEFORE, AFTER = 0.8, 0.25  # a dependency that fell ill before us, or after
SOFT_SHARE = 0.5
HEALED_JUST_NOW = 0.3
PRESSURE_ON_SILENCE, PRESSURE_ON_DEATH = 0.6, 0.1
CHANGED_ITSELF, CHANGED_NEED = 0.6, 0.3
NEVER_WELL_SINCE = 0.8
DOUBT_LEAST = 0.05  # less doubt than this is not worth a line


def rank_causes(
    found: Finding,
    stack: Stack,
    observation: Observation,
    own: OwnHealth,
    findings: Mapping[str, Finding],
    state: StackState,
    settings: Settings,
    by_calls: Sequence[Candidate] = (),
) -> tuple[Candidate, ...]:
    """At most `CANDIDATES_MOST`, by confidence; *unknown* among them when the evidence is thin."""
    needs = stack.services[found.service].depends_on
    suspects = [_itself(found, observation, settings)]
    suspects += _dependencies(found, needs, own, findings, state, settings)
    suspects += _machine(found, observation, settings)
    suspects += _changes(found, needs, observation, settings)
    suspects += by_calls
    return shared_out(found.service, suspects)


def shared_out(service: str, suspects: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Strengths as confidences that sum to 1, the rest being unknown."""
    kept = sorted(
        (s for s in suspects if s.confidence > LEAST),
        key=lambda s: (-s.confidence, s.service, s.cause),
    )[: CANDIDATES_MOST - 1]
    total = sum(s.confidence for s in kept)
    shared = [replace(s, confidence=s.confidence / max(1.0, total)) for s in kept]
    doubt = 1.0 - total
    if doubt >= DOUBT_LEAST or not kept:
        text = "what was seen leaves room for a cause that nobody looked at"
        shared.append(Candidate(service, Cause.UNKNOWN, min(1.0, doubt), text))
        shared.sort(key=lambda s: -s.confidence)
    return tuple(shared)


def _itself(found: Finding, observation: Observation, settings: Settings) -> Candidate:
    name = found.service
    if found.cause is Cause.STOPPED_ON_PURPOSE:
        return Candidate(name, found.cause, 1.0, found.reason, found.since_s)
    if found.cause is Cause.BAD_DEPLOY:
        return Candidate(name, found.cause, NEVER_WELL_SINCE, found.reason, found.since_s)
    if found.cause in (Cause.CRASH, Cause.CRASH_LOOP):
        return _death(found, observation, settings)
    if found.cause is Cause.HANG:
        strength = PROVEN if found.is_proven else SILENCE
        proof = "it is silent and its process cannot go on" if found.is_proven else "it is silent"
        text = f"{proof}: {found.reason}"
    elif found.cause is Cause.DISK_FULL:
        strength, text = PROVEN, f"there is no room on the disk that it writes to: {found.reason}"
    elif found.cause in FORETOLD:
        strength, text = OWN_WORD, f"its check passes still, but {found.reason}"
    else:
        strength, text = OWN_WORD, f"its process works, and its own check says no: {found.reason}"
    return Candidate(name, found.cause, strength * found.confidence, text, found.since_s)


def _death(found: Finding, observation: Observation, settings: Settings) -> Candidate:
    seen = observation.services.get(found.service)
    exits = list(seen.exits) if seen is not None else []
    exits += [i.instance.exit for i in seen.instances if i.instance.exit] if seen else []
    exits.sort(key=lambda e: e.at_s)
    last: Exit | None = exits[-1] if exits else None
    if last is None or last.code is None:
        strength, text = SILENCE, f"{found.reason}, how it ended could not be seen"
    elif last.is_out_of_memory:
        strength, text = OUT_OF_MEMORY, "it was killed for memory"
    elif last.code < 0:
        text = f"{found.reason}: by somebody's hand or the kernel's, not by its own decision"
        strength = SIGNALLED
    else:
        strength, text = SEEN_DEATH, f"its process ended by itself: {found.reason}"
    if found.cause is Cause.CRASH_LOOP and last is not None:
        codes = {e.code for e in exits if observation.at_s - e.at_s <= settings.crash_loop_window_s}
        if len(codes) == 1:
            strength = max(strength, PROVEN)
            text += ", each time in the same way, so starting it again is unlikely to mend it"
    is_oom = last is not None and last.is_out_of_memory
    cause = Cause.MEMORY_PRESSURE if is_oom else found.cause
    return Candidate(found.service, cause, strength * found.confidence, text, found.since_s)


def _dependencies(
    found: Finding,
    needs: Sequence[Dependency],
    own: OwnHealth,
    findings: Mapping[str, Finding],
    state: StackState,
    settings: Settings,
) -> Iterator[Candidate]:
    for edge in needs:
        health = own.services.get(edge.target)
        if health is None:
            continue
        share = edge.weight * edge.confidence
        share *= 1.0 if edge.kind is DependencyKind.HARD else SOFT_SHARE
        theirs = findings.get(edge.target)
        if theirs is not None:
            is_first = theirs.since_s <= found.since_s
            when = "fell ill before it" if is_first else "fell ill after it"
            loss = 1.0 - health.score if is_known(health.score) else 0.5
            strength = share * (BEFORE if is_first else AFTER) * loss
            text = f"needs {edge.target} ({edge.kind}, weight {edge.weight:g}), which {when}"
            yield Candidate(
                edge.target, theirs.cause, strength, f"{text}: {theirs.reason}", theirs.since_s
            )
            continue
        healed_s = state.service(edge.target).healed_at_s
        if health.condition is Condition.HEALTHY and is_known(healed_s):
            if 0.0 <= found.since_s - healed_s <= settings.two_windows_s:
                text = f"needs {edge.target} ({edge.kind}), which was healed just before"
                yield Candidate(
                    edge.target, Cause.DEPENDENCY_DOWN, share * HEALED_JUST_NOW, text, healed_s
                )


def _machine(found: Finding, observation: Observation, settings: Settings) -> Iterator[Candidate]:
    pressure = observation.host.pressure_ratio
    if pressure >= settings.host_pressure_ratio:
        is_silent = found.shows in (Cause.HANG, Cause.UNHEALTHY) and not found.is_proven
        strength = pressure * (PRESSURE_ON_SILENCE if is_silent else PRESSURE_ON_DEATH)
        text = f"the machine is short of CPU: work waited for it {100 * pressure:.0f} % of the time"
        yield Candidate("", Cause.HOST_PRESSURE, min(1.0, strength), text)


def _changes(
    found: Finding, needs: Sequence[Dependency], observation: Observation, settings: Settings
) -> Iterator[Candidate]:
    """Somebody else's changes not long before; the closer, the likelier."""
    reach_s = settings.change_most_s
    strengths = {} if found.cause is Cause.BAD_DEPLOY else {found.service: CHANGED_ITSELF}
    strengths |= {d.target: CHANGED_NEED * d.weight for d in needs if d.target != found.service}
    since_s = found.since_s if is_known(found.since_s) else observation.at_s
    for name, most in strengths.items():
        at_s = observation.changes.get(name, UNKNOWN)
        before_s = since_s - at_s
        if not is_known(before_s) or not -settings.change_quiet_s <= before_s <= reach_s:
            continue
        strength = most * (1.0 - max(0.0, before_s) / reach_s)
        text = f"somebody changed {name} {max(0.0, before_s):.0f} s before"
        yield Candidate(name, Cause.BAD_DEPLOY, strength, text, at_s)
