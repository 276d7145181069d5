"""Why another size is not proposed now, though it would be right: somebody else's turn comes first.
Pure.

Flows in: the state, the look, what should be. Flows out: a sentence, "" where nothing stands
against it. Asked by `scaler`; what the gate checks for everybody is not repeated here.

More is needed in trouble too: it waits only for who acts on the service or undoes something of it.
Fewer and other limits wait until all is well, since what is sick says nothing of what it needs, nor
of what it will ask of others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from everup.loop.look import Look
from everup.model.kinds import FORETOLD, UNKNOWN, Origin, Purpose, is_known
from everup.model.scaling import COUNTS, SIZES, ScalingChoice
from everup.model.stack import Stack
from everup.model.state import ServiceState

if TYPE_CHECKING:
    from everup.loop.control import Control


STOPPED = "somebody stopped it"
ASLEEP = "everup: asleep, as nothing is asked of it"
"""Who stopped it, where that was `sleep`."""


def is_asleep(remembered: ServiceState) -> bool:
    """Have we stopped it since it had nothing to do?"""
    return remembered.purpose is Purpose.STOPPED and remembered.purpose_by == ASLEEP


def why_wait(control: Control, look: Look, name: str, choice: ScalingChoice) -> str:
    """Of one service."""
    state = control.state
    remembered = state.service(name)
    if not is_known(control.memory.complete_since_s):
        return "not everything has been seen yet"
    if state.monitor_fault:
        return f"we may be blind: {state.monitor_fault}"
    if remembered.purpose is Purpose.STOPPED:
        return "it is asleep, as nothing is asked of it" if is_asleep(remembered) else STOPPED
    if name in state.in_flight:
        return f"{state.in_flight[name].step.kind} of it is under way"
    if remembered.owed_undo is not None:
        return "something of it is being taken back"
    if state.open_restore is not None and state.open_restore.step_of(name) is not None:
        return f"{state.open_restore.id} takes it back to an earlier state"
    if remembered.is_cut_off or remembered.stands_in:
        return "it is cut off, or another one has its place"
    if choice.instances > choice.instances_now:
        return ""
    if choice.instances < choice.instances_now and (why := why_not_fewer(control, look, name)):
        return why
    return _why_not_less(control, look, name, choice, remembered)


def _why_not_less(
    control: Control, look: Look, name: str, choice: ScalingChoice, remembered: ServiceState
) -> str:
    settings = control.settings
    if why := _trouble(control, look, name):
        return why
    if remembered.probation is not None:
        return "a change of it is being watched"
    if any(held.service == name for held in control.state.mitigated.values()):
        return "a mitigation of it is in force"
    if choice.instances < choice.instances_now:
        by, since_s = _by_hand(remembered)
        until_s = since_s + settings.scale_hand_s
        if look.at_s < until_s:
            minutes = (until_s - look.at_s) / 60.0
            return f"{by} gave it this number; fewer waits for {minutes:.0f} min more"
    return ""


def why_size_waits(remembered: ServiceState, at_s: float, hand_s: float) -> str:
    """A person gave it its limits not long ago: what is not short is left as that."""
    given_s = max(
        (
            past.ended_at_s
            for past in remembered.past
            if past.origin is Origin.PERSON
            and past.kind in SIZES
            and past.has_happened
            and not past.is_undo
        ),
        default=UNKNOWN,
    )
    if not at_s < given_s + hand_s:
        return ""
    minutes = (given_s + hand_s - at_s) / 60.0
    return f"a person gave it this size; another waits for {minutes:.0f} min more"


def why_not_fewer(control: Control, look: Look, name: str) -> str:
    """What is wrong with it, or with whoever asks it for work; "": nothing is."""
    if why := _trouble(control, look, name):
        return why
    for other in _who_asks(control.stack, name):
        if why := _trouble(control, look, other):
            return f"{other}, which asks it for work, may ask for less than it will: {why}"
    return ""


def _trouble(control: Control, look: Look, name: str) -> str:
    incident = control.state.incident_on(name)
    if incident is not None and incident.cause not in FORETOLD:
        return f"{incident.id} is open on it"
    finding = look.assessment.relations.findings.get(name)
    if finding is not None and finding.is_confirmed and finding.cause not in FORETOLD:
        return f"it is not well: {finding.reason}"
    return ""


def _who_asks(stack: Stack, name: str) -> list[str]:
    """All that depend on it, directly or not, nearest first: the work of one that is down does not
    come, and comes at once when that is up again."""
    found, last = [name], [name]
    while last:
        nearer = {other for one in last for other in stack.dependents_of(one)}
        last = sorted(nearer.difference(found))
        found += last
    return found[1:]


def _by_hand(remembered: ServiceState) -> tuple[str, float]:
    """Who last said its number, that is not us, and when; NaN: nobody did."""
    by, at_s = "somebody", float("nan")
    for past in remembered.past:
        if past.origin is Origin.PERSON and past.kind in COUNTS and not past.is_undo:
            by, at_s = "a person", past.ended_at_s
    if remembered.recounted_at_s > at_s or not is_known(at_s):
        return remembered.recounted_by or by, remembered.recounted_at_s
    return by, at_s
