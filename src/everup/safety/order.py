"""In which order, and with which care: stateful services, and dependencies before dependents."""

from __future__ import annotations

from everup.model.decision import Check, Delayed, Proposal, Refused, Step, Verdict
from everup.model.kinds import (
    FORETOLD,
    LEAKS,
    UNKNOWN,
    ActionKind,
    Cause,
    Condition,
    InstanceState,
    Origin,
    ProbeVerdict,
    is_known,
)
from everup.model.safe_point import FROM, TO, of_number_alone
from everup.model.stack import ServiceSpec
from everup.model.state import as_it_is
from everup.model.version import only_files_differ
from everup.safety.context import Context

TOUCHES = frozenset(
    {
        ActionKind.GRACEFUL_RESTART,
        ActionKind.CONTAINER_RESTART,
        ActionKind.RECREATE,
        ActionKind.DEPENDENCY_RECOVERY,
        ActionKind.EMERGENCY_ROLLBACK,
    }
)
LETS_GO_BELOW = 0.2
"""A prediction that was acted upon is one until it falls so far below that level."""
WELL = frozenset({Condition.HEALTHY, Condition.DEGRADED})


def _may_go_back(step: Step, spec: ServiceSpec) -> bool:
    """To older files it may in any case, when a person says so: they are no data."""
    frm, to = (str(step.parameters.get(name, "")) for name in (FROM, TO))
    return spec.rollback_is_safe or only_files_differ(frm, to)


def stateful_care(proposal: Proposal, context: Context) -> Verdict | None:
    """A running stateful service: long proof, long grace, and a kill only when proven hung. One
    that still passes its check, of whatever kind: only what a prediction permits."""
    if proposal.origin is Origin.PERSON or not proposal.on_running:
        return None
    settings = context.settings
    no = _unfounded(proposal, context)
    if no:
        return Refused(Check.STATEFUL_CARE, no)
    for step in proposal.steps:
        spec = context.stack.services[step.target]
        is_back = step.kind is ActionKind.EMERGENCY_ROLLBACK
        if is_back and spec.is_one_way and not of_number_alone(step.parameters):
            text = f"{step.target} is declared one-way: an older version cannot run"
            return Refused(Check.STATEFUL_CARE, text)
        if not spec.is_stateful:
            continue
        if step.kind is ActionKind.EMERGENCY_ROLLBACK and not _may_go_back(step, spec):
            text = f"{step.target} is stateful, and nobody declared that it may go back"
            return Refused(Check.STATEFUL_CARE, text)
        if step.kind is not ActionKind.GRACEFUL_RESTART:
            continue  # everything else asks for approval at the end of the line
        found = context.assessment.relations.findings.get(step.target)
        if found is None or not found.is_confirmed:
            return Refused(Check.STATEFUL_CARE, f"{step.target} is stateful and nothing is proven")
        due_s = found.since_s + settings.stateful_wait_s
        if context.now_s < due_s:
            text = f"{step.target} is stateful: not before {settings.stateful_wait_s:g} s"
            return Delayed(Check.STATEFUL_CARE, text, due_s)
        if float(step.parameters.get("grace_s", 0.0)) < settings.stateful_grace_s:
            text = f"{step.target} is stateful and needs {settings.stateful_grace_s:g} s of grace"
            return Refused(Check.STATEFUL_CARE, text)
        if step.parameters.get("may_kill") and not found.is_proven:
            text = f"{step.target} is stateful and not proven hung, so it may not be killed"
            return Refused(Check.STATEFUL_CARE, text)
    return None


def _unfounded(proposal: Proposal, context: Context) -> str:
    """Why this may not be done to a service that has not failed; "" when it may, or it has."""
    if proposal.cause not in FORETOLD:
        return ""
    settings, spec = context.settings, context.stack.services[proposal.service]
    for step in proposal.steps:
        if step.kind is ActionKind.CACHE_CLEAR:
            continue
        if step.kind is ActionKind.SCALE_OUT and not spec.is_stateful:
            if _was_foretold(step.kind, context, spec.name):
                return f"{spec.name} was scaled on a prediction within a day"
            continue
        if step.kind is not ActionKind.GRACEFUL_RESTART:
            return f"no prediction permits {step.kind}"
        if spec.is_stateful:
            return f"{spec.name} is stateful, and no prediction restarts it"
        foretold = LEAKS & {proposal.cause}
        prediction = context.assessment.predictions.of(spec.name, foretold)
        least = settings.prediction_acts_above - LETS_GO_BELOW
        if prediction is None or prediction.probability < least:
            return f"that {spec.name} will fail is not foretold with {least:g} or more"
        seen = context.observation.services.get(spec.name)
        count = as_it_is(spec, seen, context.state.service(spec.name)).instances
        if count < 2 and not context.is_quiet(spec.name):
            return f"{spec.name} has one instance and no quiet hour now"
        if _was_foretold(step.kind, context, spec.name):
            return f"{spec.name} was restarted on a prediction within a day"
    return ""


