"""Promise 3: cooldown, backoff, budgets, rate and blast radius of what Everup begins by itself.

Computed from the journal's committed actions and from what their calls met, across all lives. The
bounds are lower ones: jitter at its shortest, and a second of allowance for the way to the journal.
"""

from __future__ import annotations

from everup.model.kinds import ActionKind
from everup.runtimes.simulated.ledger import Deed
from everup.simulation.chronicle import Action
from everup.simulation.invariants.court import Case, Objection, is_own, is_scaling

ALLOWANCE_S = 1.0


def judge_intent(case: Case, action: Action, life: int) -> list[Objection]:
    """Backoff, budgets and rate."""
    if not action.is_own:
        return []
    if is_scaling(action):
        return _rate(case, action)
    return [*_backoff(case, action), *_budgets(case, action), *_rate(case, action)]


def _backoff(case: Case, action: Action) -> list[Objection]:
    settings = case.settings
    is_undoing = action.kind is ActionKind.EMERGENCY_ROLLBACK  # other attempts hold it back not
    attempts = 0
    next_start_s = action.at_s
    last_end_s = float("nan")
    for past in reversed(case.chronicle.of_service[action.service]):
        if past is action or (is_undoing and past.kind is not action.kind):
            continue
        if is_scaling(past):  # no attempt to heal
            continue
        end_s = next_start_s if past.is_open else past.ended_at_s
        if not past.is_own or next_start_s - end_s > settings.backoff_reset_s:
            break
        last_end_s = end_s if attempts == 0 else last_end_s
        attempts += 1
        next_start_s = past.at_s
    if not attempts:
        return []
    least_s = min(settings.backoff_most_s, settings.backoff_first_s * 2 ** (attempts - 1))
    least_s *= 1.0 - settings.backoff_jitter
    waited_s = action.at_s - last_end_s
    if waited_s >= least_s - ALLOWANCE_S:
        return []
    text = f"{action.id} on {action.service} {waited_s:.1f} s after attempt {attempts}"
    return [("3 backoff", f"{text}, at least {least_s:.1f} s are due")]


def _budgets(case: Case, action: Action) -> list[Objection]:
    settings = case.settings
    everything = case.chronicle.of_service[action.service]
    mine = [a for a in everything if a.is_own and not is_scaling(a)]
    recent = [a for a in mine if action.at_s - a.at_s < settings.budget_window_s - ALLOWANCE_S]
    found: list[Objection] = []
    if len(recent) > settings.budget_actions:
        text = f"{len(recent)} actions on {action.service} within {settings.budget_window_s:g} s"
        found.append(("3 budget", text))
    incident = action.intent.incident_id
    undoing = ActionKind.EMERGENCY_ROLLBACK  # once for each change, which `rollbacks` judges
    of_it = [
        a for a in mine if a.intent.incident_id == incident is not None and a.kind is not undoing
    ]
    if action.kind is undoing:
        return found
    tried = [a for a in of_it if a is action or a.deeds]  # without a call nothing was tried
    alike = [a for a in tried if a.intent.step.instance == action.intent.step.instance]
    in_vain = [a for a in tried if a is action or not a.has_passed]
    if max(len(alike), len(in_vain)) > settings.budget_per_incident:
        found.append(("3 budget", f"{len(tried)} actions on {action.service} for {incident}"))
    return found


def _rate(case: Case, action: Action) -> list[Objection]:
    """A bucket: any m plans in a row span at least (m − burst) × interval."""
    settings = case.settings
    starts = [a.at_s for a in case.chronicle.actions[-12:] if a.is_own]
    for many in range(settings.rate_burst + 1, len(starts) + 1):
        span_s = starts[-1] - starts[-many]
        if span_s < (many - settings.rate_burst) * settings.rate_interval_s - ALLOWANCE_S:
            return [("3 rate", f"{many} plans within {span_s:.1f} s, the last is {action.id}")]
    return []


def judge_deed(case: Case, deed: Deed, action: Action | None) -> list[Objection]:
    """Cooldown and blast radius."""
    if action is None or not is_own(action) or is_scaling(action):
        return []  # who goes for want of work was weighed, and is judged by `scaling`
    running = [m for m in deed.targets.values() if m.is_running]
    everywhere = sum(1 for i in case.world.instances(deed.service) if i.is_up)
    found: list[Objection] = []
    most = max(1, int(case.settings.blast_ratio * everywhere))
    # Replacing what a change has spoilt takes nothing away.
    if len(running) > most and action.kind is not ActionKind.EMERGENCY_ROLLBACK:
        text = f"{deed.verb} takes {len(running)} of {everywhere} running {deed.service} at once"
        found.append(("3 blast", text))
    if not action.hit_running:
        return found
    for past in case.chronicle.own_before(action):
        if past.kind is not action.kind or not past.hit_running or past.is_open:
            continue
        if past.finished is not None and not past.finished.has_happened:
            continue
        waited_s = action.at_s - past.ended_at_s
        if waited_s < case.settings.cooldown_s - ALLOWANCE_S:
            text = f"{action.kind} on running {deed.service} {waited_s:.0f} s after {past.id} ended"
            found.append(("3 cooldown", text))
    return found
