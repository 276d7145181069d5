"""Mitigations of one stack: what would keep a failure from spreading becomes a proposal, and is
taken back when the threat is over.

Flows in: the look, what others have decided in it, the gate's context. Flows out: Decisions, as of
anybody who proposes; what is done to calls (`carry_out`), for `perform`; a word of `verify`. Asked
by `decide`. The options are `dependency_monitor.mitigations`', what is in force a fold of the
journal, so that a restart of ours forgets neither it nor that it is to be taken back.

The cure comes first: nothing is proposed on who is acted upon, or is about to be.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from everup.dependency_monitor import best, mitigations, sources_of, tallies_of, with_seen
from everup.loop import mitigation_means, undoing
from everup.loop.look import Decision, Look
from everup.loop.mitigation_steps import proposal_of, undo_of_held
from everup.model.breaker import BreakerState, EdgeName
from everup.model.decision import Allowed, Delayed
from everup.model.entries import Intended
from everup.model.evidence import Failed, Pending, Verification
from everup.model.kinds import UNKNOWN, ActionKind, Origin, ProbeVerdict, is_known
from everup.model.mitigation import Mitigated, Mitigation, Mitigations
from everup.model.scaling import SCALING_KINDS
from everup.model.state import InFlight
from everup.safety import Context, judge

if TYPE_CHECKING:
    from everup.loop.control import Control

SUPERSEDED = "superseded by "


class Containment:
    """`latest`: all options of the latest look. `standing`: option → why it is not done, or that it
    is."""

    def __init__(self) -> None:
        self.latest = Mitigations()
        self.standing: dict[str, str] = {}
        self.again_s = UNKNOWN
        self._calm_since_s: dict[str, float] = {}
        self._made_of: tuple[object, ...] = ()

    def decide(
        self, control: Control, look: Look, context: Context, decided: Iterable[Decision]
    ) -> list[Decision]:
        """What is taken back, then the best that is allowed, and what a person is asked for because
        it is better."""
        self.again_s = UNKNOWN
        self._look(control, look)
        self._follow_calm(control, look)
        found = self._taken_back(control, look, context)
        if not control.state.monitor_fault:
            found += self._proposed(control, look, context, [*decided, *found])
        return found

    def _look(self, control: Control, look: Look) -> None:
        relations, state = look.assessment.relations, control.state
        if not relations.roots and not look.assessment.predictions.items:
            self.latest, self.standing, self._made_of = Mitigations(look.at_s), {}, ()
            return
        if not self._is_as_before(control, look):
            known = control.edges.known(state)
            self.latest = mitigations(
                control.led_stack,
                look.observation,
                look.assessment,
                control.settings,
                mitigation_means.gather(control, look),
                wired=with_seen(control.led_stack, known),
                learned=tallies_of(known),
            )
        self.standing = {o.name: _plainly(o, control) for o in self.latest.options}

    def _is_as_before(self, control: Control, look: Look) -> bool:
        """Was it made of the same a moment ago? Health alone moves on within a sample's time, and
        what is sick is looked at each second."""
        assessment = look.assessment
        made_of = (
            control.state,
            sources_of(assessment.relations, assessment.predictions, control.settings),
            {name: found.condition for name, found in assessment.own.services.items()},
            control.breakers.not_closed(),
            control.traffic.no_router,
        )
        before, self._made_of = self._made_of, made_of
        age_s = look.at_s - self.latest.at_s
        is_same = bool(before) and before[0] is made_of[0] and before[1:] == made_of[1:]
        return is_same and 0.0 <= age_s < control.settings.sample_interval_s

    def _follow_calm(self, control: Control, look: Look) -> None:
        """Since when each of those that something is in force against is no source any more; a
        restart of ours begins to count anew."""
        held = {m.because for m in control.state.mitigated.values()}
        calm = held - set(self.latest.sources)
        before = self._calm_since_s
        self._calm_since_s = {name: before.get(name, look.at_s) for name in calm}

    # --- what is proposed -----------------------------------------------------------------------

    def _proposed(
        self, control: Control, look: Look, context: Context, decided: list[Decision]
    ) -> list[Decision]:
        asked: Decision | None = None
        refused: Decision | None = None
        for option in best(self.latest.options, control.settings):
            if why := self._not_now(control, look, option, decided):
                self.standing[option.name] = why
                continue
            proposal = proposal_of(option, control, look)
            if proposal is None:
                continue
            verdict = judge(proposal, context)
            decision = Decision(proposal.service, proposal=proposal, verdict=verdict)
            if isinstance(verdict, Allowed):
                self.standing[option.name] = "proposed, and allowed"
                return [decision] if asked is None else [decision, asked]
            self.standing[option.name] = f"{verdict.check}: {verdict.reason}"
            if isinstance(verdict, Delayed) and verdict.needs_approval:
                asked = asked or (decision if proposal.incident_id is not None else None)
            else:
                refused = refused or decision
        last = asked or refused
        return [] if last is None else [last]

    def _not_now(
        self, control: Control, look: Look, option: Mitigation, decided: list[Decision]
    ) -> str:
        state, now_s = control.state, look.at_s
        if any(_is_it(held, option) for held in state.mitigated.values()):
            return "in force"
        for name in {option.service, option.because}:
            if name in state.in_flight:
                return f"{state.in_flight[name].step.kind} of {name} is under way"
            if state.service(name).owed_undo is not None:
                return f"something of {name} is being taken back"
        for other in decided:
            if other.service in (option.service, option.because) and other.proposal is not None:
                if isinstance(other.verdict, Allowed):
                    return f"{other.proposal.kind} of {other.service} comes first"
        due_s = _since_s(option, look) + option.wait_s
        if now_s < due_s:
            self.again_s = min(due_s, self.again_s) if is_known(self.again_s) else due_s
            return f"not before it has lasted {option.wait_s:g} s"
        return ""

    # --- what is taken back ---------------------------------------------------------------------

    def _taken_back(self, control: Control, look: Look, context: Context) -> list[Decision]:
        found: list[Decision] = []
        for held in control.state.mitigated.values():
            known = control.state.service(held.service)
            if held.service not in control.stack.services or known.owed_undo is not None:
                continue
            if held.service in control.state.in_flight:
                continue
            why = self.why_over(control, look, held)
            if not why or not undoing.is_due(control, known, look.at_s):
                continue
            proposal = undo_of_held(held, why, control, look)
            if proposal is not None:
                verdict = judge(proposal, context)
                found.append(Decision(held.service, proposal=proposal, verdict=verdict))
        return found

    def why_over(self, control: Control, look: Look, held: Mitigated) -> str:
        """Why it is to be taken back now; "" while it is not. Calm must last before, so that it
        does not come and go; and nothing stays for longer than its time without being judged anew.
        A failover is a person's to give back: nobody can see whether who was fenced is well."""
        settings, now_s = control.settings, look.at_s
        if held.kind is ActionKind.FAILOVER:
            return ""
        is_late = now_s - held.since_s >= settings.mitigation_most_s
        well_s = control.memory.service(held.because).healthy_since_s
        since_s = self._calm_since_s.get(held.because, UNKNOWN)
        is_calm = is_known(since_s) and is_known(well_s)
        is_calm = is_calm and now_s - max(since_s, well_s) >= settings.mitigation_calm_s
        if held.kind in SCALING_KINDS:  # what was added may be what keeps it calm
            return f"{held.because} has been well for long" if is_calm and is_late else ""
        if held.kind is ActionKind.ISOLATE:
            is_calm = is_calm and bool(held.step.instance) and _is_well(held, control, now_s)
        if is_calm:
            return f"{held.because} has been well for {settings.mitigation_calm_s:g} s"
        return "its time is over, and it is judged anew" if is_late else ""

    # --- what is done to calls, and its proof ---------------------------------------------------

    async def carry_out(self, control: Control, intent: Intended) -> list[str]:
        """Keeps calls away, or lets them pass again; what was done, in sentences. Raises what the
        router raises, and GiveUp where there is no breaker."""
        step, now_s = intent.step, control.clock.now()
        spec, needs = control.stack.services[step.target], str(step.parameters.get("needs", ""))
        edge = EdgeName(step.target, needs)
        if step.kind is ActionKind.DEGRADE:
            return [await control.breakers.hold_open(control, edge, intent.reason)]
        if step.kind is ActionKind.SHED:
            until_s = now_s + control.settings.mitigation_most_s
            return await control.traffic.shed(spec, step.instance, until_s)
        if needs:
            return [await control.breakers.let_go(control, edge, intent.reason)]
        return await control.traffic.no_longer_shed(spec, step.instance)

    def word(self, control: Control, look: Look, flight: InFlight) -> Verification | None:
        """What speaks against its proof; None: nothing does."""
        step = flight.step
        if flight.origin is not Origin.MITIGATION:
            return None
        if step.kind is ActionKind.DEGRADE:
            edge = EdgeName(step.target, str(step.parameters.get("needs", "")))
            if edge not in control.breakers.edges:
                return None
            turn = control.breakers.of(edge).turn
            if turn.state is BreakerState.CLOSED:
                return Failed(f"{SUPERSEDED}the close of its breaker ({turn.reason})")
        is_strained = step.target in self.latest.sources
        if step.kind in SCALING_KINDS and is_strained and is_known(flight.done_at_s):
            if look.at_s >= flight.done_at_s + flight.expectation.deadline_s:
                return Failed(f"{step.target} is no better for it")
            return Pending(f"{step.target} to be better for it")
        return None


