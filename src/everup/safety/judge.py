"""`judge`: the checks in their order, the first objection wins.

freeze → mode → leadership → monitor sane → maintenance window → someone else's change → cooldown →
retry budget and backoff → one action per service → blast radius → minimum healthy → host headroom
→ stateful care → dependency order → approval.
"""

from __future__ import annotations

from collections.abc import Callable

from everup.model.decision import Allowed, Check, Proposal, Verdict
from everup.safety import capacity, order, pace, permission, sanity
from everup.safety.context import Context

GateCheck = Callable[[Proposal, Context], Verdict | None]

CHECKS: tuple[tuple[Check, GateCheck], ...] = (
    (Check.FREEZE, permission.freeze),
    (Check.MODE, permission.mode),
    (Check.LEADERSHIP, permission.leadership),
    (Check.MONITOR_SANE, sanity.monitor_sane),
    (Check.MAINTENANCE, permission.maintenance),
    (Check.SOMEONE_ELSES_CHANGE, sanity.someone_elses_change),
    (Check.COOLDOWN, pace.cooldown),
    (Check.BUDGET, pace.budget),
    (Check.ONE_PER_SERVICE, pace.one_per_service),
    (Check.BLAST_RADIUS, pace.blast_radius),
    (Check.MINIMUM_HEALTHY, capacity.minimum_healthy),
    (Check.HEADROOM, capacity.headroom),
    (Check.STATEFUL_CARE, order.stateful_care),
    (Check.DEPENDENCY_ORDER, order.dependency_order),
    (Check.APPROVAL, permission.approval),
)

OVERRIDABLE = frozenset(
    {Check.FREEZE, Check.MAINTENANCE, Check.BLAST_RADIUS, Check.SOMEONE_ELSES_CHANGE}
)


def judge(
    proposal: Proposal, context: Context, *, without: frozenset[Check] = frozenset()
) -> Verdict:
    """Allowed, or the first check's objection with its reason. `without`: what would the answer be
    if it were not for these checks? For records and explanations only, never to act upon."""
    for check, ask in CHECKS:
        if check in without:
            continue
        if check in OVERRIDABLE and proposal.overrides.get(check):
            continue
        verdict = ask(proposal, context)
        if verdict is not None:
            return verdict
    return Allowed()
