"""When a service may sleep, and when it wakes up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from everup.loop.control import Control
from everup.loop.scaler_waits import ASLEEP, is_asleep
from everup.loop.sleep import Sleep, _has_nothing_to_do, _nobody_counts
from everup.model import entries as e
from everup.model.kinds import UNKNOWN, Purpose
from everup.model.load import Load
from everup.model.routing import Route
from everup.model.sizing import Planned, QueueSpec, ScalingSpec
from everup.model.state import ServiceState
from everup.model.window import Window
from everup.simulation.virtual_clock import EPOCH_S
from tests.unit.builders import service
from tests.unit.loop.scaler_world import WEB, ScalerWorld

JOBS = QueueSpec(redis="redis:6379", key="jobs")
OWN_JOBS = QueueSpec(http="http://127.0.0.1:{port}/jobs")


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
        ([Load(1.0, queue=0.0)], Route(), "requests cannot be counted"),
        ([Load(1.0, requests_per_s=9.0, queue=0.0), Load(2.0, queue=0.0)], None, "cannot be"),
    ],
)
def test_an_empty_queue_says_nothing_of_requests_that_nobody_can_count_now(
    loads: list[Load | None], route: Route | None, why: str
) -> None:
    control = cast(Any, SimpleNamespace(traffic=SimpleNamespace(no_router="")))
    sleep, spec = Sleep(), service("a", route=route)
    said = ""
    for load in loads:
        seen = {"a": SimpleNamespace(load=load)}
        look = cast(Any, SimpleNamespace(at_s=1.0, observation=SimpleNamespace(services=seen)))
        sleep._see(look, "a")
        said = sleep._not_seen(control, look, spec, is_there=True) or _nobody_counts(load)
    assert why in said
    assert bool(said) is bool(why)


def test_who_was_stopped_by_somebody_else_does_not_sleep() -> None:
    assert is_asleep(ServiceState(purpose=Purpose.STOPPED, purpose_by=ASLEEP))
    assert not is_asleep(ServiceState(purpose=Purpose.STOPPED, purpose_by="Ann"))
    assert not is_asleep(ServiceState(purpose=Purpose.RUN, purpose_by=ASLEEP))


class SleepWorld(ScalerWorld):
    """Nothing is asked of it. `queue`, `requests`: what is counted then; NaN: nobody can."""

    def __init__(
        self,
        queue: Callable[[float], float],
        requests: Callable[[float], float] = lambda _: 0.0,
        jobs: QueueSpec = JOBS,
    ) -> None:
        super().__init__(requests, scaling=ScalingSpec(queue=jobs, idle_s=120.0))
        self.queue = queue

    def see_queue(self, control: Control) -> None:
        length = self.queue(self.loop.time())
        if length == length:
            control.desk.loads.take_queue(WEB, self.clock.now(), length)

    def purposes(self, for_s: float) -> list[Purpose]:
        """It wakes up at the end of a life: that is left out."""
        found: list[Purpose] = []

        def note(_: Control) -> None:
            found.extend(one.purpose for one in self.of(e.PurposeSet))

        seen = [(5.0 * n, self.see_queue) for n in range(int(for_s / 5.0))]
        self.run(lambda: self.live(for_s, at=(*seen, (for_s - 1.0, note))))
        return found


def test_who_has_nothing_to_do_as_all_say_falls_asleep() -> None:
    assert SleepWorld(lambda _: 0.0).purposes(400.0) == [Purpose.STOPPED]


def test_who_has_a_queue_that_nobody_can_read_stays_awake() -> None:
    assert SleepWorld(lambda _: UNKNOWN).purposes(600.0) == []


def test_whose_router_is_silent_stays_awake_though_its_queue_is_empty() -> None:
    def asked(t: float) -> float:
        return 50.0 if t < 60.0 else UNKNOWN

    assert SleepWorld(lambda _: 0.0, asked).purposes(900.0) == []


def test_who_sleeps_is_started_when_nobody_sees_any_more_that_it_is_asked_for() -> None:
    """After as long as less waits for."""

    def counted(t: float) -> float:
        return 0.0 if t < 300.0 else UNKNOWN

    assert SleepWorld(counted).purposes(500.0) == [Purpose.STOPPED]
    assert SleepWorld(counted).purposes(800.0) == [Purpose.STOPPED, Purpose.RUN]
    blind = SleepWorld(lambda _: 0.0, counted)
    assert blind.purposes(800.0) == [Purpose.STOPPED, Purpose.RUN]


def test_what_its_own_instances_alone_see_is_seen_by_nobody_while_it_sleeps() -> None:
    world = SleepWorld(lambda _: 0.0, lambda _: UNKNOWN, OWN_JOBS)
    assert world.purposes(600.0) == []
    assert "its own instances alone" in world.control.sleep.waiting[WEB]
    routed = SleepWorld(lambda t: 0.0 if t < 200.0 else UNKNOWN, jobs=OWN_JOBS)
    assert routed.purposes(900.0) == [Purpose.STOPPED], "its queue has gone with it"


def test_nobody_sleeps_through_what_its_owner_has_planned() -> None:
    """And who sleeps is up before it begins."""
    local = datetime.fromtimestamp(EPOCH_S, UTC).astimezone()
    minute = local.hour * 60 + local.minute
    window = Window((minute + 10) % 1440, (minute + 30) % 1440)
    world = SleepWorld(lambda _: 0.0)
    plan = (Planned(window, 2),)
    spec = world.stack.services[WEB]
    assert spec.scaling is not None
    planned = replace(spec, scaling=replace(spec.scaling, planned=plan))
    world.stack = replace(world.stack, services={WEB: planned})
    assert world.purposes(1500.0) == [Purpose.STOPPED, Purpose.RUN]
    assert "has planned 2 instances for now" in world.control.sleep.waiting[WEB]
