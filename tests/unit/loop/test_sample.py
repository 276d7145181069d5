"""One sample: every signal where it was seen, NaN where it was not; and rates between listings."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from everup.loop.readings import Usage, fold_probe, fold_usage
from everup.loop.sample import needs_of, sample
from everup.model.disk import Disk
from everup.model.history import SIGNALS, Signal
from everup.model.kinds import UNKNOWN, InstanceState, ProbeVerdict
from everup.model.load import Load
from everup.model.observation import Instance, InstanceObservation, ProbeResult
from everup.model.resources import Resources
from everup.model.stack import Dependency, ServiceSpec
from tests.unit.builders import NOW_S, assess, dead, failing, seen, service, stack, up

DAY_S = 86_400.0


def loaded(resources: Resources, number: int = 0, **changes: object) -> InstanceObservation:
    one = up("a", number)
    kept = {k: v for k, v in changes.items() if k in ("accept_queue", "disk")}
    rest = {k: v for k, v in changes.items() if k not in kept}
    instance = replace(one.instance, resources=resources, **kept)  # type: ignore[arg-type]
    return replace(one, instance=instance, **rest)  # type: ignore[arg-type]


def row(*observed: InstanceObservation, what: ServiceSpec | None = None) -> dict[Signal, float]:
    stacked = stack(what or service("a"), service("b"))
    watched = seen(*observed)
    found = sample(("a",), watched, assess(stacked, watched).own, needs_of(stacked))
    assert not found.flags.writeable
    return {signal: float(value) for signal, value in zip(SIGNALS, found[:, 0], strict=True)}


def test_what_nobody_can_look_at_is_unknown() -> None:
    found = row(up("a"))
    worn = SIGNALS[SIGNALS.index(Signal.RECEIVED_PER_S) : SIGNALS.index(Signal.AGE_S)]
    assert {signal for signal in worn if not math.isnan(found[signal])} == set()
    assert found[Signal.INSTANCES_UP] == 1.0


def test_of_several_the_one_that_is_worst_off() -> None:
    first = Resources(
        queue_most=100.0, descriptors=10.0, descriptors_most=1000.0, connections=5.0,
        connections_most=10.0, gpu_ratio=0.2, gpu_memory_ratio=0.9,
        layer=Disk("/", size_bytes=1e9, free_bytes=1e8),
    )  # fmt: skip
    other = Resources(queue_most=10.0, descriptors=900.0, descriptors_most=1000.0, connections=3.0)
    found = row(
        loaded(first, accept_queue=8.0, received_per_s=100.0, sent_per_s=1.0, throttled_ratio=0.1),
        loaded(
            other, 1, accept_queue=5.0, received_per_s=50.0, throttled_ratio=0.4,
            disk=Disk("/data", size_bytes=1e9, free_bytes=5e8),
        ),
    )  # fmt: skip
    expected = {
        Signal.QUEUE: 8.0,
        Signal.QUEUE_RATIO: 0.5,
        Signal.DESCRIPTORS_RATIO: 0.9,
        Signal.CONNECTIONS: 5.0,
        Signal.CONNECTIONS_RATIO: 0.5,
        Signal.RECEIVED_PER_S: 150.0,
        Signal.SENT_PER_S: 1.0,
        Signal.THROTTLED_RATIO: 0.4,
        Signal.GPU_RATIO: 0.2,
        Signal.GPU_MEMORY_RATIO: 0.9,
        Signal.DISK_RATIO: 0.9,
        Signal.DISK_FREE_BYTES: 1e8,
    }
    assert {signal: found[signal] for signal in expected} == pytest.approx(expected)


def test_the_dead_have_nothing() -> None:
    gone = dead("a")
    resources = Resources(descriptors=1.0, descriptors_most=2.0)
    found = row(replace(gone, instance=replace(gone.instance, resources=resources)))
    assert math.isnan(found[Signal.DESCRIPTORS_RATIO])


def test_dependencies_count_by_their_weight() -> None:
    hard, soft = Dependency("b", weight=1.0), Dependency("b", weight=0.25)
    sick = failing("b")
    assert row(up("a"), up("b"), what=service("a"))[Signal.DEPENDENCY_HEALTH] != 1.0  # it has none
    strong = row(up("a"), sick, what=replace(service("a"), depends_on=(hard,)))
    weak = row(up("a"), sick, what=replace(service("a"), depends_on=(soft,)))
    assert strong[Signal.DEPENDENCY_HEALTH] < 0.5 < weak[Signal.DEPENDENCY_HEALTH] < 1.0
    unknown = row(up("a"), what=replace(service("a"), depends_on=(Dependency("c"),)))
    assert math.isnan(unknown[Signal.DEPENDENCY_HEALTH])


def test_the_certificate_that_ends_first() -> None:
    made = []
    for number, days in enumerate((30.0, 3.0)):
        one = up("a", number)
        assert one.probe is not None
        probe = replace(one.probe, certificate_ends_s=NOW_S + days * DAY_S)
        made.append(replace(one, probe=probe))
    assert row(*made)[Signal.CERTIFICATE_LEFT_S] == pytest.approx(3.0 * DAY_S)


def test_a_certificate_is_remembered_while_it_does_not_answer() -> None:
    shown = ProbeResult(ProbeVerdict.PASS, NOW_S, 0.1, certificate_ends_s=NOW_S + DAY_S)
    reading = fold_probe(fold_probe(None, shown), ProbeResult(ProbeVerdict.FAIL, NOW_S + 5.0))
    assert reading.certificate_ends_s == NOW_S + DAY_S
    assert math.isnan(fold_probe(None, ProbeResult(ProbeVerdict.PASS, NOW_S)).certificate_ends_s)


def test_rates_are_between_two_listings_and_none_after_a_reset() -> None:
    def listed(received: float, throttled_s: float = UNKNOWN) -> Instance:
        resources = Resources(received_bytes=received, throttled_s=throttled_s)
        return Instance("a", "a-0", "a!1", InstanceState.RUNNING, resources=resources)

    found = fold_usage(Usage(), listed(100.0, 1.0), 0.0, listed(600.0, 2.0), 5.0)
    assert (found.received_per_s, found.throttled_ratio) == (100.0, 0.2)
    assert math.isnan(found.sent_per_s)
    again = fold_usage(found, listed(600.0), 5.0, listed(10.0), 10.0)
    assert math.isnan(again.received_per_s), "counted anew"
    same = fold_usage(found, listed(600.0), 5.0, listed(600.0), 5.0)
    assert math.isnan(same.received_per_s), "no time passed"


def test_what_is_asked_of_it_is_kept_and_nothing_where_nobody_counts() -> None:
    watched = seen(up("a"))
    load = Load(NOW_S, 12.0, 1.0, 0.25, 3.0, 2.0, 40.0, {"a-0": 12.0}, "router+queue")
    services = {"a": replace(watched.services["a"], load=load)}
    asked = replace(watched, services=services)
    own = assess(stack(service("a")), asked).own
    found = dict(zip(SIGNALS, sample(("a",), asked, own)[:, 0], strict=True))
    names = SIGNALS[SIGNALS.index(Signal.REQUESTS_PER_S) :]
    assert [float(found[name]) for name in names] == [12.0, 1.0, 0.25, 3.0, 40.0]
    assert all(math.isnan(row(up("a"))[name]) for name in names)


def test_new_signals_are_at_the_end() -> None:
    """Their order is part of the files on disk."""
    assert [str(signal) for signal in SIGNALS[:8]] == [
        "score", "cpu_ratio", "memory_ratio", "memory_bytes",
        "latency_s", "error_ratio", "probe_ok", "instances_up",
    ]  # fmt: skip
    assert [str(signal) for signal in SIGNALS[-6:]] == [
        "age_s", "requests_per_s", "failures_per_s", "routed_latency_s", "sessions", "work_queue",
    ]  # fmt: skip
    assert len(SIGNALS) == len(set(SIGNALS))
    assert np.isnan(row(up("a"))[Signal.GPU_RATIO])
