"""/anomalies: what is unusual now, what was noticed, and which input was not believed."""

from __future__ import annotations

from fastapi import APIRouter

from everup.api.engine import Control
from everup.api.parameters import Limit, ServiceInQuery, require_service
from everup.api.shapes.anomalies import (
    AnomaliesShape,
    AnomalyNowShape,
    AnomalyShape,
    InputFlawShape,
)
from everup.api.shapes.base import plain
from everup.model.learned import Craft

router = APIRouter(prefix="/anomalies", tags=["anomalies"])


@router.get("")
async def anomalies(
    control: Control, limit: Limit = 100, service: ServiceInQuery = None
) -> AnomaliesShape:
    """The most unusual service first, and the latest anomaly first. Nothing is done about an
    anomaly by itself: it is evidence, and something to look at."""
    if service is not None:
        require_service(control, service)
    found, champion = control.anomalies, control.state.champion(Craft.ANOMALY)
    now = [one for one in found.now().values() if service in (None, one.service)]
    told = [one for one in reversed(control.state.anomalies) if service in (None, one.service)]
    return AnomaliesShape(
        serving="" if champion is None else champion.version,
        is_living_through=found.is_living_through,
        fault=found.fault,
        row_s=control.settings.anomaly_row_s,
        services=[
            AnomalyNowShape.model_validate(plain(one))
            for one in sorted(now, key=lambda one: (-one.share, one.service))
        ],
        anomalies=[AnomalyShape.model_validate(plain(one)) for one in told[:limit]],
        flaws=[
            InputFlawShape.model_validate(plain(one))
            for one in found.flaws()
            if service in (None, one.service)
        ],
    )
