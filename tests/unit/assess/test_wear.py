"""The score by what is usual and what is nearly used up: bounded, smooth, monotone, named."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everup.model.disk import Disk
from everup.model.kinds import Condition, ProbeVerdict
from everup.model.observation import Exit, HostObservation, InstanceObservation, Observation
from everup.model.resources import Resources
from everup.model.state import StackState
from everup.predictive_monitor import Habit, score
from everup.predictive_monitor.score import UNUSUAL_WEIGHT, USED_UP_WEIGHT
from everup.predictive_monitor.wear import unusual
from tests.unit.builders import NOW_S, SETTINGS, dead, failing, seen, service, stack, up

ONE = stack(service("a"))
QUICK = {"a": Habit(0.02, 0.2, 1000.0)}
SHARES = st.one_of(st.just(math.nan), st.floats(0.0, 1.2))
MANY = settings(max_examples=200, deadline=None)


def one(
    latency_s: float = 0.02,
    memory: float = math.nan,
    descriptors: float = math.nan,
    connections: float = math.nan,
    queue: float = math.nan,
    disk: float = math.nan,
    throttled: float = math.nan,
    number: float = 0,
) -> InstanceObservation:
    made = up("a", int(number))
    assert made.probe is not None
    resources = Resources(
        queue_most=100.0, descriptors=100.0 * descriptors, descriptors_most=100.0,
        connections=100.0 * connections, connections_most=100.0,
    )  # fmt: skip
    writes_to = (
        None if math.isnan(disk) else Disk("/", size_bytes=100.0, free_bytes=100.0 - 100.0 * disk)
    )
    instance = replace(
        made.instance, resources=resources, accept_queue=100.0 * queue, disk=writes_to
    )
    return replace(
        made, instance=instance, probe=replace(made.probe, latency_s=latency_s),
        memory_ratio=memory, throttled_ratio=throttled,
    )  # fmt: skip


def scored(
    *instances: InstanceObservation, pressure: float = math.nan, exits: int = 0, **habits: Habit
) -> float:
    death = tuple(Exit(NOW_S - n, 1) for n in range(exits))
    observation = replace(
        seen(*instances, exits=death), host=HostObservation(pressure_ratio=pressure)
    )
    return score(ONE, observation, StackState(), SETTINGS, habits or QUICK).score("a")


ANYTHING = {
    "latency_s": st.floats(0.0, 3.0),
    "memory": SHARES,
    "descriptors": SHARES,
    "connections": SHARES,
    "queue": SHARES,
    "disk": SHARES,
    "throttled": st.one_of(st.just(math.nan), st.floats(0.0, 8.0)),
}


@MANY
@given(st.fixed_dictionaries(ANYTHING), st.floats(0.0, 1.0), st.integers(0, 9))
def test_who_answers_is_never_acted_upon_for_its_score(
    given_: dict[str, float], pressure: float, exits: int
) -> None:
    found = scored(one(**given_), pressure=pressure, exits=exits)
    assert SETTINGS.graceful_restart_below <= found <= 1.0


@MANY
@given(st.fixed_dictionaries(ANYTHING))
def test_what_is_learned_or_used_up_weighs_little(given_: dict[str, float]) -> None:
    """Beside the same without it."""
    plain = {k: given_[k] for k in ("latency_s", "memory")}
    before = score(ONE, seen(one(**plain)), StackState(), SETTINGS).score("a")
    found = scored(one(**given_))
    assert before * (1.0 - UNUSUAL_WEIGHT) * (1.0 - USED_UP_WEIGHT) <= found + 1e-9
    assert found <= before + 1e-9


@MANY
@given(st.fixed_dictionaries(ANYTHING), st.sampled_from(sorted(ANYTHING)), st.floats(0.0, 0.5))
def test_worse_is_never_better_and_a_small_change_is_small(
    given_: dict[str, float], signal: str, more: float
) -> None:
    """Lipschitz: 4 for seconds of latency (its usual is 20 ms), 2 for shares."""
    if math.isnan(given_[signal]):
        return
    before, after = scored(one(**given_)), scored(one(**{**given_, signal: given_[signal] + more}))
    assert after <= before + 1e-9
    steepest = 4.0 if signal == "latency_s" else 2.0
    assert before - after <= steepest * more + 1e-9


@MANY
@given(st.lists(st.floats(0.0, 3.0), min_size=2, max_size=5), st.randoms())
def test_the_order_of_instances_changes_nothing(latencies: list[float], random: object) -> None:
    made = [one(latency, number=n) for n, latency in enumerate(latencies)]
    mixed = list(made)
    random.shuffle(mixed)  # type: ignore[attr-defined]
    what = stack(service("a", instances=len(made)))
    first, other = (
        score(what, seen(*each), StackState(), SETTINGS, QUICK).score("a") for each in (made, mixed)
    )
    assert first == pytest.approx(other)


def test_the_dead_are_zero_and_the_failing_fall_as_before() -> None:
    assert scored(dead("a")) == 0.0
    with_habit, without = (
        scored(failing("a")),
        score(ONE, seen(failing("a")), StackState(), SETTINGS),
    )
    assert with_habit == without.score("a")


def contributions(observation: Observation, **habits: Habit) -> dict[str, str]:
    health = score(ONE, observation, StackState(), SETTINGS, habits or QUICK).services["a"]
    assert sum(c.loss for c in health.contributions) == pytest.approx(1.0 - health.score)
    return {c.signal: c.text for c in health.contributions}


def test_slow_for_itself_is_named_with_what_is_usual() -> None:
    found = contributions(seen(one(0.4)))
    assert found == {"usual_response_time": "answers take 400 ms, at this hour usually 20 ms"}
    assert contributions(seen(one(0.4)), a=Habit(0.4, 0.2, 1000.0)) == {}, "usual for this one"
    assert contributions(seen(one(0.4)), b=Habit(0.02, 0.2, 1000.0)) == {}, "nothing is known of it"
    health = score(ONE, seen(one(0.4)), StackState(), SETTINGS, QUICK).services["a"]
    assert health.condition is Condition.HEALTHY


def test_a_few_milliseconds_are_nobodys_slowness() -> None:
    quick = {"a": Habit(0.0005, 0.05, 1000.0)}
    assert contributions(seen(one(0.01)), **quick) == {}


def test_a_busy_machine_explains_slowness() -> None:
    assert scored(one(0.4), pressure=1.0) == 1.0
    assert scored(one(0.4), pressure=0.4) > scored(one(0.4), pressure=0.0)


def test_late_by_what_was_declared_is_not_counted_twice() -> None:
    late = score(ONE, seen(one(2.0)), StackState(), SETTINGS).score("a")
    assert scored(one(2.0)) == pytest.approx(late)


@pytest.mark.parametrize("signal", ["descriptors", "connections", "queue", "disk", "throttled"])
def test_only_what_is_nearest_to_its_end_counts_and_is_named(signal: str) -> None:
    found = contributions(seen(one(**{"disk": 0.96, "queue": 0.55, signal: 1.0})))
    assert list(found) == [signal]
    assert found[signal]


def test_an_answer_that_never_came_is_no_latency() -> None:
    assert unusual(math.nan, QUICK["a"], 2.0, 0.0).badness == 0.0
    assert unusual(0.4, Habit(math.nan, math.nan, 0.0), 2.0, 0.0).badness == 0.0
    silent = one(math.nan)
    assert silent.probe is not None
    assert silent.probe.verdict is ProbeVerdict.PASS
    assert scored(silent) == 1.0
