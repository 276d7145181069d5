"""A service that looks well and was changed: is it the cause all the same? Pure.

Flows in: findings of everybody else, what is remembered, the graph. Flows out: a finding *bad
deploy* on a service that has none of its own. Called by `relate`. Only of what is on probation:

| suspect | because |
|---|---|
| does worse | its new version was measured to be slower, more faulty or hungrier |
| hurts others | since then two that need it fell ill, or one that no restart mends |

Who fell ill before the change, was changed itself, or has another sick dependency, accuses nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from everup.dependency_monitor.changed import is_final, is_restless
from everup.model.assessment import Finding, OwnHealth
from everup.model.kinds import FORETOLD, Cause, is_known
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import ServiceState, StackState

ACCUSES = frozenset({Cause.HANG, Cause.UNHEALTHY, Cause.CRASH_LOOP})
ALONE_SUFFICES = 2


def accused(
    stack: Stack,
    findings: Mapping[str, Finding],
    own: OwnHealth,
    state: StackState,
    now_s: float,
    settings: Settings,
) -> Mapping[str, Finding]:
    """Service → its finding; of those in `findings` none."""
    found: dict[str, Finding] = {}
    if not settings.rollback_enabled:
        return found
    for name, remembered in state.services.items():
        if name not in stack.services or not _is_tried(remembered, now_s, settings):
            continue
        if name in findings and findings[name].cause not in FORETOLD:
            continue
        spec = stack.services[name]
        if (spec.is_stateful and not spec.rollback_is_safe) or is_final(spec, remembered):
            continue
        for since_s, symptom, reason in _reasons(name, stack, findings, state):
            found[name] = Finding(
                name, Cause.BAD_DEPLOY, reason, since_s, own.score(name), symptom=symptom
            )
            break
    return found


def accuses(found: Finding, suspected: Mapping[str, Finding], stack: Stack) -> tuple[str, ...]:
    """Whom this finding's trouble is laid to; empty for nobody."""
    if not suspected or found.cause not in ACCUSES or found.service in suspected:
        return ()
    return tuple(
        edge.target
        for edge in stack.services[found.service].depends_on
        if edge.target in suspected and suspected[edge.target].symptom is Cause.DEPENDENCY_DOWN
    )


def _is_tried(remembered: ServiceState, now_s: float, settings: Settings) -> bool:
    changed_s = remembered.unproven_since_s
    is_on = remembered.probation is not None and not remembered.is_undone
    is_on = is_on and not is_restless(remembered, now_s, settings)
    return is_on and is_known(changed_s) and now_s - changed_s <= settings.rollback_window_s


def _reasons(
    name: str, stack: Stack, findings: Mapping[str, Finding], state: StackState
) -> Iterator[tuple[float, Cause, str]]:
    remembered = state.service(name)
    worse = remembered.worse
    if worse is not None and worse.version == remembered.runs_as:
        yield worse.at_s, Cause.SLOW, worse.reason
    hurt = [*_hurt(name, stack, findings, state)]
    is_unmended = any(_is_unmended(f, state) for f in hurt)
    if len(hurt) >= ALONE_SUFFICES or is_unmended:
        who = ", ".join(f"{f.service} ({f.cause})" for f in hurt)
        how = "" if len(hurt) >= ALONE_SUFFICES else ", which an action of its own did not mend"
        text = f"it looks well, but since it was changed what needs it is not: {who}{how}"
        yield min(f.since_s for f in hurt), Cause.DEPENDENCY_DOWN, text


def _hurt(
    name: str, stack: Stack, findings: Mapping[str, Finding], state: StackState
) -> Iterator[Finding]:
    changed_s = state.service(name).altered_at_s
    for other, spec in stack.services.items():
        found = findings.get(other)
        if found is None or not found.is_confirmed or found.cause not in ACCUSES:
            continue
        if found.explained_by or found.since_s < changed_s or found.is_proven:
            continue
        needs = {edge.target for edge in spec.depends_on}
        if name in needs and state.service(other).probation is None and not needs & set(findings):
            yield found


def _is_unmended(found: Finding, state: StackState) -> bool:
    past = state.service(found.service).past
    return any(
        not p.has_passed and p.has_happened and p.ended_at_s >= found.since_s for p in past[-3:]
    )