def _was_foretold(kind: ActionKind, context: Context, service: str) -> bool:
    """Was this done to it on a prediction within a day?"""
    return any(
        past.kind is kind
        and past.cause in FORETOLD
        and past.has_happened
        and context.now_s - past.started_at_s < context.settings.prediction_again_s
        for past in context.state.service(service).past
    )


def dependency_order(proposal: Proposal, context: Context) -> Verdict | None:
    """Not before all that the service needs has been verified healthy for two windows."""
    for step in proposal.steps:
        if step.kind not in TOUCHES or step.undoes is not None:
            continue  # what takes back our own step may be what its needs wait for
        for target in context.hard_closure.get(step.target, ()):
            verdict = _is_settled(target, step.target, context)
            verdict = verdict or _has_answered(target, step.target, context, proposal.on_running)
            if verdict is None or step.target in context.hard_closure.get(target, ()):
                continue  # settled, or a circle, in which relate has chosen who explains whom
            return verdict
    return None


def _has_answered(target: str, service: str, context: Context, on_running: bool) -> Verdict | None:
    """A dependency that looks well by its score alone may have fallen silent a moment ago: one of
    its instances must have answered well at last, and since the trouble began where it runs."""
    found = context.assessment.relations.findings.get(service)
    since_s = found.since_s if found is not None and on_running else float("-inf")
    running = [
        one
        for one in context.observation.services[target].instances
        if one.instance.state is InstanceState.RUNNING
    ]
    probes = [one.probe for one in running if one.probe is not None]
    if len(probes) < len(running) or not running:
        return None  # nobody asks it, or it does not run: its score says all that is known
    good = [probe for probe in probes if probe.verdict is ProbeVerdict.PASS]
    if not good:
        text = f"{service} needs {target}, whose latest answer was no good one"
    elif not any(probe.at_s >= since_s for probe in good):
        text = f"{service} needs {target}, which has not been asked since the trouble began"
    else:
        return None
    return Delayed(Check.DEPENDENCY_ORDER, text)


def _is_settled(target: str, service: str, context: Context) -> Verdict | None:
    health = context.assessment.own.services[target]
    if health.condition not in WELL:
        if health.condition is Condition.UNKNOWN:
            text = f"{service} needs {target}, of which nothing is known"
        else:
            text = f"{service} needs {target}, which is {health.condition}"
        return Delayed(Check.DEPENDENCY_ORDER, text)
    if target in context.state.in_flight:
        return Delayed(
            Check.DEPENDENCY_ORDER, f"{service} needs {target}, which is being acted upon"
        )
    healed_s = context.state.service(target).healed_at_s
    over_s = _trouble_over_s(target, service, context)
    last_bad_s = max((s for s in (over_s, healed_s) if is_known(s)), default=float("-inf"))
    due_s = last_bad_s + context.settings.two_windows_s
    if context.now_s < due_s:
        text = f"{service} needs {target}, which was sick until a moment ago"
        return Delayed(Check.DEPENDENCY_ORDER, text, due_s)
    return None


def _trouble_over_s(target: str, service: str, context: Context) -> float:
    """As looks tell it. Where none since our start saw it sick, but the journal says that it was,
    and not that it came back, or where the dependent's own trouble began before anybody looked,
    which may be because of it: since looks found it well."""
    remembered = context.memory.service(target)
    if is_known(remembered.trouble_over_s):
        return remembered.trouble_over_s
    incident = context.open_on.get(target)
    was_sick = context.state.service(target).is_with_a_person_for(Cause.CRASH)
    was_sick = was_sick or (incident is not None and incident.cause not in FORETOLD)
    found = context.assessment.relations.findings.get(service)
    is_older = found is not None and found.since_s < context.memory.first_look_s
    return remembered.healthy_since_s if was_sick or is_older else UNKNOWN
