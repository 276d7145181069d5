"""/predictions: what is foretold now, and what became of earlier predictions."""

from __future__ import annotations

from fastapi import APIRouter

from everup.api.engine import Control, ControlView
from everup.api.parameters import ServiceInPath, require_service
from everup.api.shapes.predictions import (
    MadePredictionShape,
    PredictionShape,
    PredictionsShape,
    TrendShape,
)
from everup.model.assessment import Prediction, Predictions
from everup.model.kinds import UNKNOWN

router = APIRouter(prefix="/predictions", tags=["predictions"])


@router.get("")
async def predictions(control: Control) -> PredictionsShape:
    """Of every service. An empty list: nothing is foretold."""
    return _shape(control, None)


@router.get("/{service}")
async def prediction(control: Control, service: ServiceInPath) -> PredictionsShape:
    """Of one service."""
    require_service(control, service)
    return _shape(control, service)


def _shape(control: ControlView, only: str | None) -> PredictionsShape:
    look, state = control.look, control.state
    found = Predictions() if look is None else look.assessment.predictions
    items, trends = found.items, sorted(found.trends, key=lambda trend: trend.likely_s)
    made = [*reversed(tuple(state.predictions.values())), *reversed(state.past_predictions)]
    return PredictionsShape(
        at_s=UNKNOWN if look is None else look.at_s,
        predictions=[
            _one(item, is_acted_upon=item.service in state.predictions)
            for item in sorted(items, key=lambda item: -item.probability)
            if only in (None, item.service)
        ],
        made=[MadePredictionShape.model_validate(m) for m in made if only in (None, m.service)],
        trends=[TrendShape.model_validate(t) for t in trends if only in (None, t.service)],
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
