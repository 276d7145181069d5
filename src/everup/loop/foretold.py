"""The life of predictions that were made: written once, settled when the future has come. Pure.

Flows in: assessment, state, time. Flows out: PredictionMade and PredictionSettled entries, and
their folds. Called by `accounts` and by `fold`. One per service at a time. Counting how often they
were right is left to `predictive_monitor.accuracy`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from everup.loop import fold_accuracy
from everup.loop.failures import is_failure
from everup.loop.ports import Ids
from everup.model import entries as e
from everup.model.accuracy import Failure
from everup.model.assessment import Assessment
from everup.model.kinds import FORETOLD, ActionKind, Cause, is_known
from everup.model.levels import COMES, has_come
from everup.model.observation import Observation, ServiceObservation
from everup.model.prediction import MadePrediction, PredictionEnding
from everup.model.settings import Settings
from everup.model.state import StackState

AT_ITS_LIMIT = 0.98
OUTLIVES_IT = frozenset({Cause.DISK_FILLING, Cause.CERTIFICATE_EXPIRES})
"""What a restart does not end."""
RESTARTS = frozenset({ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART})
LATE_SHARE = 1.0
"""An open end is waited for as long again as the likely time was away."""
PAST_PREDICTIONS_MOST = 50
MOST = 1000


def follow_predictions(
    assessment: Assessment,
    observation: Observation,
    state: StackState,
    settings: Settings,
    ids: Ids,
    failures: Sequence[Failure] = (),
) -> list[e.Entry]:
    """Entries for what was foretold in this look, and for what has been decided since. `failures`:
    of this look, those that were left out too."""
    now_s = observation.at_s
    found: list[e.Entry] = []
    for made in state.predictions.values():
        ending = _by_failure(made, failures) or _ending(made, assessment, observation, state)
        if ending is not None:
            how, reason = ending
            found.append(e.PredictionSettled(now_s, made.id, made.service, made.cause, how, reason))
    for item in assessment.predictions.items:
        if item.probability < settings.prediction_acts_above or item.service in state.predictions:
            continue
        if len(state.predictions) >= MOST:
            break
        finding = assessment.relations.findings.get(item.service)
        if finding is None or finding.cause not in FORETOLD:
            continue  # it has failed already, by its own symptoms
        if item.level >= AT_ITS_LIMIT and _has_come(item.service, state, now_s, settings):
            continue
        found.append(
            e.PredictionMade(
                now_s,
                ids.new("pre"),
                item.service,
                item.cause,
                item.probability,
                item.earliest_s,
                item.likely_s,
                item.evidence,
                item.model_version,
                item.latest_s,
                item.horizon_s,
                item.level,
            )
        )
    return found


def _has_come(service: str, state: StackState, now_s: float, settings: Settings) -> bool:
    """Was this limit foretold before, and met?"""
    return any(
        past.service == service
        and past.ending is PredictionEnding.HIT
        and now_s - past.settled_at_s <= settings.prediction_horizon_s
        for past in state.past_predictions
    )


def _by_failure(
    made: MadePrediction, failures: Sequence[Failure]
) -> tuple[PredictionEnding, str] | None:
    """It said that the service would fail, whatever the service then failed of."""
    for failure in failures:
        if failure.service == made.service and failure.at_s > made.made_at_s:
            if failure.left_out:
                return PredictionEnding.VOID, f"it failed ({failure.cause}), but {failure.left_out}"
            return PredictionEnding.HIT, f"it failed: {failure.cause}"
    return None


def _ending(
    made: MadePrediction, assessment: Assessment, observation: Observation, state: StackState
) -> tuple[PredictionEnding, str] | None:
    now_s = observation.at_s
    seen = observation.services.get(made.service)
    if come := _come(made, seen, state, now_s):
        return come
    if seen is None:
        return PredictionEnding.VOID, "it is no longer declared"
    if made.service in state.in_flight:
        return None
    if averted := _averted(made, seen, state):
        return PredictionEnding.AVERTED, averted
    latest_s = made.latest_s
    if not is_known(latest_s):
        latest_s = made.likely_s + LATE_SHARE * (made.likely_s - made.made_at_s)
    if now_s > latest_s and assessment.predictions.of(made.service, {made.cause}) is None:
        return PredictionEnding.FALSE_ALARM, "it did not come, and is not foretold any more"
    if now_s > latest_s + LATE_SHARE * (latest_s - made.made_at_s):
        return PredictionEnding.FALSE_ALARM, "it has not come in twice the time"
    return None


def _come(
    made: MadePrediction, seen: ServiceObservation | None, state: StackState, now_s: float
) -> tuple[PredictionEnding, str] | None:
    """Has it come as foretold?"""
    deaths = [d for d in state.service(made.service).exits if d.at_s > made.made_at_s]
    if unasked := next((d for d in deaths if is_failure(d)), None):
        return PredictionEnding.HIT, f"it died: {unasked.text}"
    is_there = seen is not None and any(has_come(made.cause, i, now_s) for i in seen.instances)
    if is_there and not made.level >= AT_ITS_LIMIT:  # foretold so late, only its death is a hit
        return PredictionEnding.HIT, COMES.get(made.cause, "it has come")
    return None


def _averted(made: MadePrediction, seen: ServiceObservation, state: StackState) -> str:
    """What was done in time, if anything; a restart ends nothing that outlives the process."""
    is_its_own = made.cause not in OUTLIVES_IT
    for past in reversed(state.service(made.service).past):
        if not is_its_own and past.cause is not made.cause:
            continue
        if past.ended_at_s > made.made_at_s and past.has_happened:
            how = "verified" if past.has_passed else "though it was not verified"
            if past.has_passed or past.kind in RESTARTS:
                return f"{past.kind} {past.action_id}, {how}"
    if is_its_own and any(i.instance.started_at_s > made.made_at_s for i in seen.instances):
        return "it was started anew before"
    return ""


def prediction_made(state: StackState, entry: e.PredictionMade) -> StackState:
    """Open until it is settled."""
    return replace(state, predictions={**state.predictions, entry.service: as_made(entry)})


def as_made(entry: e.PredictionMade) -> MadePrediction:
    """What the entry says, still open."""
    return MadePrediction(
        entry.prediction_id,
        entry.service,
        entry.cause,
        entry.probability,
        entry.at_s,
        entry.earliest_s,
        entry.likely_s,
        entry.latest_s,
        entry.evidence,
        entry.model_version,
        entry.horizon_s,
        entry.level,
    )


def prediction_settled(state: StackState, entry: e.PredictionSettled) -> StackState:
    """Closed, and kept for a while."""
    made = state.predictions.get(entry.service)
    if made is None or made.id != entry.prediction_id:
        return state
    settled = replace(made, ending=entry.ending, settled_at_s=entry.at_s, reason=entry.reason)
    left = {name: other for name, other in state.predictions.items() if name != entry.service}
    past = (*state.past_predictions, settled)[-PAST_PREDICTIONS_MOST:]
    after = replace(state, predictions=left, past_predictions=past)
    return fold_accuracy.settled(after, made.cause, entry.ending)
