"""From findings to proposals: root first, gentlest rung first, and a person after the last one.

Flows in: the assessment, the remembered state, the time. Flows out, for each finding, exactly one
of: a Proposal, a Hold with its reason, Escalate with the case, or a Want for its owner to fill in.
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.automated_recovery import foretold
from everup.automated_recovery.disks import make_room
from everup.automated_recovery.ladders import ladder, score_limit
from everup.automated_recovery.needed import also_needed_by
from everup.automated_recovery.patience import patience_s
from everup.automated_recovery.sizes import offers, too_small
from everup.automated_recovery.steps import expectation_for, step_for, target_of
from everup.model.assessment import Assessment, Finding
from everup.model.decision import (
    Escalate,
    Expectation,
    Hold,
    HoldReason,
    Proposal,
    Step,
    Want,
    proposal_key,
)
from everup.model.incident import Incident
from everup.model.kinds import (
    FORETOLD,
    ActionKind,
    BusyState,
    Cause,
    InstanceState,
    Origin,
    Purpose,
    is_known,
)
from everup.model.observation import Observation
from everup.model.settings import Settings
from everup.model.stack import ServiceSpec, Stack
from everup.model.state import Memory, PastAction, StackState, as_it_is, streak

Decided = Proposal | Hold | Escalate | Want


def propose(
    stack: Stack,
    observation: Observation,
    assessment: Assessment,
    state: StackState,
    memory: Memory,
    settings: Settings,
    quiet: frozenset[str] = frozenset(),
) -> list[Decided]:
    """One answer for each finding, most important service first. `quiet`: services that are in a
    quiet hour of theirs."""
    findings = sorted(
        assessment.relations.findings.values(),
        key=lambda f: (-stack.services[f.service].priority, f.service),
    )
    open_on = state.by_root()
    return [
        _decide(
            _Case(
                stack,
                observation,
                assessment,
                state,
                memory,
                settings,
                found,
                open_on.get(found.service),
                is_quiet=found.service in quiet,
            )
        )
        for found in findings
    ]


class _Case:
    """One finding with all that bears on it."""

    def __init__(
        self,
        stack: Stack,
        observation: Observation,
        assessment: Assessment,
        state: StackState,
        memory: Memory,
        settings: Settings,
        found: Finding,
        incident: Incident | None,
        *,
        is_quiet: bool,
    ) -> None:
        self.stack, self.is_quiet = stack, is_quiet
        self.assessment = assessment
        self.state = state
        self.memory = memory
        self.settings = settings
        self.found = found
        self.now_s = observation.at_s
        self.observed = observation.services
        self.incident = incident
        self.on_running = not found.is_dead
        seen = self.seen = observation.services.get(found.service)
        remembered = state.service(found.service)
        self.spec: ServiceSpec = as_it_is(stack.services[found.service], seen, remembered)
        self.busy = seen.busy if seen is not None else None
        self.engine_restarts = seen is not None and any(
            i.instance.state is InstanceState.RESTARTING for i in seen.instances
        )

    def hold(self, reason: HoldReason, text: str, until_s: float = float("nan")) -> Hold:
        return Hold(self.found.service, reason, text, until_s)


def _decide(case: _Case) -> Decided:
    is_foretold = case.found.cause in FORETOLD
    is_full = case.found.cause is Cause.DISK_FULL  # its hook ends nothing, a person is told at once
    for rule in (
        _somebody_has_it,
        _purpose,
        _is_ending,
        _not_yet,
        _not_the_root,
        _recovering,
        _stateful_wait,
        _may_heal,
        _busy,
    ):
        is_for_the_sick = rule in (_stateful_wait, _may_heal, _busy)
        answer = None if (is_foretold or is_full) and is_for_the_sick else rule(case)
        if answer is not None:
            return answer
    if is_foretold:
        return foretold.climb_gently(case, case_text)
    if is_full:
        return make_room(case)
    return _undo(case) if case.found.cause is Cause.BAD_DEPLOY else _climb(case)


def _somebody_has_it(case: _Case) -> Decided | None:
    name = case.found.service
    escalated = case.state.service(name).with_a_person
    if case.state.service(name).is_with_a_person_for(case.found.cause):
        return case.hold(HoldReason.WITH_A_PERSON, f"escalated as {escalated}; a person decides")
    if case.state.service(name).is_cut_off:
        text = f"it is cut off by an action; connect it: everup heal {name} --type rejoin"
        return case.hold(HoldReason.ISOLATED, text)
    flight = case.state.in_flight.get(name)
    if flight is not None:
        return case.hold(HoldReason.IN_FLIGHT, f"{flight.step.kind} {flight.action_id} runs")
    return None


def _purpose(case: _Case) -> Decided | None:
    found = case.found
    if found.cause is not Cause.STOPPED_ON_PURPOSE:
        if case.state.service(found.service).purpose is Purpose.STOPPED:
            return case.hold(HoldReason.STOPPED_ON_PURPOSE, "it should be stopped, so not healed")
        return None
    victims = case.assessment.relations.victims_of(found.service)
    if not victims:
        return case.hold(HoldReason.STOPPED_ON_PURPOSE, f"{found.reason}; nobody suffers")
    told_s = found.since_s + case.settings.change_quiet_s
    if case.now_s < told_s:
        text = f"{found.reason}; whoever replaces it stops it first"
        return case.hold(HoldReason.STOPPED_ON_PURPOSE, text, told_s)
    return Escalate(
        found.service,
        found.cause,
        f"{found.service} was {found.reason}, so it is left alone. Suffering: {', '.join(victims)}"
        f"{also_needed_by(case.stack, found.service, victims)}. To bring it back:"
        f" everup start {found.service}",
    )


def _is_ending(case: _Case) -> Decided | None:
    """Somebody is stopping it, or just did: nobody is told of how it looks meanwhile, nor asked
    whether to start what is replaced or was stopped for good; which of them shows at once."""
    for one in (i.instance for i in case.seen.instances) if case.seen is not None else ():
        if one.ending and (one.name in case.found.instances or not case.found.instances):
            text = f"somebody is stopping {one.name} ({one.ending})"
            return case.hold(HoldReason.STOPPED_ON_PURPOSE, text)
    due_s = case.found.since_s + case.settings.change_quiet_s
    if case.found.is_presumed_meant and case.now_s < due_s and _was_asked(case):
        text = f"{case.found.reason}; whoever replaces it stops it first"
        return case.hold(HoldReason.STOPPED_ON_PURPOSE, text, due_s)
    return None


def _was_asked(case: _Case) -> bool:
    """Did the runtime see that somebody asked it to end?"""
    instances = case.seen.instances if case.seen is not None else ()
    ends = [i.instance.exit for i in instances if i.instance.name in case.found.instances]
    return any(end.asked for end in ends if end is not None)


def _not_yet(case: _Case) -> Decided | None:
    found = case.found
    is_weighed = found.is_confirmed or found.is_presumed_meant or found.cause is Cause.RECOVERING
    if not is_weighed:
        return case.hold(HoldReason.NOT_CONFIRMED, f"not proven yet: {found.reason}")
    if case.engine_restarts and found.shows is not Cause.CRASH_LOOP:
        return case.hold(HoldReason.ENGINE_RESTARTS, "the engine's restart policy is at work")
    return None


def _not_the_root(case: _Case) -> Decided | None:
    found = case.found
    if found.explained_by:
        roots = case.assessment.relations.victims.get(found.service, found.explained_by)
        return case.hold(HoldReason.VICTIM, f"because of {', '.join(roots)}, left alone")
    return None


def _recovering(case: _Case) -> Decided | None:
    """Never restarted: that would begin it anew. Past its bound a person is told."""
    found = case.found
    if found.cause is not Cause.RECOVERING:
        return None
    bound_s = found.bound_s
    if not found.is_confirmed:
        text = f"it is coming and left alone while it says so; a person is told after {bound_s:g} s"
        return case.hold(HoldReason.RECOVERING, text, found.since_s + bound_s)
    return Escalate(
        found.service,
        found.cause,
        f"{found.service} has been recovering for more than {bound_s:g} s. {found.reason}. It was"
        f" left alone, since a restart would begin its recovery anew. If it needs longer, declare"
        f" recovery_most_s; to restart it all the same: everup heal {found.service}",
    )


def _stateful_wait(case: _Case) -> Decided | None:
    if not (case.spec.is_stateful and case.on_running):
        return None
    due_s = case.found.since_s + case.settings.stateful_wait_s
    if case.now_s < due_s:
        text = f"stateful: nothing before it lasted {case.settings.stateful_wait_s:g} s"
        return case.hold(HoldReason.STATEFUL_WAIT, text, due_s)
    return None


def _may_heal(case: _Case) -> Decided | None:
    """The first action comes later than this trouble usually needs to end by itself."""
    if case.incident is not None and case.incident.attempts:
        return None
    found = case.found
    ends = case.state.service(found.service).natural_ends.get(found.cause, ())
    wait_s = patience_s(ends, found.cause, case.settings)
    due_s = found.since_s + wait_s
    if not case.now_s < due_s:
        return None
    text = f"{found.cause} of {found.service} ended by itself {len(ends)} times, usually within "
    return case.hold(HoldReason.MAY_HEAL_BY_ITSELF, f"{text}{wait_s:.0f} s", due_s)


def _busy(case: _Case) -> Decided | None:
    """A running stateful service is first asked. Busy is waited for, within its bound."""
    if not (case.spec.is_stateful and case.on_running):
        return None
    busy, settings = case.busy, case.settings
    hook = case.spec.hooks.get("busy")
    answer_s = settings.probe_timeout_s if hook is None else hook.timeout_s
    fresh_s = 2 * (settings.sample_interval_s + answer_s)
    if busy is None or case.now_s - busy.at_s > fresh_s:
        return case.hold(HoldReason.BUSY, "first it is asked whether it is busy")
    if busy.state is not BusyState.BUSY:
        return None
    bound_s = case.spec.busy_most_s or settings.busy_most_s
    if case.now_s - busy.since_s < bound_s:
        text = f"busy: {busy.reason}; waited for, at most {bound_s:g} s"
        return case.hold(HoldReason.BUSY, text, busy.since_s + bound_s)
    return Escalate(
        case.found.service,
        case.found.cause,
        f"{case.found.service}: {case.found.reason}. It was left alone, since it has been busy for"
        f" {bound_s:g} s: {busy.reason}. If it needs longer, declare busy_most_s; to restart it all"
        f" the same: everup heal {case.found.service}",
    )


def _undo(case: _Case) -> Decided:
    """Somebody's change that never worked: what ran before is to run again."""
    found, kind = case.found, ActionKind.EMERGENCY_ROLLBACK
    limit = score_limit(kind, case.settings)
    has_own_test = found.symptom in (Cause.SLOW, Cause.DEPENDENCY_DOWN)  # by which it is bound
    if case.on_running and not has_own_test and not found.score < limit:
        text = f"score {found.score:.2f} is not below {limit:g}, from where {kind} is allowed"
        return case.hold(HoldReason.ABOVE_LIMIT, text)
    return Want(found.service, kind, found.cause, found.reason)


