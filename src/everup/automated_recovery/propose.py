"""From findings to proposals: root first, gentlest rung first, and a person after the last one.

Flows in: the assessment, the remembered state, the time. Flows out, for each finding, exactly one
of: a Proposal, a Hold with its reason, or Escalate with the case.
"""

from __future__ import annotations

from everup.automated_recovery.ladders import ladder, score_limit
from everup.automated_recovery.steps import expectation_for, step_for
from everup.model.assessment import Assessment, Finding
from everup.model.decision import (
    Escalate,
    Expectation,
    Hold,
    HoldReason,
    Proposal,
    Step,
    proposal_key,
)
from everup.model.incident import Incident
from everup.model.kinds import (
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
from everup.model.state import Memory, StackState

Decided = Proposal | Hold | Escalate


def propose(
    stack: Stack,
    observation: Observation,
    assessment: Assessment,
    state: StackState,
    memory: Memory,
    settings: Settings,
) -> list[Decided]:
    """One answer for each finding, most important service first."""
    findings = sorted(
        assessment.relations.findings.values(),
        key=lambda f: (-stack.services[f.service].priority, f.service),
    )
    return [
        _decide(_Case(stack, observation, assessment, state, memory, settings, found))
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
    ) -> None:
        self.stack = stack
        self.assessment = assessment
        self.state = state
        self.memory = memory
        self.settings = settings
        self.found = found
        self.now_s = observation.at_s
        self.spec: ServiceSpec = stack.services[found.service]
        self.incident: Incident | None = state.incident_on(found.service)
        self.on_running = found.cause not in (Cause.CRASH, Cause.CRASH_LOOP)
        seen = observation.services.get(found.service)
        self.busy = seen.busy if seen is not None else None
        self.engine_restarts = seen is not None and any(
            i.instance.state is InstanceState.RESTARTING for i in seen.instances
        )

    def hold(self, reason: HoldReason, text: str, until_s: float = float("nan")) -> Hold:
        return Hold(self.found.service, reason, text, until_s)


def _decide(case: _Case) -> Decided:
    for rule in (
        _somebody_has_it,
        _purpose,
        _not_yet,
        _not_the_root,
        _recovering,
        _stateful_wait,
        _busy,
    ):
        answer = rule(case)
        if answer is not None:
            return answer
    return _climb(case)


def _somebody_has_it(case: _Case) -> Decided | None:
    name = case.found.service
    escalated = case.state.service(name).with_a_person
    if escalated is not None:
        return case.hold(HoldReason.WITH_A_PERSON, f"escalated as {escalated}; a person decides")
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
    return Escalate(
        found.service,
        found.cause,
        f"{found.service} was {found.reason}, so it is left alone. Suffering: {', '.join(victims)}."
        f" To bring it back: everup start {found.service}",
    )


def _not_yet(case: _Case) -> Decided | None:
    found = case.found
    if not found.is_confirmed and found.cause is not Cause.RECOVERING:
        return case.hold(HoldReason.NOT_CONFIRMED, f"not proven yet: {found.reason}")
    if case.engine_restarts and found.cause is not Cause.CRASH_LOOP:
        return case.hold(HoldReason.ENGINE_RESTARTS, "the engine's restart policy is at work")
    return None


def _not_the_root(case: _Case) -> Decided | None:
    found = case.found
    if found.explained_by:
        roots = case.assessment.relations.victims.get(found.service, found.explained_by)
        return case.hold(HoldReason.VICTIM, f"explained by {', '.join(roots)}, left alone")
    return None


def _recovering(case: _Case) -> Decided | None:
    """Never restarted: that would begin it anew. Past its bound a person is told."""
    found = case.found
    if found.cause is not Cause.RECOVERING:
        return None
    bound_s = found.bound_s
    if not found.is_confirmed:
        text = f"it is coming and left alone; a person is told after {bound_s:g} s"
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


def _healed_dependency(case: _Case) -> str | None:
    """A hard dependency that was healed after this trouble began, if there is one."""
    for edge in case.spec.depends_on:
        healed_s = case.state.service(edge.target).healed_at_s
        if is_known(healed_s) and case.found.since_s <= healed_s:
            if case.now_s - healed_s <= case.settings.backoff_reset_s:
                return edge.target
    return None


def _climb(case: _Case) -> Decided:
    found, settings = case.found, case.settings
    cause, reason = found.cause, found.reason
    attempts = case.incident.attempts if case.incident is not None else ()
    if case.on_running:
        healed = _healed_dependency(case)
        if healed is not None:
            cause, reason = Cause.DEPENDENCY_DOWN, f"still sick after {healed} was healed: {reason}"
    rungs = ladder(cause, is_stateful=case.spec.is_stateful, on_running=case.on_running)
    tried = len([a for a in attempts if a.result])
    rung = min(tried, settings.budget_per_incident)
    if rung >= len(rungs) or tried >= settings.budget_per_incident:
        return Escalate(found.service, cause, case_text(found, cause, case.incident))
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
    return Proposal(
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
    )


def case_text(found: Finding, cause: Cause, incident: Incident | None) -> str:
    """What a person needs to know: what happened, what was tried, what to do next."""
    parts = [f"{found.service}: {cause}. {found.reason}."]
    attempts = incident.attempts if incident is not None else ()
    for number, attempt in enumerate(attempts, 1):
        outcome = attempt.result or "under way"
        parts.append(
            f"Attempt {number}: {attempt.kind} {outcome}"
            + (f" ({attempt.error})" if attempt.error else "")
            + "."
        )
    if not attempts:
        parts.append("Nothing was tried: no rung of the ladder fits.")
    parts.append(f"Nothing more will be tried. After mending it: everup heal {found.service}")
    return " ".join(parts)
