"""What an action may cost, and what it is expected to bring, in words for whoever is asked. Pure.

Called by `loop.record` when a proposal needs a person's word; the gate itself does not weigh risk.
"""

from __future__ import annotations

from everup.model.decision import Proposal
from everup.model.kinds import TAKES_CAPACITY, ActionKind, InstanceState, is_known
from everup.safety.context import Context

REVERSIBLE = frozenset({ActionKind.ISOLATE, ActionKind.SCALE_OUT, ActionKind.SCALE_UP})


def risk_of(proposal: Proposal, context: Context) -> str:
    """`low`, `medium` or `high`, and why."""
    spec = context.stack.services[proposal.service]
    reasons: list[str] = []
    points = 0
    if spec.is_stateful and proposal.on_running:
        points += 2
        reasons.append("it keeps data and runs")
    if proposal.kind in TAKES_CAPACITY and proposal.on_running:
        up = _running(proposal.service, context)
        if up <= 1:
            points += 1
            reasons.append("its only running instance goes")
        else:
            reasons.append(f"one of {up} running instances goes")
    users = context.stack.dependents_of(proposal.service)
    if users:
        points += 1 if len(users) < 3 else 2
        named = ", ".join(users[:3]) + (f" and {len(users) - 3} more" if len(users) > 3 else "")
        reasons.append(f"{named} {'needs' if len(users) == 1 else 'need'} it")
    if not proposal.on_running:
        points = 0
        reasons.append("it does not run, so nothing is taken away")
    word = "low" if points < 2 else "medium" if points < 4 else "high"
    return f"{word}: {'; '.join(reasons) or 'nothing needs it'}"


def expected_of(proposal: Proposal) -> str:
    """What must be true afterwards, by when."""
    wanted = proposal.expectation
    if not wanted.is_up:
        return f"{wanted.service} is down within {wanted.deadline_s:.0f} s"
    if wanted.no_worse or wanted.is_cut:
        return f"nobody else is worse for it after {wanted.window_s:g} s; else it is taken back"
    memory = ""
    if is_known(wanted.memory_most):
        memory = f", memory down to {wanted.memory_most:.0%} of its limit or less"
    if is_known(wanted.disk_most):
        memory += f", its disk {wanted.disk_most:.0%} full or less"
    return (
        f"{wanted.service} is well within {wanted.deadline_s:.0f} s: {wanted.probes} good answers "
        f"in a row over {wanted.window_s:g} s, score {wanted.score_least:g} or more, "
        f"no dependent worse than before{memory}"
    )


def _running(service: str, context: Context) -> int:
    seen = context.observation.services.get(service)
    instances = () if seen is None else seen.instances
    return sum(1 for i in instances if i.instance.state is InstanceState.RUNNING)
