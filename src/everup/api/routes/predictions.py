"""/predictions: what is foretold now, what became of it earlier, and how good it was."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter

from everup.api.engine import Control, ControlView
from everup.api.parameters import (
    Before,
    Last,
    Limit,
    ServiceInPath,
    ServiceInQuery,
    require_service,
)
from everup.api.shapes.accuracy import AccuracyReportShape
from everup.api.shapes.base import plain
from everup.api.shapes.predictions import (
    MadePredictionShape,
    PredictionShape,
    PredictionsShape,
    TrendShape,
)
from everup.loop.accuracy_tally import AccuracyTally
from everup.loop.period import PAGE, PAGES_MOST, pages
from everup.model.assessment import Prediction, Predictions
from everup.model.entries import Entry, ForecastsSettled
from everup.model.kinds import UNKNOWN
from everup.model.state import StackState

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
    items, trends = found.items, sorted(found.trends, key=lambda trend: trend.likely_s)
    made = [*reversed(tuple(state.predictions.values())), *reversed(state.past_predictions)]
    made = [m for m in made if only in (None, m.service)]
    if before is not None:
        ids = [m.id for m in made]
        made = made[ids.index(before) + 1 :] if before in ids else []
    page = made[:limit]
    return PredictionsShape(
        at_s=UNKNOWN if look is None else look.at_s,
        predictions=[
            _one(item, is_acted_upon=item.service in state.predictions)
            for item in sorted(items, key=lambda item: -item.probability)
            if only in (None, item.service)
        ],
        trends=[TrendShape.model_validate(t) for t in trends if only in (None, t.service)],
        made=[MadePredictionShape.model_validate(m) for m in page],
        next_before=page[-1].id if len(page) < len(made) else None,
    )


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
        is_acted_upon=is_acted_upon,
    )
