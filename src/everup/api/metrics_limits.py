"""Metrics of what runs out: how much is used, and how long the line that was drawn still goes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from everup.api.engine import ControlView

LABELS = ["service", "cause"]


def of_limits(control: ControlView) -> Iterator[Metric]:
    """Of the lines that the latest look drew; none where nothing climbs."""
    used = GaugeMetricFamily(
        "everup_limit_used_ratio", "Used of what would run out, 0 to 1.", labels=LABELS
    )
    left = GaugeMetricFamily(
        "everup_limit_seconds_left", "Likely seconds until it has run out.", labels=LABELS
    )
    look = control.look
    for trend in () if look is None else look.assessment.predictions.trends:
        names = [trend.service, trend.cause]
        used.add_metric(names, trend.level)
        if look is not None and math.isfinite(trend.likely_s):
            left.add_metric(names, trend.likely_s - look.at_s)
    yield from (used, left)