def _is_it(held: Mitigated, option: Mitigation) -> bool:
    """Is this option what is in force already?"""
    is_same = held.kind is option.kind.action and held.service == option.service
    return is_same and held.needs == option.needs and held.step.instance == option.instance


def _since_s(option: Mitigation, look: Look) -> float:
    found = look.assessment.relations.findings.get(option.because)
    if found is not None and is_known(found.since_s):
        return found.since_s
    prediction = look.assessment.predictions.of(option.because)
    return look.at_s if prediction is None else prediction.made_at_s


def _is_well(held: Mitigated, control: Control, now_s: float) -> bool:
    """Does the one instance that is cut off answer well all the same? Looks leave it out."""
    seen = control.desk.observation(now_s).services.get(held.service)
    for one in () if seen is None else seen.instances:
        if one.instance.name == held.step.instance and one.probe is not None:
            is_passing = one.probe.verdict is ProbeVerdict.PASS
            return is_passing and one.probe.successes_in_a_row >= control.settings.verify_probes
    return False


def _plainly(option: Mitigation, control: Control) -> str:
    settings = control.settings
    if option.is_in_force:
        return "in force"
    if option.missing:
        return f"not possible: {'; '.join(option.missing)}"
    if option.risk_before < settings.mitigation_risk_above:
        return f"only shown: a risk under {settings.mitigation_risk_above:g}"
    if option.gain < settings.mitigation_gain_least:
        return f"only shown: a gain under {settings.mitigation_gain_least:g}"
    return "not its turn: a better one is"
