"""How often and how much at once: cooldown, backoff and budget, one per service, blast radius."""

from __future__ import annotations

from itertools import pairwise
from zlib import crc32

from everup.model.decision import Check, Delayed, Proposal, Step, Verdict
from everup.model.kinds import TAKES_CAPACITY, ActionKind, Cause, InstanceState, Origin
from everup.model.scaling import COUNTS, LEAVING
from everup.model.settings import Settings
from everup.model.state import InFlight, PastAction, Phase, streak
from everup.safety.context import Context

HOUR_S = 3600.0
UNCOUNTED = frozenset({Origin.PERSON, Origin.SCALING})
"""Whose actions are no attempts to heal."""


def cooldown_for(kind: ActionKind, settings: Settings) -> float:
    """Seconds between two actions of this kind on one running service."""
    return {
        ActionKind.CACHE_CLEAR: settings.cache_clear_cooldown_s,
        ActionKind.EMERGENCY_ROLLBACK: settings.rollback_cooldown_s,
        ActionKind.SCALE_OUT: 0.0,
    }.get(kind, settings.cooldown_s)


def cooldown(proposal: Proposal, context: Context) -> Verdict | None:
    """Per service and action kind, from the verified end, for actions on a running instance."""
    if proposal.origin is Origin.PERSON or not proposal.on_running:
        return None
    if proposal.origin is Origin.SCALING and proposal.kind in COUNTS:
        return None  # `auto_scaler` weighs each change of a number; see `flaps`
    for step in proposal.steps:
        wait_s = cooldown_for(step.kind, context.settings)
        for past in context.state.service(step.target).past:
            due_s = past.ended_at_s + wait_s
            if not past.has_happened or not past.on_running:
                continue
            if past.kind is step.kind and context.now_s < due_s:
                text = f"{step.kind} on {step.target} ended less than {wait_s:g} s ago"
                return Delayed(Check.COOLDOWN, text, due_s)
    return None


def backoff_s(attempts: int, key: str, settings: Settings) -> float:
    """first × 2^(attempts − 1), capped, ± jitter drawn from the proposal's key and the attempt, so
    that the same question has the same answer in every look."""
    if attempts == 0:
        return 0.0
    plain_s = min(settings.backoff_most_s, settings.backoff_first_s * 2.0 ** (attempts - 1))
    draw = crc32(f"{key}/{attempts}".encode()) % 10_000 / 10_000
    return plain_s * (1.0 + settings.backoff_jitter * (2.0 * draw - 1.0))


def budget(proposal: Proposal, context: Context) -> Verdict | None:
    """Backoff since the last attempt, and no more than the budget within its window. Starts of
    what a change has spoilt do not hold back its undoing, which is tried once."""
    if proposal.origin is Origin.PERSON:
        return None
    settings, now_s = context.settings, context.now_s
    past = context.state.service(proposal.service).past
    if proposal.origin is Origin.SCALING:
        return _after_failures(proposal, past, context) or flaps(proposal, past, context)
    recent = streak(past, now_s, settings.backoff_reset_s)
    if proposal.kind is ActionKind.EMERGENCY_ROLLBACK:
        recent = [p for p in recent if p.kind is proposal.kind]
    if recent:
        due_s = recent[0].ended_at_s + backoff_s(len(recent), proposal.key, settings)
        if now_s < due_s:
            tried = "1 attempt" if len(recent) == 1 else f"{len(recent)} attempts"
            text = f"backing off after {tried} on {proposal.service}"
            return Delayed(Check.BUDGET, text, due_s)
    window = [
        a.started_at_s
        for a in past
        if a.origin not in UNCOUNTED and now_s - a.started_at_s < settings.budget_window_s
    ]
    if len(window) >= settings.budget_actions:
        due_s = window[-settings.budget_actions] + settings.budget_window_s
        text = f"{len(window)} actions within {settings.budget_window_s:g} s is the budget"
        return Delayed(Check.BUDGET, text, due_s)
    return None


def _after_failures(
    proposal: Proposal, past: tuple[PastAction, ...], context: Context
) -> Verdict | None:
    """What was scaled and did not help is tried again with growing waits. Scaling that helps holds
    nothing back, and no recovery either."""
    failed: list[PastAction] = []
    for action in reversed(past):
        if action.origin is not Origin.SCALING or action.kind is not proposal.kind:
            continue
        if action.has_passed:
            break
        failed.append(action)
    if not failed:
        return None
    settings = context.settings
    due_s = failed[0].ended_at_s + backoff_s(len(failed), proposal.service, settings)
    due_s += settings.cooldown_s if proposal.kind is ActionKind.SCALE_OUT else 0.0
    if context.now_s >= due_s:
        return None
    text = f"{proposal.kind} of {proposal.service} has not helped {len(failed)} times in a row"
    return Delayed(Check.BUDGET, text, due_s)