def _healed_dependency(case: _Case) -> str | None:
    """A hard dependency that was healed after this trouble began, if there is one.

    A trouble of its victim may pause for an answer and be counted anew: for two windows after the
    healing it is still the same one.
    """
    for edge in case.spec.depends_on:
        healed_s = case.state.service(edge.target).healed_at_s
        if is_known(healed_s) and case.found.since_s - healed_s <= case.settings.two_windows_s:
            if case.now_s - healed_s <= case.settings.backoff_reset_s:
                return edge.target
    return None


def _climb(case: _Case) -> Decided:
    found, settings = case.found, case.settings
    cause, reason = found.cause, found.reason
    if case.on_running:
        healed = _healed_dependency(case)
        if healed is not None:
            cause, reason = Cause.DEPENDENCY_DOWN, f"still sick after {healed} was healed: {reason}"
    rungs = ladder(cause, is_stateful=case.spec.is_stateful, on_running=case.on_running)
    tried = _tried(case, cause)
    is_spent = tried.here >= settings.budget_per_incident or tried.in_all >= settings.budget_actions
    if tried.rung >= len(rungs) or is_spent:
        text = case_text(found, cause, case.incident, tried.before, case.now_s)
        text += offers(case.spec)
        return Escalate(found.service, cause, text)
    rung = tried.rung
    kind = rungs[rung]
    limit = score_limit(kind, settings)
    if case.on_running and not found.score < limit:
        text = f"score {found.score:.2f} is not below {limit:g}, from where {kind} is allowed"
        return case.hold(HoldReason.ABOVE_LIMIT, text)
    if case.busy is not None and case.busy.state is BusyState.UNKNOWN:
        reason += f" (whether it is busy is not known: {case.busy.reason})"
    steps: tuple[Step, ...] = (
        step_for(kind, case.spec, found, settings, on_running=case.on_running),
    )
    expectation: Expectation = expectation_for(
        case.spec, cause, case.assessment, case.stack, settings, kind
    )
    following: ActionKind | None = rungs[rung + 1] if rung + 1 < len(rungs) else None
    proposal = Proposal(
        key=proposal_key(case.stack.name, found.service, cause, steps),
        origin=Origin.RECOVERY,
        service=found.service,
        cause=cause,
        steps=steps,
        reason=reason,
        expectation=expectation,
        incident_id=case.incident.id if case.incident is not None else None,
        rung=rung,
        next_kind=following,
        on_running=case.on_running,
        must_ask=f"{reason}: start it again?" if found.is_presumed_meant else "",
    )
    if too_small(case.spec, cause, case.seen, settings):
        text = f"{reason}; each time for lack of memory, so that starting it alone is no cure"
        return Want(found.service, ActionKind.SCALE_UP, cause, text, proposal)
    return proposal


