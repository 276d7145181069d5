"""When a changed service is on probation, and how that ends. Pure.

Flows in: what is remembered of a service, the time. Flows out: whether a change begins a probation,
and its one ending. Called by `loop.probation` in every look: each answer is read from the state
alone, so that no restart loses it.

    changed ──▶ on probation ──▶ safe point    well for `probation_s` since the latest change
                             ├─▶ rolled back   an emergency rollback was verified
                             └─▶ escalated     a person has it, or nothing was proven in time
"""

from __future__ import annotations

from dataclasses import dataclass

from everup.model.kinds import ActionKind, is_known
from everup.model.probation import TOGETHER_S, Probation, ProbationEnding
from everup.model.safe_point import TO
from everup.model.settings import Settings
from everup.model.stack import Stack
from everup.model.state import ServiceState, StackState

GOES_BACK = ActionKind.EMERGENCY_ROLLBACK
RESTLESS_SPANS = 4
"""Times to go back, after which one that is changed again and again is watched no longer."""


@dataclass(frozen=True, slots=True)
class End:
    """How, and why."""

    ending: ProbationEnding
    reason: str


def begins(remembered: ServiceState, going_to: str, version: str) -> bool:
    """Does the change to `version` begin one? Not what was safe last, nor where Everup goes to, and
    not within one. `going_to`: where the action under way leads, "" for nowhere."""
    if remembered.probation is not None or version == going_to:
        return False
    return not remembered.ways_back or version != remembered.ways_back[-1].version


def begins_with_number(remembered: ServiceState) -> bool:
    """Did somebody change how many instances there are, and was that not watched yet?"""
    if remembered.probation is not None or not remembered.has_other_number:
        return False
    past = remembered.past_probation
    return past is None or not past.ended_at_s >= remembered.recounted_at_s


def going_to(kind: ActionKind, parameters: object) -> str:
    """The version that an action leads to; "" for any but a rollback."""
    if kind is not GOES_BACK or not hasattr(parameters, "get"):
        return ""
    return str(parameters.get(TO, ""))


def since_s(probation: Probation, remembered: ServiceState) -> float:
    """The latest change of it: a further one begins the watch anew."""
    changed_s = remembered.altered_at_s
    return max(probation.began_at_s, changed_s) if is_known(changed_s) else probation.began_at_s


def is_over_for(remembered: ServiceState, now_s: float, settings: Settings) -> bool:
    """Has it been watched for long enough to be called safe?"""
    probation = remembered.probation
    if probation is None and remembered.has_other_number:  # its watch begins with the next look
        return now_s - remembered.altered_at_s >= settings.probation_s
    return probation is None or now_s - since_s(probation, remembered) >= settings.probation_s


def end_of(
    remembered: ServiceState, now_s: float, settings: Settings, *, has_incident: bool
) -> End | None:
    """None: it goes on."""
    probation = remembered.probation
    if probation is None:
        return None
    back = [
        past
        for past in remembered.past
        if past.kind is GOES_BACK and past.has_happened and past.ended_at_s > probation.began_at_s
    ]
    is_other = remembered.has_other_number
    is_back = bool(back) and back[-1].has_passed
    if (
        is_back
        and not is_other
        and remembered.version in {p.version for p in remembered.safe_points}
    ):
        return End(ProbationEnding.ROLLED_BACK, f"{GOES_BACK} {back[-1].action_id}, verified")
    is_waiting = remembered.waits_for_a_person
    if is_waiting and remembered.with_a_person != probation.with_a_person:
        text = f"it is with a person: {remembered.with_a_person}"
        return End(ProbationEnding.ESCALATED, text)
    watched_s = now_s - since_s(probation, remembered)
    newest = remembered.ways_back[-1] if remembered.ways_back else None
    is_as_before = newest is not None and newest.version == remembered.version and not is_other
    if newest is not None and is_as_before and not has_incident:
        if newest.kept_at_s >= probation.began_at_s:
            return End(ProbationEnding.SAFE_POINT, f"well over {watched_s:.0f} s of watching")
        if not back:
            as_before = f"{newest.title}, which was safe, runs as before"
            return End(ProbationEnding.SAFE_POINT, as_before)
        if now_s - back[-1].ended_at_s >= settings.two_windows_s:  # else it may be ill with it
            how = f"{GOES_BACK} {back[-1].action_id}, not verified in time, and well since"
            return End(ProbationEnding.ROLLED_BACK, how)
    if now_s - probation.began_at_s > RESTLESS_SPANS * settings.rollback_window_s:
        text = f"it was changed again and again for {now_s - probation.began_at_s:.0f} s"
        return End(ProbationEnding.ESCALATED, f"{text}, so that nothing could be proven")
    if watched_s > settings.rollback_window_s and not has_incident:
        text = f"it was not proven to be well within {settings.rollback_window_s:g} s"
        return End(ProbationEnding.ESCALATED, text)
    if watched_s > 2 * settings.rollback_window_s:
        return End(ProbationEnding.ESCALATED, "its incident outlasted the time to go back")
    return None


def changed_with(name: str, stack: Stack, state: StackState) -> tuple[str, ...]:
    """Who was changed together with it, is joined to it by a dependency, and is still watched.

    That one of them went back is no proof against the others: who is well is left alone, and named
    to whoever may want the whole set back.
    """
    mine = state.service(name).probation
    if mine is None:
        return ()
    near = {edge.target for edge in stack.services[name].depends_on}
    near |= set(stack.dependents_of(name))
    others = ((other, state.service(other).probation) for other in sorted(near))
    return tuple(
        other
        for other, its in others
        if its is not None and abs(its.began_at_s - mine.began_at_s) <= TOGETHER_S
    )