def flaps(proposal: Proposal, past: tuple[PastAction, ...], context: Context) -> Verdict | None:
    """After so many changes of direction within an hour fewer waits; more never does."""
    if proposal.kind is not ActionKind.SCALE_IN:
        return None
    settings = context.settings
    window_s = HOUR_S * settings.time_scale
    lately = [
        a
        for a in past
        if a.origin is Origin.SCALING
        and a.kind in COUNTS
        and not a.is_undo
        and context.now_s - a.started_at_s < window_s
    ]
    kinds = [a.kind for a in lately]
    turns = sum(before is not after for before, after in pairwise(kinds))
    if turns < settings.scale_flaps_most:
        return None
    text = f"the number of {proposal.service} has changed its direction {turns} times in an hour"
    return Delayed(Check.BUDGET, text, lately[0].started_at_s + window_s)


def may_supersede(proposal: Proposal, flight: InFlight) -> bool:
    """May a person's wish end the wait for a proof? Nothing acts on the service any more then, so
    it is still one action at a time. A stop makes any proof moot; other wishes wait for all but the
    proof of a start, so that a restart is never answered with another one."""
    if proposal.origin is not Origin.PERSON or flight.phase is not Phase.VERIFYING:
        return False
    if proposal.kind is ActionKind.STOP:
        return flight.step.kind is not ActionKind.STOP
    return flight.step.kind is ActionKind.START and proposal.kind is not ActionKind.START


def one_per_service(proposal: Proposal, context: Context) -> Verdict | None:
    """At most one action in flight per service, and one plan per cause."""
    flight = context.state.in_flight.get(proposal.service)
    if flight is not None and not may_supersede(proposal, flight):
        text = f"{flight.step.kind} {flight.action_id} is in flight on {proposal.service}"
        return Delayed(Check.ONE_PER_SERVICE, text)
    if proposal.cause is Cause.REQUESTED or proposal.incident_id is None:
        return None
    for other in context.state.in_flight.values():
        if other.incident_id == proposal.incident_id:
            text = f"{other.action_id} is under way for the same incident"
            return Delayed(Check.ONE_PER_SERVICE, text)
    return None


def tokens(starts_s: tuple[float, ...], now_s: float, settings: Settings) -> float:
    """What is left in the bucket: `rate_burst` at most, one more every `rate_interval_s`."""
    most = float(settings.rate_burst)
    level, at_s = most, now_s
    for start_s in starts_s:
        level = min(most, level + max(0.0, start_s - at_s) / settings.rate_interval_s)
        level, at_s = max(0.0, level - 1.0), start_s
    return min(most, level + max(0.0, now_s - at_s) / settings.rate_interval_s)


def blast_radius(proposal: Proposal, context: Context) -> Verdict | None:
    """The stack's rate of plans, and how many instances of one service go at once."""
    settings = context.settings
    if proposal.origin is not Origin.PERSON or (
        proposal.on_running and proposal.kind in TAKES_CAPACITY
    ):
        left = tokens(context.state.plan_starts_s, context.now_s, settings)
        if left < 1.0:
            due_s = context.now_s + (1.0 - left) * settings.rate_interval_s
            text = f"at most one plan per {settings.rate_interval_s:g} s for the stack"
            return Delayed(Check.BLAST_RADIUS, text, due_s)
    if proposal.origin is Origin.PERSON or not proposal.on_running:
        return None
    seen = context.observation.services.get(proposal.service)
    running = sum(
        1
        for i in (seen.instances if seen is not None else ())
        if i.instance.state is InstanceState.RUNNING
    )
    most = max(1, int(settings.blast_ratio * running))
    taken = sum(_taken(s, running) for s in proposal.steps if s.kind in TAKES_CAPACITY)
    is_weighed = proposal.origin is Origin.SCALING and proposal.kind is ActionKind.SCALE_IN
    if taken > most and not is_weighed:  # whoever goes is drained, and is not needed
        text = f"would take {taken} of {running} running instances at once, at most {most}"
        return Delayed(Check.BLAST_RADIUS, text)
    return None


def _taken(step: Step, running: int) -> int:
    """How many running instances a step takes away, be it for a moment."""
    if step.kind is ActionKind.SCALE_IN:
        return len(str(step.parameters.get(LEAVING, "")).split(","))
    return 1 if "instance" in step.parameters else running