@dataclass(frozen=True, slots=True)
class _Tried:
    """How often recovery acted: on this incident, for this trouble that keeps coming back, and
    which rung is next."""

    here: int
    in_all: int
    rung: int
    before: tuple[PastAction, ...] = ()


def _tried(case: _Case, cause: Cause) -> _Tried:
    """Only what recovery did and what really happened counts; a person's wishes use up no ladder.

    A trouble that comes back before the service was left in peace for `backoff_reset_s` goes on
    where it was: on a running service one rung higher, and for all but plain crashes within one
    budget. A plain crash is started again as often as its backoff allows.
    """
    past = case.state.service(case.found.service).past
    untried = {p.action_id for p in past if not p.has_happened}
    attempts = case.incident.attempts if case.incident is not None else ()
    target = target_of(case.spec, case.found)
    here = [
        a
        for a in attempts
        if a.result and a.origin is Origin.RECOVERY and a.action_id not in untried
        if a.instance == target or a.result != "passed"
    ]
    if cause is Cause.CRASH:
        return _Tried(len(here), 0, len(here))
    again = [
        p
        for p in streak(past, case.now_s, case.settings.backoff_reset_s)
        if p.cause is cause and p.has_happened and p.origin is Origin.RECOVERY
        if p.instance == target
    ]
    rung = max(len(here), len(again)) if case.on_running else len(here)
    mine = {a.action_id for a in attempts}
    before = tuple(p for p in reversed(again) if p.action_id not in mine)
    return _Tried(len(here), len(again), rung, before)


def case_text(
    found: Finding,
    cause: Cause,
    incident: Incident | None,
    before: tuple[PastAction, ...] = (),
    now_s: float = 0.0,
) -> str:
    """What a person needs to know: what happened, what was tried, what to do next."""
    parts = [f"{found.service}: {cause}. {found.reason}."]
    for past in before:
        came = "helped for a while" if past.has_passed else "did not help"
        parts.append(
            f"Before this, {(now_s - past.ended_at_s) / 60:.0f} min ago: {past.kind} {came}."
        )
    attempts = incident.attempts if incident is not None else ()
    for number, attempt in enumerate(attempts, 1):
        outcome = attempt.result or "under way"
        parts.append(
            f"Attempt {number}: {attempt.kind} {outcome}"
            + (f" ({attempt.error})" if attempt.error else "")
            + "."
        )
    if not attempts and not before:
        parts.append("Nothing was tried: no rung of the ladder fits.")
    if before and not attempts:
        parts.append("It keeps coming back, so doing the same again is not the cure.")
    parts.append(f"Nothing more will be tried. After mending it: everup heal {found.service}")
    return " ".join(parts)
