"""When a service may sleep, and when it wakes up."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from everup.loop.scaler_waits import ASLEEP, is_asleep
from everup.loop.sleep import Sleep, _has_nothing_to_do
from everup.model.kinds import UNKNOWN, Purpose
from everup.model.load import Load
from everup.model.routing import Route
from everup.model.state import ServiceState
from tests.unit.builders import service


@pytest.mark.parametrize(
    ("load", "is_idle"),
    [
        (None, False),
        (Load(1.0), False),
        (Load(1.0, requests_per_s=0.0), True),
        (Load(1.0, requests_per_s=0.0, sessions=1.0), False),
        (Load(1.0, requests_per_s=0.1), False),
        (Load(1.0, queue=0.0), True),
        (Load(1.0, queue=2.0), False),
        (Load(1.0, requests_per_s=0.0, queue=3.0), False),
        (Load(1.0, requests_per_s=0.0, waiting=1.0), False),
        (Load(1.0, sessions=0.0), False),
        (Load(1.0, requests_per_s=UNKNOWN, queue=0.0), True),
    ],
)
def test_only_what_is_counted_can_be_known_to_have_nothing_to_do(
    load: Load | None, is_idle: bool
) -> None:
    assert _has_nothing_to_do(load) is is_idle


@pytest.mark.parametrize(
    ("loads", "route", "why"),
    [
        ([Load(1.0, queue=0.0)], None, ""),
        ([Load(1.0, requests_per_s=0.0, queue=0.0)], None, ""),
        ([None], None, "nobody counts"),
        ([Load(1.0, sessions=0.0)], None, "nobody counts"),
        ([Load(1.0, queue=0.0)], Route(), "router cannot be read"),
        ([Load(1.0, requests_per_s=9.0, queue=0.0), Load(2.0, queue=0.0)], None, "cannot be read"),
    ],
)
def test_an_empty_queue_says_nothing_of_requests_that_nobody_can_count_now(
    loads: list[Load | None], route: Route | None, why: str
) -> None:
    control = cast(Any, SimpleNamespace(traffic=SimpleNamespace(no_router="")))
    sleep, spec = Sleep(), service("a", route=route)
    said = [sleep._uncounted(control, spec, load) for load in loads]
    assert why in said[-1]
    assert bool(said[-1]) is bool(why)


def test_who_was_stopped_by_somebody_else_does_not_sleep() -> None:
    assert is_asleep(ServiceState(purpose=Purpose.STOPPED, purpose_by=ASLEEP))
    assert not is_asleep(ServiceState(purpose=Purpose.STOPPED, purpose_by="Ann"))
    assert not is_asleep(ServiceState(purpose=Purpose.RUN, purpose_by=ASLEEP))
