"""GET /report: how well the services were, what was done, and what would have been."""

from __future__ import annotations

from fastapi import APIRouter

from everup.api.engine import Control
from everup.api.parameters import Last
from everup.api.shapes.accuracy import AccuracyReportShape
from everup.api.shapes.base import plain
from everup.api.shapes.report import KindRecordShape, ReportShape, ServiceReportShape
from everup.loop.accuracy_tally import AccuracyTally
from everup.loop.period import PAGE, PAGES_MOST, pages
from everup.loop.report import Tally
from everup.model.report import ServiceReport

router = APIRouter(tags=["report"])

DAY_S = 86_400.0


@router.get("/report")
async def report(control: Control, last_s: Last = 7 * DAY_S) -> ReportShape:
    """Told from the journal alone; a long period takes a moment."""
    until_s = control.now_s()
    tally = Tally(control.stack, control.settings, until_s - last_s)
    foretold, told = AccuracyTally(until_s - last_s), 0
    async for page in pages(control.journal, until_s - last_s):
        told += len(page)
        for entry in page:
            tally.tell(entry)
            foretold.tell(entry)
    is_cut = told >= PAGE * PAGES_MOST
    found = tally.report(control.state, until_s, is_cut=is_cut)
    accuracy = foretold.report(control.state, until_s, is_cut=is_cut)
    return ReportShape(
        stack=control.stack.name,
        since_s=found.since_s,
        until_s=found.until_s,
        watched_s=found.watched_s,
        looked_since_s=found.looked_since_s,
        frozen_s=found.frozen_s,
        is_cut=found.is_cut,
        services=[_service(service) for service in found.services],
        predictions=AccuracyReportShape.model_validate(plain(accuracy)),
    )


def _service(found: ServiceReport) -> ServiceReportShape:
    told = plain(found)
    told["actions"] = [KindRecordShape.model_validate(record) for record in found.actions]
    told["people_actions"] = [KindRecordShape.model_validate(r) for r in found.people_actions]
    return ServiceReportShape.model_validate(told)
