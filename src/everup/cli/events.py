"""One readable line per thing that happened, from the journal as it grows.

Flows in: the journal. Flows out: lines on a callback. Called by `everup up`; a journal that cannot
be read is asked again later, so that no line is lost.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import Protocol

from everup.cli.show import moment
from everup.cli.words import behind, happened, named, spoken
from everup.model import entries as e
from everup.model.snapshot import SnapshotReason

AGAIN_AFTER_S = 0.25
PAGE = 500


class Entries(Protocol):
    """The part of the journal that is read."""

    async def entries(
        self, *, after: int = 0, limit: int = 1000, incident_id: str | None = None
    ) -> Sequence[tuple[int, str, e.Entry]]: ...


def line(entry: e.Entry) -> str | None:
    """What a person needs to know of it; None for what they need not."""
    said = next(filter(None, (of(entry) for of in _OF)), None)
    return None if said is None else f"{moment(entry.at_s)} {spoken(said)}"


def _of_healing(entry: e.Entry) -> str | None:
    match entry:
        case e.IncidentOpened():
            hurts = f"; it hurts {', '.join(entry.victims)}" if entry.victims else ""
            return f"incident {entry.service}: it {happened(entry.cause)}: {entry.reason}{hurts}"
        case e.Intended():
            step = entry.step
            what = named(step.kind, is_down=entry.before.condition == "down")
            return f"action {step.target}: {what} by {entry.by}, because {entry.reason}"
        case e.Finished() if entry.outcome != "done":
            return f"{entry.outcome} {entry.service}: {entry.error}"
        case e.Verified():
            word = "verified" if entry.has_passed else "not verified"
            return f"{word} {entry.service}: {entry.reason}"
        case e.IncidentResolved():
            return f"resolved {entry.service}: {entry.reason}"
        case e.WouldHaveDone():
            return f"would act {entry.service}: {named(entry.kind)}, because {entry.reason}"
        case e.EpisodeEnded() if entry.proposed:
            return f"hindsight {entry.service}: {entry.hindsight}, {entry.reason}"
        case e.IncidentEscalated():
            return f"escalated {entry.service}, a person is needed: {entry.case}"
        case _:
            return None


def _of_predictions(entry: e.Entry) -> str | None:
    match entry:
        case e.PredictionMade():
            return f"foretold {entry.service}: {behind(entry.cause)}, {entry.evidence[0]}"
        case e.PredictionSettled():
            return f"prediction {entry.service}: {entry.ending}, {entry.reason}"
        case e.FailureMet() if not entry.failure.left_out and not entry.failure.prediction_id:
            return f"not foreseen {entry.service}: it {happened(entry.failure.cause)}"
        case e.Recalibrated() | e.ThresholdTuned() if entry.by != "everup":
            return f"{entry.by} took back what was tuned: {entry.why}"
        case e.Recalibrated():
            return f"probabilities are calibrated anew: {entry.why}"
        case e.ThresholdTuned():
            return f"{entry.knob} is {entry.new:g} now, after {entry.old:g}: {entry.why}"
        case _:
            return None


def _of_people(entry: e.Entry) -> str | None:
    match entry:
        case e.PurposeSet():
            word = "is to run" if entry.purpose == "run" else "is to stay stopped"
            return f"{entry.service} {word}, says {entry.by}"
        case e.FreezeSet():
            until = "" if math.isnan(entry.until_s) else f" until {moment(entry.until_s)}"
            why = f": {entry.reason}" if entry.reason else ""
            return f"frozen {entry.scope or 'the stack'}{until} by {entry.by}{why}"
        case e.GivenBack():
            return f"given back, asked by {entry.by}: {'; '.join(entry.what)}"
        case e.FreezeLifted():
            return f"unfrozen {entry.scope or 'the stack'} by {entry.by}"
        case _:
            return None


def _of_versions(entry: e.Entry) -> str | None:
    match entry:
        case e.InstancesCounted() if entry.before:
            return (
                f"changed {entry.service}: {entry.before} → {entry.count} instances by {entry.by}"
            )
        case e.VersionSeen() if entry.before:
            return f"changed {entry.service}: it runs from something else than before"
        case e.SafePointKept():
            return f"kept {entry.service}, to go back to: {entry.title}"
        case e.ProbationBegan() if entry.instances:
            many = f"{entry.instances} instances in place of {entry.instances_before}"
            return f"watching {entry.service} closely, {many} by {entry.by}"
        case e.ProbationBegan():
            return f"watching {entry.service} closely, since it was changed by {entry.by}"
        case e.RegressionSeen():
            return f"worse {entry.service}: {entry.reason}"
        case e.ProbationEnded():
            return f"watched {entry.service}: {named(entry.ending)}, {entry.reason}"
        case e.SafePointForgotten():
            return f"kept no more of {entry.service}: {entry.reason}"
        case _:
            return None


def _of_snapshots(entry: e.Entry) -> str | None:
    match entry:
        case e.RestoreBegan():
            names = ", ".join(step.service for step in entry.steps)
            return f"restore {entry.restore_id} begins, asked by {entry.by}: {names}"
        case e.RestoreTurned():
            return f"restore {entry.restore_id} goes back: {entry.reason}"
        case e.RestoreEnded():
            how = entry.ending.replace("_", " ")
            return f"restore {entry.restore_id} ended, {how}: {entry.reason}"
        case e.SnapshotTaken() if entry.reason is SnapshotReason.BY_HAND:
            return f"snapshot {entry.snapshot_id} taken, asked by {entry.by}"
        case e.SnapshotVerified() if entry.harms:
            return f"{len(entry.harms)} objects of what is kept cannot be used: {entry.harms[0]}"
        case _:
            return None


def _of_breakers(entry: e.Entry) -> str | None:
    match entry:
        case e.BreakerTurned():
            until = "" if math.isnan(entry.until_s) else f" until {moment(entry.until_s)}"
            state = entry.state.replace("_", " ")
            return f"breaker {entry.service} > {entry.target} {state}{until}: {entry.reason}"
        case _:
            return None


def _of_models(entry: e.Entry) -> str | None:
    match entry:
        case e.ModelTrained():
            now = "serves now" if entry.is_champion else "does not serve"
            return f"model {entry.version} trained, {now}: {entry.reason}"
        case e.ModelNotTrained():
            return f"no {entry.craft} model trained: {entry.reason}"
        case e.AnomalyNoticed():
            kind = "anomaly" if entry.anomaly.is_alarm else "unusual for a moment"
            signals = dict.fromkeys(r.signal for r in entry.anomaly.reasons if r.signal)
            return f"{entry.service}: {kind} in {', '.join(signals) or 'all together'}"
        case e.ScalingDecided():
            return f"{entry.service}: {entry.choice.text}"
        case e.ModelReturned():
            what = entry.version or f"no {entry.craft} model"
            return f"model {what} serves in place of {entry.before or 'none'}, by {entry.by}"
        case _:
            return None


def _of_sight(entry: e.Entry) -> str | None:
    match entry:
        case e.MonitorFaultSeen():
            is_said = not entry.ends_when or entry.ends_when in entry.fault
            ends = "" if is_said else f"; ends when {entry.ends_when}"
            return f"blind, nothing is done: {entry.fault}{ends}"
        case e.MonitorFaultOver():
            return f"seeing again after {entry.lasted_s:.0f} s"
        case e.GateAnswered():
            return (
                f"gate {entry.service}: {named(entry.kind)} {entry.answer} by {entry.check}: "
                f"{entry.reason}"
            )
        case _:
            return None


_OF = (
    *(_of_healing, _of_predictions, _of_people, _of_versions),
    *(_of_snapshots, _of_breakers, _of_models, _of_sight),
)


async def last_sequence(journal: Entries) -> int:
    """Where the journal ends now, so that only what comes is told."""
    after = 0
    while page := await journal.entries(after=after, limit=1000):
        after = page[-1][0]
    return after


async def tell(
    journal: Entries, after: int, out: Callable[[str], None], news: asyncio.Event
) -> None:
    """Runs until it is cancelled. `news` is set whenever something was written: at rest nobody asks
    a database four times a second. An entry that has no words, by a flaw here, is passed over."""
    while True:
        news.clear()
        try:
            page = await journal.entries(after=after, limit=PAGE)
        except Exception:  # noqa: BLE001 - who tells must never be who ends; it is asked again
            await asyncio.sleep(AGAIN_AFTER_S)
            continue
        for sequence, _, entry in page:
            after = sequence
            try:
                said = line(entry)
            except Exception as error:  # noqa: BLE001 - see above
                said = f"{type(entry).__name__} cannot be told: {error!r}"
            if said:
                out(said)
        if len(page) < PAGE:
            await news.wait()
