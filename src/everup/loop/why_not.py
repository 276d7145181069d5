"""Why not? For one service, the present answer for every kind of action. Pure.

Flows in: what the gate looks at, the latest decision, what the runtime can do. Flows out: one
KindAnswer for each kind: by Everup's own initiative and by a person's command, with the way to
change it. Called by `Control.kinds`; it proposes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from everup.automated_recovery import proposal_for
from everup.automated_recovery.ladders import ladder
from everup.automated_recovery.steps import expectation_for, hook_of, step_for
from everup.loop import possible, remedies, scaling
from everup.loop.look import Decision
from everup.loop.perform import RECONNECT_HOOK
from everup.model.assessment import Finding
from everup.model.decision import (
    Allowed,
    Check,
    Delayed,
    Escalate,
    Proposal,
    Verdict,
    Want,
    proposal_key,
)
from everup.model.explanation import KindAnswer, KindState, Remedy, Said, Way
from everup.model.kinds import OF_TRAFFIC, ActionKind, Cause, InstanceState, Origin
from everup.model.request import Request, Verb
from everup.model.runtime import Capability, RuntimeManifest
from everup.model.scaling import SCALING_KINDS, Obstacle, Refusal
from everup.model.stack import FREE_SPACE_HOOK, ServiceSpec
from everup.model.state import as_it_is
from everup.rollback_manager import NoWayBack, way_back
from everup.rollback_manager import proposal_for as rollback_for
from everup.rollback_manager import propose as propose_rollback
from everup.safety import Context, judge

NEEDS: Mapping[ActionKind, Capability] = {
    **possible.NEEDS,
    ActionKind.START: Capability.START,
    ActionKind.STOP: Capability.STOP,
}
"""What `perform` has no hands for."""
NEEDS_AN_AMOUNT = frozenset({Obstacle.NO_AMOUNT, Obstacle.NO_LIMIT})
VERBS = {ActionKind.START: Verb.START, ActionKind.STOP: Verb.STOP}


@dataclass(frozen=True, slots=True)
class SizeWish:
    """Another size would be right. `answer`: of the gate, or why it is not even asked now."""

    kind: ActionKind
    answer: Verdict | str
    text: str = ""  # why it would be right


@dataclass(frozen=True, slots=True)
class Question:
    """One service and all that bears on it."""

    spec: ServiceSpec
    context: Context
    decision: Decision | None
    manifest: RuntimeManifest
    scaling: SizeWish | None = None  # None: its size is right

    @property
    def name(self) -> str:
        """The service."""
        return self.spec.name

    @property
    def found(self) -> Finding | None:
        """What is wrong with it now."""
        return self.context.assessment.relations.findings.get(self.name)

    @property
    def cause(self) -> Cause | None:
        """The one whose ladder is climbed now."""
        proposal = self.decision.proposal if self.decision is not None else None
        if proposal is not None and proposal.origin not in (Origin.PERSON, Origin.SCALING):
            return proposal.cause
        return None if self.found is None else self.found.cause

    @property
    def on_running(self) -> bool:
        """Would a rung of the ladder act on an instance that runs?"""
        return self.found is None or not self.found.is_dead

    @property
    def rungs(self) -> tuple[ActionKind, ...]:
        """The present ladder."""
        if self.cause is None:
            return ()
        return ladder(self.cause, is_stateful=self.spec.is_stateful, on_running=self.on_running)


def answers(question: Question) -> tuple[KindAnswer, ...]:
    """One for each kind, in the order of their declaration."""
    return tuple(_answer(question, kind) for kind in ActionKind)


def _answer(question: Question, kind: ActionKind) -> KindAnswer:
    lacking = cannot(question.spec, question.manifest, kind, question.found)
    if lacking is not None:
        said, ways = lacking
        return KindAnswer(kind, said, said, remedies=ways)
    if kind is ActionKind.EMERGENCY_ROLLBACK:
        no_way = _no_way_back(question)
        if no_way:
            said = Said(KindState.CANNOT, no_way)
            return KindAnswer(kind, said, said)
    wish = _wish(question, kind)
    if question.scaling is not None and question.scaling.kind is kind:
        return _sized(question, question.scaling, wish)
    if not isinstance(wish, Proposal):
        said = Said(KindState.REFUSED, "; ".join(no.text for no in wish), wish[0].name)
        return KindAnswer(kind, said, said)
    person = _said(judge(wish, question.context))
    may = person.state is KindState.ALLOWED
    rungs = tuple(n for n, rung in enumerate(question.rungs, 1) if rung is kind)
    own = _held(question, kind, rungs)
    if own is None:
        proposed = _own(question, kind, rungs[0] - 1)
        if isinstance(proposed, Escalate):
            own = Said(KindState.HELD, "the ladder has ended: a person decides", "escalated")
            return KindAnswer(kind, own, person, rungs)
        own = _said(judge(proposed, question.context))
        ways = remedies.for_check(
            own.check, question.name, kind, scope=_frozen(question), person_may=may
        )
    elif own.state is KindState.HELD:
        ways = remedies.for_hold(own.check, question.name, kind, person_may=may)
    else:
        ways = remedies.for_check(
            person.check, question.name, kind, scope=_frozen(question), person_may=may
        )
    return KindAnswer(kind, own, person, rungs, ways)


def _sized(question: Question, size: SizeWish, wish: Proposal | tuple[Refusal, ...]) -> KindAnswer:
    """What the auto_scaler would do now, beside any ladder."""
    if isinstance(wish, Proposal):
        person = _said(judge(wish, question.context))
    else:
        person = Said(KindState.REFUSED, "; ".join(no.text for no in wish), wish[0].name)
    own = size.answer
    said = Said(KindState.HELD, own, "waits") if isinstance(own, str) else _said(own)
    if size.text:
        said = replace(said, reason=f"{size.text}; {said.reason}")
    may = person.state is KindState.ALLOWED
    scope = _frozen(question)
    ways = remedies.for_check(said.check, question.name, size.kind, scope=scope, person_may=may)
    return KindAnswer(size.kind, said, person, (), ways, is_wished=True)


def cannot(
    spec: ServiceSpec,
    manifest: RuntimeManifest,
    kind: ActionKind,
    found: Finding | None = None,
) -> tuple[Said, tuple[Remedy, ...]] | None:
    """What is lacking for it to be done at all; None when nothing is."""
    if kind is ActionKind.CACHE_CLEAR and (hook := hook_of(spec, found)) not in spec.hooks:
        is_full = found is not None and found.cause in (Cause.DISK_FULL, Cause.DISK_FILLING)
        hook = FREE_SPACE_HOOK if is_full else hook
        text = f"{spec.name} declares no {hook} hook, and only its owner knows how"
        ways = (Remedy(Way.DECLARE_HOOK, spec.name, hook=hook),)
        return Said(KindState.CANNOT, text), ways
    if kind is ActionKind.FAILOVER and not spec.standby:
        text = f"{spec.name} declares no standby that could take its place"
        return Said(KindState.CANNOT, text), ()
    if kind in OF_TRAFFIC:
        text = f"{kind} is a mitigation: what it would gain stands in `everup graph mitigations`"
        return Said(KindState.CANNOT, text), ()
    needed = NEEDS[kind]
    if kind is ActionKind.DEPENDENCY_RECOVERY and RECONNECT_HOOK in spec.hooks:
        needed = Capability.RUN_HOOK
    if not manifest.can(needed):
        why = manifest.why_not.get(needed, "")
        text = f"the {manifest.name} runtime cannot {needed}" + (f": {why}" if why else "")
        return Said(KindState.CANNOT, text), ()
    return None


def _held(question: Question, kind: ActionKind, rungs: tuple[int, ...]) -> Said | None:
    """Why Everup does not even propose it; None when it does, or would on a later rung."""
    name, decision = question.name, question.decision
    if question.found is None:
        return Said(KindState.NOT_ON_LADDER, f"nothing is wrong with {name}")
    if decision is not None and decision.escalate is not None:
        return Said(KindState.HELD, "the ladder has ended: a person decides", "escalated")
    hold = decision.hold if decision is not None else None
    if rungs:
        if hold is None:
            return None
        return Said(KindState.HELD, hold.text, hold.reason, hold.until_s)
    climbed = in_turn(question.rungs) or "empty: a person decides"
    return Said(KindState.NOT_ON_LADDER, f"the ladder of {question.cause} is {climbed}")


def in_turn(rungs: Sequence[ActionKind]) -> str:
    """`graceful_restart, then container_restart up to 3 times`."""
    parts = [(kind, len(list(same))) for kind, same in groupby(rungs)]
    return ", then ".join(f"{k} up to {n} times" if n > 1 else k for k, n in parts)


def _said(verdict: Verdict) -> Said:
    if isinstance(verdict, Allowed):
        return Said(KindState.ALLOWED, verdict.reason)
    if isinstance(verdict, Delayed):
        return Said(KindState.DELAYED, verdict.reason, verdict.check, verdict.until_s)
    return Said(KindState.REFUSED, verdict.reason, verdict.check)


def _frozen(question: Question) -> str:
    """What an unfreeze would have to name."""
    return "" if "" in question.context.state.freezes else question.name


def _no_way_back(question: Question) -> str:
    context = question.context
    point = way_back(question.spec, context.state.service(question.name), context.settings)
    return f"nothing to roll back: {point.reason}" if isinstance(point, NoWayBack) else ""


def _own(question: Question, kind: ActionKind, rung: int) -> Proposal | Escalate:
    """The proposal that this rung would be."""
    context, spec, found, cause = question.context, question.spec, question.found, question.cause
    assert found is not None
    assert cause is not None
    seen = context.observation.services.get(spec.name)
    spec = as_it_is(spec, seen, context.state.service(spec.name))
    if kind is ActionKind.EMERGENCY_ROLLBACK:
        want = Want(spec.name, kind, cause, found.reason)
        return propose_rollback(
            want, context.stack, context.assessment, context.state, context.settings
        )
    steps = (step_for(kind, spec, found, context.settings, on_running=question.on_running),)
    incident = context.state.incident_on(spec.name)
    return Proposal(
        key=proposal_key(context.stack.name, spec.name, cause, steps),
        origin=Origin.RECOVERY,
        service=spec.name,
        cause=cause,
        steps=steps,
        reason=found.reason,
        expectation=expectation_for(
            spec, cause, context.assessment, context.stack, context.settings
        ),
        incident_id=incident.id if incident is not None else None,
        rung=rung,
        on_running=question.on_running,
    )


def _wish(question: Question, kind: ActionKind) -> Proposal | tuple[Refusal, ...]:
    """The same kind as a person's command, or why there can be no such command."""
    context = question.context
    seen = context.observation.services.get(question.name)
    runs = seen is not None and any(
        i.instance.state is not InstanceState.EXITED for i in seen.instances
    )
    asked = Request(VERBS.get(kind, Verb.HEAL), by="a person", service=question.name, kind=kind)
    if kind in SCALING_KINDS:
        parts = (context.observation, context.assessment, context.state, context.settings)
        return _scaled(question, asked, scaling.asked(asked, context.stack, *parts))
    if kind is ActionKind.EMERGENCY_ROLLBACK:
        proposal = rollback_for(
            asked,
            context.stack,
            context.assessment,
            context.state,
            context.settings,
            is_running=runs,
            incident_id=None,
        )
        assert isinstance(proposal, Proposal)  # there is a way back, as was asked before
        return proposal
    return proposal_for(
        asked,
        context.stack,
        context.assessment,
        context.settings,
        is_running=runs,
        incident_id=None,
        remembered=context.state.service(question.name),
        seen=seen,
    )


def _scaled(
    question: Question, asked: Request, found: Proposal | tuple[Refusal, ...]
) -> Proposal | tuple[Refusal, ...]:
    """Where only the amount is lacking, it is told for the usual command with one."""
    if isinstance(found, Proposal) or found[0].name not in NEEDS_AN_AMOUNT:
        return found
    text = f"{found[0].text}: everup scale {question.name} --memory 512m --cpus 1.5"
    return (Refusal(found[0].name, text),)


def but_for_the_mode(decision: Decision, context: Context) -> Verdict | None:
    """What the gate would say if the mode did not forbid it; None when the mode does not."""
    verdict = decision.verdict
    if decision.proposal is None or getattr(verdict, "check", None) is not Check.MODE:
        return None
    return judge(decision.proposal, context, without=frozenset({Check.MODE}))
