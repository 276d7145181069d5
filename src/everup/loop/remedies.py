"""For each answer, the ways in which a person can change it. Pure; used by every explanation."""

from __future__ import annotations

from everup.model.decision import Check, HoldReason
from everup.model.explanation import Remedy, Way
from everup.model.kinds import ActionKind
from everup.safety.judge import OVERRIDABLE

BY_WAITING = frozenset(
    {
        *(Check.MONITOR_SANE, Check.MAINTENANCE, Check.SOMEONE_ELSES_CHANGE, Check.COOLDOWN),
        *(Check.BUDGET, Check.ONE_PER_SERVICE, Check.BLAST_RADIUS, Check.STATEFUL_CARE),
        Check.DEPENDENCY_ORDER,
    }
)
NEEDS_MENDING = frozenset({Check.LEADERSHIP, Check.HEADROOM})
A_PERSON_DECIDES = frozenset(
    {HoldReason.WITH_A_PERSON, HoldReason.STOPPED_ON_PURPOSE, HoldReason.ISOLATED}
)


def for_check(
    check: str, service: str, kind: ActionKind, *, scope: str = "", person_may: bool
) -> tuple[Remedy, ...]:
    """`scope`: what is frozen. `person_may`: the gate would allow a person's command now."""
    found: list[Remedy] = []
    if check == Check.FREEZE:
        found.append(Remedy(Way.UNFREEZE, scope))
    if check == Check.MODE:
        found.append(Remedy(Way.SET_MODE, service, kind))
    if check == Check.APPROVAL:
        found.append(Remedy(Way.APPROVE, service, kind))
    if check in BY_WAITING:
        found.append(Remedy(Way.WAIT, service))
    if check in NEEDS_MENDING:
        found.append(Remedy(Way.LOOK, service))
    if person_may:
        found.append(Remedy(Way.ASK, service, kind))
    elif check in OVERRIDABLE:
        found.append(Remedy(Way.OVERRIDE, service, kind, check))
    return tuple(found)


def for_hold(
    reason: str, service: str, kind: ActionKind, *, person_may: bool
) -> tuple[Remedy, ...]:
    """While nothing is proposed, a person may still ask for it."""
    found: list[Remedy] = []
    if reason == HoldReason.STOPPED_ON_PURPOSE:
        found.append(Remedy(Way.START, service))
    elif reason not in A_PERSON_DECIDES:
        found.append(Remedy(Way.WAIT, service))
    if person_may and reason != HoldReason.STOPPED_ON_PURPOSE:
        found.append(Remedy(Way.ASK, service, kind))
    return tuple(found)
