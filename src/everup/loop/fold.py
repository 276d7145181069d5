"""State is a fold of the journal: `fold(state, entry) -> state`, pure, total, and the only writer.

Flows in: one entry at a time, in the journal's order, live or replayed after a restart.
Flows out: the next StackState. An entry about something unknown changes nothing. Incidents,
actions, approvals and predictions have folds in files of their own (`fold_*`, `foretold`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from everup.loop import (
    fold_accuracy,
    fold_actions,
    fold_anomalies,
    fold_approvals,
    fold_baselines,
    fold_breakers,
    fold_edges,
    fold_incidents,
    fold_mitigations,
    fold_models,
    fold_probation,
    fold_restores,
    fold_scaling,
    fold_snapshots,
    fold_tuning,
    fold_versions,
)
from everup.loop.changes import with_service, without
from everup.loop.foretold import prediction_made, prediction_settled
from everup.loop.threads import follow_threads
from everup.model import entries as e
from everup.model.kinds import UNKNOWN, Purpose, is_known
from everup.model.state import Freeze, StackState

EXITS_MOST = 16
STARTUPS_MOST = 32
LIVES_MOST = 1000


def fold(state: StackState, entry: e.Entry) -> StackState:
    """The state after one more entry."""
    after = fold_mitigations.follow(_FOLDS[type(entry)](state, entry), state, entry)
    return follow_threads(after, entry)


def fold_all(state: StackState, entries: Iterable[e.Entry]) -> StackState:
    """The state after these entries, in order."""
    for entry in entries:
        state = fold(state, entry)
    return state


def _started(state: StackState, entry: e.ControllerStarted) -> StackState:
    boot_id = entry.boot_id or state.boot_id
    if state.started_at_s > state.services_stopped_at_s:  # one has begun since that `everup down`
        state = replace(state, services_stopped_at_s=UNKNOWN)
    return replace(state, started_at_s=entry.at_s, monitor_fault="", boot_id=boot_id)


def _stopped(state: StackState, entry: e.ControllerStopped) -> StackState:
    if entry.stops_services:
        return replace(state, services_stopped_at_s=entry.at_s)
    return state


def _pruned(state: StackState, entry: e.JournalPruned) -> StackState:
    return state


def _purpose(state: StackState, entry: e.PurposeSet) -> StackState:
    state = with_service(
        state,
        entry.service,
        purpose=entry.purpose,
        purpose_by=entry.by,
        purpose_at_s=entry.at_s,
        with_a_person=None,
    )
    if entry.purpose is Purpose.RUN:
        return with_service(state, entry.service, exits=())
    return state


def _exit(state: StackState, entry: e.ExitSeen) -> StackState:
    death = replace(entry.exit, instance=entry.instance)
    known = state.service(entry.service)
    exits = (*known.exits, death)[-EXITS_MOST:]
    longest_s = known.ran_longest_s
    if death.ran_s > longest_s:  # never so for a life of unknown length
        longest_s = death.ran_s
    return with_service(state, entry.service, exits=exits, ran_longest_s=longest_s)


def _told(state: StackState, entry: e.Notified) -> StackState:
    return state  # it changes its thread alone


def _froze(state: StackState, entry: e.FreezeSet) -> StackState:
    freeze = Freeze(entry.scope, entry.reason, entry.by, entry.at_s, entry.until_s)
    return replace(state, freezes={**state.freezes, entry.scope: freeze})


def _lifted(state: StackState, entry: e.FreezeLifted) -> StackState:
    return replace(state, freezes=without(state.freezes, entry.scope))


def _blind(state: StackState, entry: e.MonitorFaultSeen) -> StackState:
    since_s = state.monitor_fault_since_s if state.monitor_fault else entry.at_s
    since_s = since_s if is_known(since_s) else entry.at_s
    return replace(state, monitor_fault=entry.fault, monitor_fault_since_s=since_s)


def _sighted(state: StackState, entry: e.MonitorFaultOver) -> StackState:
    return replace(state, monitor_fault="")


def _came_up(state: StackState, entry: e.CameUp) -> StackState:
    known = state.service(entry.service)
    took_s = (entry.took_s,) if is_known(entry.took_s) else ()
    lives = {**without(known.lives, entry.instance), entry.instance: entry.identity}
    for name in list(lives)[: max(0, len(lives) - LIVES_MOST)]:
        del lives[name]
    startups_s = (*known.startups_s, *took_s)[-STARTUPS_MOST:]
    return with_service(state, entry.service, startups_s=startups_s, lives=lives)


_FOLDS: dict[type, Callable[[StackState, Any], StackState]] = {
    e.ControllerStarted: _started,
    e.ControllerStopped: _stopped,
    e.PurposeSet: _purpose,
    e.ExitSeen: _exit,
    e.IncidentOpened: fold_incidents.opened,
    e.IncidentChanged: fold_incidents.changed,
    e.IncidentResolved: fold_incidents.resolved,
    e.IncidentEscalated: fold_incidents.escalated,
    e.PersonAnswered: fold_incidents.answered,
    e.Notified: _told,
    e.Intended: fold_actions.intended,
    e.Finished: fold_actions.finished,
    e.Verified: fold_actions.verified,
    e.FreezeSet: _froze,
    e.FreezeLifted: _lifted,
    e.MonitorFaultSeen: _blind,
    e.MonitorFaultOver: _sighted,
    e.GateAnswered: fold_incidents.gate_answered,
    e.WouldHaveDone: fold_incidents.would_have_done,
    e.EpisodeEnded: fold_incidents.episode_ended,
    e.ApprovalAsked: fold_approvals.asked,
    e.ApprovalAnswered: fold_approvals.answered,
    e.ApprovalEnded: fold_approvals.over,
    e.PredictionMade: prediction_made,
    e.PredictionSettled: prediction_settled,
    e.CameUp: _came_up,
    e.InstancesCounted: fold_scaling.counted,
    e.VersionSeen: fold_versions.seen,
    e.SafePointKept: fold_versions.kept,
    e.SafePointForgotten: fold_versions.forgotten,
    e.EdgesSeen: fold_edges.seen,
    e.EdgesLearned: fold_edges.learned,
    e.BaselineLearned: fold_baselines.learned,
    e.AnomalyNoticed: fold_anomalies.noticed,
    e.ScalingDecided: fold_scaling.decided,
    e.GivenBack: fold_scaling.given_back,
    e.JournalPruned: _pruned,
    e.ProbationBegan: fold_probation.began,
    e.RegressionSeen: fold_probation.worse,
    e.ProbationEnded: fold_probation.ended,
    e.RestoreBegan: fold_restores.began,
    e.RestoreTurned: fold_restores.turned,
    e.RestoreEnded: fold_restores.ended,
    e.SnapshotTaken: fold_snapshots.taken,
    e.SnapshotForgotten: fold_snapshots.forgotten,
    e.SnapshotVerified: fold_snapshots.verified,
    e.BreakerTurned: fold_breakers.turned,
    e.ModelTrained: fold_models.trained,
    e.ModelNotTrained: fold_models.not_trained,
    e.ModelReturned: fold_models.returned,
    e.FailureMet: fold_accuracy.failed,
    e.ForecastsSettled: fold_accuracy.forecasts,
    e.Recalibrated: fold_tuning.recalibrated,
    e.ThresholdTuned: fold_tuning.threshold,
}

assert set(_FOLDS) == set(e.ENTRY_TYPES.values()), "every entry has its fold"

__all__ = ["fold", "fold_all"]
