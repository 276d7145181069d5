"""Who is idle: no processor, no I/O; where I/O cannot be seen, hardly any processor either."""

from __future__ import annotations

import math

import pytest

from everup.loop.readings import first_usage, fold_usage
from everup.model.kinds import InstanceState
from everup.model.observation import Instance

SPAN_S = 10.0
UNSEEN = math.nan


def _instance(cpu_seconds: float, io_bytes: float) -> Instance:
    return Instance(
        "a", "a-0", "a!1", InstanceState.RUNNING, cpu_seconds=cpu_seconds, io_bytes=io_bytes
    )


@pytest.mark.parametrize(
    ("cpu_seconds", "io_before", "io_after", "is_idle"),
    [
        (0.0, 0.0, 0.0, True),
        (0.04, 0.0, 0.0, True),
        (0.06, 0.0, 0.0, False),
        (0.0, 0.0, 1.0, False),
        (0.0, UNSEEN, UNSEEN, True),
        (0.006, UNSEEN, UNSEEN, False),
    ],
)
def test_idle(cpu_seconds: float, io_before: float, io_after: float, is_idle: bool) -> None:
    before, now = _instance(0.0, io_before), _instance(cpu_seconds, io_after)
    usage = fold_usage(first_usage(before, 0.0), before, 0.0, now, SPAN_S)
    assert (usage.idle_since_s == 0.0) is is_idle
