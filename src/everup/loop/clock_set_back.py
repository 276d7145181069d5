"""A memory from a later time than now: the clock was set back, as between two lives of Everup.

Flows in: the state that the journal folds into, and the time. Flows out: the same with nothing in
the future: what seems to have happened later has happened now, and what it leads to (cooldown,
backoff, budget, the end of a freeze, an approval) lasts its own length from now on, not until the
clock has come that far again. Called when a controller opens its journal, and when it sees the time
go back. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from everup.model.accuracy import Failure
from everup.model.anomaly import Anomaly
from everup.model.approval import Approval
from everup.model.incident import Incident
from everup.model.learned import NotTrained
from everup.model.prediction import MadePrediction
from everup.model.probation import Probation
from everup.model.restore import Restore
from everup.model.scaling import ScalingChosen
from everup.model.state import Freeze, InFlight, PastAction, ServiceState, StackState
from everup.model.tuning import Tuned

A = TypeVar("A", Anomaly, Failure, NotTrained, ScalingChosen)

CLOCK_OFF_MOST_S = 60.0


def clock_note(wall_ahead_s: float) -> list[str]:
    """A line for a person when the machine's clock was set while Everup ran."""
    if abs(wall_ahead_s) <= CLOCK_OFF_MOST_S:
        return []
    return [
        f"the machine's clock was set by {wall_ahead_s:+.0f} s since Everup started; its journal "
        "goes on in the time of before, maintenance windows follow the clock; restart Everup to "
        "have one time"
    ]


def not_after(state: StackState, now_s: float) -> StackState:
    """The state with every past moment at `now_s` or before; unknown stays unknown."""
    then = _NotAfter(now_s)
    return replace(
        state,
        services={name: then.service(s) for name, s in state.services.items()},
        incidents={key: then.incident(i) for key, i in state.incidents.items()},
        in_flight={name: then.flight(f) for name, f in state.in_flight.items()},
        freezes={scope: then.freeze(f) for scope, f in state.freezes.items()},
        restores={key: then.restore(r) for key, r in state.restores.items()},
        approvals={key: then.approval(a) for key, a in state.approvals.items()},
        plan_starts_s=tuple(then.past(at_s) for at_s in state.plan_starts_s),
        started_at_s=then.past(state.started_at_s),
        services_stopped_at_s=then.past(state.services_stopped_at_s),
        monitor_fault_since_s=then.past(state.monitor_fault_since_s),
        predictions={name: then.prediction(p) for name, p in state.predictions.items()},
        past_predictions=tuple(then.prediction(p) for p in state.past_predictions),
        accounts=replace(state.accounts, latest=tuple(map(then.of, state.accounts.latest))),
        models={
            craft: tuple(replace(m, trained_at_s=then.past(m.trained_at_s)) for m in cards)
            for craft, cards in state.models.items()
        },
        not_trained={craft: then.of(tried) for craft, tried in state.not_trained.items()},
        anomalies=tuple(map(then.of, state.anomalies)),
        scaled=tuple(then.of(one) for one in state.scaled),
        tuned=then.tuned(state.tuned),
    )


@dataclass(frozen=True, slots=True)
class _NotAfter:
    now_s: float

    def past(self, at_s: float) -> float:
        return min(at_s, self.now_s)

    def of(self, known: A) -> A:
        return replace(known, at_s=self.past(known.at_s))

    def prediction(self, known: MadePrediction) -> MadePrediction:
        earlier_s = known.made_at_s - self.past(known.made_at_s)
        return replace(
            known,
            made_at_s=known.made_at_s - earlier_s,
            earliest_s=known.earliest_s - earlier_s,
            likely_s=known.likely_s - earlier_s,
            latest_s=known.latest_s - earlier_s,
            settled_at_s=self.past(known.settled_at_s),
        )

    def tuned(self, known: Tuned) -> Tuned:
        held = {
            name: until_s - max(0.0, known.at_s.get(name, self.now_s) - self.now_s)
            for name, until_s in known.held_until_s.items()
        }
        at_s = {name: self.past(at_s) for name, at_s in known.at_s.items()}
        return replace(known, at_s=at_s, held_until_s=held)

    def service(self, known: ServiceState) -> ServiceState:
        return replace(
            known,
            purpose_at_s=self.past(known.purpose_at_s),
            healed_at_s=self.past(known.healed_at_s),
            exits=tuple(replace(e, at_s=self.past(e.at_s)) for e in known.exits),
            past=tuple(self.action(a) for a in known.past),
            changed_at_s=self.past(known.changed_at_s),
            recounted_at_s=self.past(known.recounted_at_s),
            safe_points=tuple(
                replace(p, kept_at_s=self.past(p.kept_at_s)) for p in known.safe_points
            ),
            probation=self.probation(known.probation),
            past_probation=self.probation(known.past_probation),
            worse=None
            if known.worse is None
            else replace(known.worse, at_s=self.past(known.worse.at_s)),
        )

    def probation(self, known: Probation | None) -> Probation | None:
        if known is None:
            return None
        return replace(
            known, began_at_s=self.past(known.began_at_s), ended_at_s=self.past(known.ended_at_s)
        )

    def restore(self, known: Restore) -> Restore:
        return replace(
            known,
            began_at_s=self.past(known.began_at_s),
            tries=tuple(replace(t, at_s=self.past(t.at_s)) for t in known.tries),
            turned_at_s=self.past(known.turned_at_s),
            ended_at_s=self.past(known.ended_at_s),
        )

    def action(self, known: PastAction) -> PastAction:
        return replace(
            known,
            started_at_s=self.past(known.started_at_s),
            ended_at_s=self.past(known.ended_at_s),
        )

    def flight(self, known: InFlight) -> InFlight:
        return replace(
            known,
            intended_at_s=self.past(known.intended_at_s),
            done_at_s=self.past(known.done_at_s),
        )

    def freeze(self, known: Freeze) -> Freeze:
        earlier_s = known.since_s - self.past(known.since_s)
        return replace(known, since_s=self.past(known.since_s), until_s=known.until_s - earlier_s)

    def approval(self, known: Approval) -> Approval:
        earlier_s = known.asked_at_s - self.past(known.asked_at_s)
        return replace(
            known,
            asked_at_s=self.past(known.asked_at_s),
            expires_at_s=known.expires_at_s - earlier_s,
            answered_at_s=self.past(known.answered_at_s),
        )

    def incident(self, known: Incident) -> Incident:
        return replace(
            known, opened_at_s=self.past(known.opened_at_s), seen_at_s=self.past(known.seen_at_s)
        )
