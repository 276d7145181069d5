"""Promises 6 and 9: nothing is begun by somebody who cannot see, may not act, or was told to wait.

How long a fault may go unnoticed is allowed for: samples come every five seconds, a listing that
hangs is given up after ten, a value counts as stale after two intervals.
"""

from __future__ import annotations

from everup.model.kinds import ActionKind, Mode, is_known
from everup.runtimes.simulated.instance import Ailment
from everup.runtimes.simulated.ledger import Deed
from everup.simulation.chronicle import Action
from everup.simulation.invariants.court import Case, Objection, is_own
from everup.simulation.plans import Kind

NOTICED_AFTER_S = {
    Kind.NO_NAMES: 8.0,
    Kind.NO_SOCKETS: 25.0,
    Kind.STARVED: 8.0,
    Kind.ENGINE_RAISES: 12.0,
    Kind.ENGINE_SAYS_SO: 12.0,
    Kind.ENGINE_HANGS: 25.0,
    Kind.STALE: 25.0,
}
QUIET_ALLOWANCE_S = 1.0


def judge_intent(case: Case, action: Action, life: int) -> list[Objection]:
    """Own initiative needs open eyes, permission, and nobody else at work on the service."""
    if not action.is_own:
        return []
    now_s = case.world.now()
    what = f"{action.kind} on {action.service}"
    found: list[Objection] = []
    is_evident = not case.world.senses.failing_canaries and (
        not action.intent.on_running or _stands_still(case, action)
    )
    for name, since_s in case.world.senses.reasons.items():
        if name == Kind.STARVED and is_evident:
            continue  # the kernel's word, however busy the host is
        since_s = max(since_s, case.chronicle.started.get(life, since_s))  # its first look is fresh
        if now_s - since_s > NOTICED_AFTER_S.get(Kind(name), float("inf")):
            found.append(("6", f"{what} is begun {now_s - since_s:.0f} s into {name}"))
    for scope in ("", action.service):
        frozen = case.chronicle.freezes.get(scope)
        is_over = frozen is None or (is_known(frozen.until_s) and now_s >= frozen.until_s)
        if frozen is not None and not is_over and now_s - frozen.at_s > QUIET_ALLOWANCE_S:
            found.append(("freeze", f"{what} while {scope or 'the stack'} is frozen"))
    quiet_s = now_s - case.world.services[action.service].changed_at_s
    least_s = case.settings.change_quiet_s
    if QUIET_ALLOWANCE_S < quiet_s < least_s - QUIET_ALLOWANCE_S:
        is_undoing = action.kind is ActionKind.EMERGENCY_ROLLBACK  # that very change
        if not case.world.senses.loses_events and not is_undoing:
            found.append(("safety 7", f"{what} {quiet_s:.0f} s after somebody else changed it"))
    return found


def _stands_still(case: Case, action: Action) -> bool:
    """Is what it acts upon truly stopped in its tracks, or truly asleep with callers at its door,
    for as long as a busy machine is given?"""
    targets = case.world.instances(action.service, action.intent.step.instance or None)
    return bool(targets) and all(
        Ailment.STOPPED in target.ailments
        or (
            Ailment.SLEEPS in target.ailments
            and case.world.t - target.silent_since_t >= case.settings.busy_lasts_s
        )
        for target in targets
    )


def judge_deed(case: Case, deed: Deed, action: Action | None) -> list[Objection]:
    """Observe changes nothing; approve changes nothing that nobody approved."""
    if not is_own(action):
        return []
    stack = case.world.stack
    mode = stack.mode if action is None else stack.mode_for(deed.service, action.kind)
    if mode is Mode.AUTO:
        return []
    return [("9", f"{deed.verb} {deed.service} in mode {mode}")]
