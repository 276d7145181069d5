"""The fold of probations: begun, found to be worse, ended. Pure; called by `fold`."""

from __future__ import annotations

from dataclasses import replace

from everup.loop.changes import with_service
from everup.model import entries as e
from everup.model.probation import Probation, ProbationEnding, Worse
from everup.model.state import StackState


def began(state: StackState, entry: e.ProbationBegan) -> StackState:
    """One at a time: a further change is part of the one that runs."""
    known = state.service(entry.service)
    if known.probation is not None:
        return state
    found = Probation(entry.changed_at_s, entry.before, known.with_a_person)
    return with_service(state, entry.service, probation=found)


def worse(state: StackState, entry: e.RegressionSeen) -> StackState:
    """It holds for this version, until another one runs."""
    found = Worse(entry.version, entry.reason, entry.at_s)
    return with_service(state, entry.service, worse=found)


def ended(state: StackState, entry: e.ProbationEnded) -> StackState:
    """It ends once; the latest one is remembered, for those that changed together with it. Where it
    went back, that stays: nothing of it is owed to be taken back any more."""
    known = state.service(entry.service).probation
    if known is None:
        return state
    past = replace(known, ended_at_s=entry.at_s, ending=entry.ending)
    found = with_service(state, entry.service, probation=None, past_probation=past)
    if entry.ending is not ProbationEnding.ROLLED_BACK:
        return found
    return with_service(found, entry.service, owed_undo=None)
