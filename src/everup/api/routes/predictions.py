"""/predictions: what is foretold now, what became of it earlier, and how good it was."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter

from everup.api.engine import Control, ControlView
from everup.api.parameters import (
    Before,
    By,
    Last,
    Limit,
    Reason,
    ServiceInPath,
    ServiceInQuery,
    require_service,
)
from everup.api.problems import ApiProblem
from everup.api.shapes.accuracy import AccuracyReportShape
from everup.api.shapes.base import plain
from everup.api.shapes.predictions import (
    ChangeShape,
    MadePredictionShape,
    PointShape,
    PredictionShape,
    PredictionsShape,
    ThresholdsShape,
    TrendShape,
)
from everup.loop.accuracy_tally import AccuracyTally
from everup.loop.period import PAGE, PAGES_MOST, pages
from everup.loop.tuning import anomaly_budget_of, calibration_of
from everup.model.assessment import Prediction, Predictions
from everup.model.entries import Entry, ForecastsSettled
from everup.model.kinds import UNKNOWN, Cause
from everup.model.state import StackState
from everup.model.tuning import Knob

router = APIRouter(prefix="/predictions", tags=["predictions"])

DAY_S = 86_400.0


@router.get("")
async def predictions(
    control: Control, limit: Limit = 100, before: Before = None
) -> PredictionsShape:
    """Of every service. An empty list: nothing is foretold. Pages of those that were written down,
    the newest first."""
    return _shape(control, None, limit, before)


@router.get("/accuracy")
async def accuracy(
    control: Control, last_s: Last = 7 * DAY_S, service: ServiceInQuery = None
) -> AccuracyReportShape:
    """Precision, recall, lead time, Brier score and reliability over a period, from the journal;
    and the failures that nothing foresaw, with what was visible before."""
    if service is not None:
        require_service(control, service)
    until_s = control.now_s()
    tally, told = AccuracyTally(until_s - last_s), 0
    # What was settled in the period was made up to twice a horizon before, and seldom more.
    since_s = until_s - last_s - 2 * control.settings.prediction_horizon_s
    async for page in pages(control.journal, since_s):
        told += len(page)
        for entry in page:
            if service in (None, getattr(entry, "service", service)):
                tally.tell(_only(entry, service))
    found = tally.report(_state(control, service), until_s, is_cut=told >= PAGE * PAGES_MOST)
    return AccuracyReportShape.model_validate(plain(found))


def _only(entry: Entry, service: str | None) -> Entry:
    """The entry, with nothing of other services in it."""
    if service is None or not isinstance(entry, ForecastsSettled):
        return entry
    return replace(
        entry, tallies=tuple(t for t in entry.tallies if t.service == service), set_aside=0
    )


def _state(control: ControlView, service: str | None) -> StackState:
    if service is None:
        return control.state
    mine = {name: p for name, p in control.state.predictions.items() if name == service}
    return replace(control.state, predictions=mine)


@router.get("/thresholds")
async def thresholds(control: Control) -> ThresholdsShape:
    """What was learned from how predictions ended: the calibration, and thresholds."""
    return _thresholds(control)


@router.post("/thresholds/return")
async def take_back(
    control: Control, what: Knob, reason: Reason = "", by: By = "api"
) -> ThresholdsShape:
    """Have one of them as it is set, at once; it is not tuned again for thirty days."""
    if not await control.tuning.take_back(what, by, reason):
        raise ApiProblem(409, "as-set", f"{what} is as it is set")
    return _thresholds(control)


def _thresholds(control: ControlView) -> ThresholdsShape:
    tuned, settings = control.state.tuned, control.settings
    known = calibration_of(settings, control.state)
    return ThresholdsShape(
        is_on=settings.tuning_enabled,
        acts_above=settings.prediction_acts_above,
        acts_above_tuned=tuned.acts_above,
        anomaly_budget=anomaly_budget_of(settings, control.state),
        calibration=[
            PointShape(said=x, worth=y) for x, y in zip(known.said, known.worth, strict=True)
        ],
        settled=tuned.calibration.settled,
        changes=[
            ChangeShape(
                what=Knob(name),
                at_s=at_s,
                why=tuned.why.get(name, ""),
                held_until_s=tuned.held_until_s.get(name, UNKNOWN),
            )
            for name, at_s in sorted(tuned.at_s.items())
        ],
    )


@router.get("/{service}")
async def prediction(
    control: Control, service: ServiceInPath, limit: Limit = 100, before: Before = None
) -> PredictionsShape:
    """Of one service."""
    require_service(control, service)
    return _shape(control, service, limit, before)


def _shape(
    control: ControlView, only: str | None, limit: int, before: str | None
) -> PredictionsShape:
    look, state = control.look, control.state
    found = Predictions() if look is None else look.assessment.predictions
    items, trends = (
        (*found.items, *found.threatened),
        sorted(found.trends, key=lambda trend: trend.likely_s),
    )
    made = [*reversed(tuple(state.predictions.values())), *reversed(state.past_predictions)]
    made = [m for m in made if only in (None, m.service)]
    if before is not None:
        ids = [m.id for m in made]
        made = made[ids.index(before) + 1 :] if before in ids else []
    page = made[:limit]
    return PredictionsShape(
        at_s=UNKNOWN if look is None else look.at_s,
        predictions=[
            _one(item, is_acted_upon=_is_acted_upon(item, state))
            for item in sorted(items, key=lambda item: -item.probability)
            if only in (None, item.service)
        ],
        trends=[TrendShape.model_validate(t) for t in trends if only in (None, t.service)],
        made=[MadePredictionShape.model_validate(m) for m in page],
        next_before=page[-1].id if len(page) < len(made) else None,
    )


def _is_acted_upon(item: Prediction, state: StackState) -> bool:
    return item.service in state.predictions and item.cause is not Cause.DEPENDENCY_DOWN


def _one(item: Prediction, *, is_acted_upon: bool) -> PredictionShape:
    return PredictionShape(
        service=item.service,
        cause=item.cause,
        probability=item.probability,
        earliest_s=item.earliest_s,
        likely_s=item.likely_s,
        latest_s=item.latest_s,
        evidence=list(item.evidence),
        model_version=item.model_version,
        made_at_s=item.made_at_s,
        horizon_s=item.horizon_s,
        level=item.level,
        before_calibration=item.raw,
        is_acted_upon=is_acted_upon,
    )
