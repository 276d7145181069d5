"""The report as it goes out."""

from __future__ import annotations

from everup.api.shapes.accuracy import AccuracyReportShape
from everup.api.shapes.base import Known, Shape
from everup.model.kinds import ActionKind, Cause


class KindRecordShape(Shape):
    """Actions of one kind, Everup's own or people's. `success_ratio`: of those that ended."""

    kind: ActionKind
    begun: int
    verified: int
    failed: int
    success_ratio: Known


class NaturalEndsShape(Shape):
    """How long one cause took when nobody acted; so long the next first action waits."""

    cause: Cause
    count: int
    p50_s: Known
    p90_s: Known
    wait_s: Known


class ServiceReportShape(Shape):
    """One service. `availability`: share of the watched time in which no incident hurt it."""

    service: str
    availability: Known
    unwell_s: Known
    frozen_s: Known
    episodes: int
    still_open: int
    endings: dict[str, int]
    escalated: int
    would_have_done: int
    would_be_right: int
    would_be_wrong: int
    natural_ends: list[NaturalEndsShape]
    actions: list[KindRecordShape]
    by_people: int
    people_actions: list[KindRecordShape]
    suffered: int
    wrong_actions: int
    heal_mean_s: Known
    heal_p90_s: Known


class ReportShape(Shape):
    """The stack in one period. `is_cut`: the journal holds more of it than is read at once."""

    stack: str
    since_s: Known
    until_s: Known
    watched_s: Known
    looked_since_s: Known
    frozen_s: Known
    is_cut: bool
    services: list[ServiceReportShape]
    predictions: AccuracyReportShape
