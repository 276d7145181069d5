"""What runs out is foretold once, with numbers that mean something, and little is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from everup.automated_recovery import propose
from everup.automated_recovery.propose import Decided
from everup.dependency_monitor import build_graph, relate
from everup.dependency_monitor.threat import sources_of
from everup.loop.history_ring import HistoryRing
from everup.loop.verify import judge_expectation
from everup.model.assessment import Assessment, Predictions
from everup.model.decision import (
    HOOK,
    Allowed,
    Check,
    Escalate,
    Expectation,
    Hold,
    Proposal,
    Refused,
    Step,
)
from everup.model.disk import Disk
from everup.model.evidence import Passed, Pending, Sighting
from everup.model.history import INDEX, SIGNALS, Signal
from everup.model.kinds import FORETOLD, LEAKS, ActionKind, Cause, Origin
from everup.model.levels import has_come, level
from everup.model.observation import InstanceObservation, Observation
from everup.model.resources import Resources
from everup.model.stack import FREE_SPACE_HOOK, HookSpec, ServiceSpec, Stack
from everup.model.state import InFlight, PastAction, Phase, ServiceState, StackState
from everup.predictive_monitor import predict, score
from everup.predictive_monitor.limits import LIMITS
from everup.safety import judge
from tests.unit.builders import NOW_S, SETTINGS, context, seen, service, settled_memory, up
from tests.unit.builders import stack as stack_of

MANY = 60
DAY_S = 86_400.0
Values = np.ndarray[tuple[int], np.dtype[np.float64]]
MAKES_ROOM = {FREE_SPACE_HOOK: HookSpec(http="POST http://127.0.0.1/free")}


def at(name: str, cause: Cause, share: float, number: int = 0) -> InstanceObservation:
    """One of which so much is used."""
    one = up(name, number)
    resources = Resources(
        queue_most=100.0, descriptors_most=1000.0, connections_most=50.0,
        descriptors=1000.0 * share if cause is Cause.DESCRIPTOR_LEAK else 10.0,
        connections=50.0 * share if cause is Cause.CONNECTIONS_FULL else 1.0,
    )  # fmt: skip
    disk = None
    if cause is Cause.DISK_FILLING:
        disk = Disk("/data", "data", "8:1", 1e10, 1e10 * (1.0 - share), at_s=NOW_S)
    queue = 100.0 * share if cause is Cause.QUEUE_FULL else 0.0
    instance = replace(one.instance, resources=resources, disk=disk, accept_queue=queue)
    ratio = share if cause is Cause.LEAK else 0.1
    return replace(one, instance=instance, memory_ratio=ratio)


def ring(what: Stack, given: Mapping[tuple[str, Signal], Values]) -> HistoryRing:
    made = HistoryRing(tuple(what.services), slots=240, interval_s=5.0, gap_s=90.0)
    for index in range(MANY):
        sample = np.full((len(SIGNALS), len(what.services)), np.nan, dtype=np.float32)
        for (name, signal), values in given.items():
            sample[INDEX[signal], made.services.index(name)] = values[index]
        made.append(NOW_S - 5.0 * (MANY - 1 - index), sample)
    return made


def climbing(to: float = 0.7) -> Values:
    return np.linspace(to - 0.4, to, MANY)


def assessed(
    what: Stack, observation: Observation, past: HistoryRing, state: StackState
) -> Assessment:
    own = score(what, observation, state, SETTINGS)
    foretold = predict(what, observation, past, state, SETTINGS)
    found = relate(what, observation, own, build_graph(what), state, SETTINGS, foretold)
    return Assessment(own, found, foretold)


def decided(
    what: Stack, observation: Observation, past: HistoryRing, state: StackState | None = None
) -> list[Decided]:
    state = state or StackState()
    assessment = assessed(what, observation, past, state)
    memory = settled_memory(what)
    return propose(what, observation, assessment, state, memory, SETTINGS, frozenset())


def one_that(cause: Cause, **changes: object) -> tuple[Stack, Observation, HistoryRing]:
    signal = next(limit.signal for limit in LIMITS if limit.cause is cause)
    spec: ServiceSpec = service("a", **changes)
    what = stack_of(spec)
    instances = [at("a", cause, 0.7 if n == 0 else 0.1, n) for n in range(spec.instances)]
    return what, seen(*instances), ring(what, {("a", signal): climbing()})


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.cause)
def test_each_is_foretold_with_its_cause_and_what_is_left(limit: object) -> None:
    cause = limit.cause  # type: ignore[attr-defined]
    what, observation, past = one_that(cause)
    found = predict(what, observation, past, StackState(), SETTINGS)
    (item,) = found.items
    (trend,) = found.trends
    assert (item.service, item.cause, item.instance) == ("a", cause, "a-0")
    assert 0.0 < item.probability <= limit.most  # type: ignore[attr-defined]
    assert item.earliest_s <= item.likely_s <= item.latest_s
    assert trend.likely_s == item.likely_s
    assert trend.per_s == pytest.approx(0.4 / 295.0, rel=0.01)
    assert "70% of its limit" in item.evidence[0]
    if cause is not Cause.LEAK:
        assert ", " in item.evidence[0].split("limit", 1)[1].split("% more", 1)[0]


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.cause)
def test_what_stands_still_or_is_unknown_is_not(limit: object) -> None:
    cause, signal = limit.cause, limit.signal  # type: ignore[attr-defined]
    what = stack_of(service("a"))
    for values in (np.full(MANY, 0.9), np.full(MANY, np.nan), np.linspace(0.05, 0.2, MANY)):
        past = ring(what, {("a", signal): values})
        found = predict(what, seen(at("a", cause, 0.9)), past, StackState(), SETTINGS)
        assert found.items == ()


def test_another_memory_limit_begins_a_new_line() -> None:
    """It was doubled half-way: the share fell, and what is used did not."""
    what = stack_of(service("a"))
    used = np.linspace(2e8, 8e8, MANY)
    limit = np.where(np.arange(MANY) < 30, 6e8, 1e9)
    given = {("a", Signal.MEMORY_RATIO): used / limit, ("a", Signal.MEMORY_BYTES): used}
    observation = seen(at("a", Cause.LEAK, 0.8))
    (trend,) = predict(what, observation, ring(what, given), StackState(), SETTINGS).trends
    assert trend.points == 30
    assert trend.per_s == pytest.approx(0.6 / 295.0, rel=0.05)
    unknown = {("a", Signal.MEMORY_RATIO): used / limit}
    assert predict(what, observation, ring(what, unknown), StackState(), SETTINGS).trends == ()


def test_far_ends_are_trends_and_no_predictions() -> None:
    what = stack_of(service("a"))
    slow = 0.5 + np.linspace(0.0, 0.04, MANY)  # an hour and a half away
    past = ring(what, {("a", Signal.DISK_RATIO): slow})
    found = predict(what, seen(at("a", Cause.DISK_FILLING, 0.54)), past, StackState(), SETTINGS)
    assert found.items == ()
    assert found.trends[0].likely_s == pytest.approx(NOW_S + 295.0 * 0.46 / 0.04, rel=0.05)


def test_a_shared_disk_is_foretold_once_of_who_can_free_space() -> None:
    what = stack_of(service("a"), service("b", hooks=MAKES_ROOM), service("c"))
    names = ("a", "b", "c")
    past = ring(what, {(n, Signal.DISK_RATIO): climbing() for n in names})
    observation = seen(*(at(n, Cause.DISK_FILLING, 0.7) for n in names))
    (item,) = predict(what, observation, past, StackState(), SETTINGS).items
    assert item.service == "b"
    assert "used by a, c" in item.evidence[-1]


def test_a_filling_disk_is_answered_by_its_owners_hook_and_nothing_else() -> None:
    what, observation, past = one_that(Cause.DISK_FILLING, hooks=MAKES_ROOM, instances=2)
    (found,) = decided(what, observation, past)
    assert isinstance(found, Proposal)
    assert (found.kind, found.cause) == (ActionKind.CACHE_CLEAR, Cause.DISK_FILLING)
    assert found.steps[0].parameters[HOOK] == FREE_SPACE_HOOK
    assert found.next_kind is None, "a restart makes no room"
    assert found.expectation.disk_most == pytest.approx(0.65)
    assert np.isnan(found.expectation.memory_most)
    assessment = assessed(what, observation, past, StackState())
    assert isinstance(judge(found, context(what, observation, assessment=assessment)), Allowed)
    today = past_action(ActionKind.CACHE_CLEAR, Cause.DISK_FILLING)
    state = StackState({"a": ServiceState(past=(today,))})
    (again,) = decided(what, observation, past, state)
    assert isinstance(again, Hold), "once a day"
    assert "within a day" in again.text


def past_action(kind: ActionKind, cause: Cause, ago_s: float = 3600.0) -> PastAction:
    return PastAction(
        "act-1", "a", kind, Origin.RECOVERY, cause,
        NOW_S - ago_s - 5.0, NOW_S - ago_s, True, True, "inc-0",
    )  # fmt: skip


def test_without_a_hook_a_person_is_told_of_a_filling_disk_in_good_time() -> None:
    what, observation, past = one_that(Cause.DISK_FILLING, instances=2)
    (found,) = decided(what, observation, past)
    assert isinstance(found, Hold)
    assert "no free_space hook is declared" in found.text
    left_s = 0.3 / (0.4 / 295.0)
    assert found.until_s <= NOW_S + 0.55 * left_s


def test_open_files_of_one_of_several_are_answered_by_a_gentle_restart_once_a_day() -> None:
    what, observation, past = one_that(Cause.DESCRIPTOR_LEAK, instances=2)
    (found,) = decided(what, observation, past)
    assert isinstance(found, Proposal)
    assert (found.kind, found.cause) == (ActionKind.GRACEFUL_RESTART, Cause.DESCRIPTOR_LEAK)
    assert found.steps[0].parameters["instance"] == "a-0"
    assert np.isnan(found.expectation.memory_most)
    assessment = assessed(what, observation, past, StackState())
    assert isinstance(judge(found, context(what, observation, assessment=assessment)), Allowed)
    for cause in LEAKS:  # a restart is a restart, whatever leaked
        before = StackState(
            {"a": ServiceState(past=(past_action(ActionKind.GRACEFUL_RESTART, cause),))}
        )
        (again,) = decided(what, observation, past, before)
        assert isinstance(again, Hold)


@pytest.mark.parametrize(
    "changes", [{}, {"instances": 2, "is_stateful": True}], ids=["one instance", "stateful"]
)
def test_who_may_not_be_restarted_on_a_prediction_is_not(changes: dict[str, object]) -> None:
    (found,) = decided(*one_that(Cause.DESCRIPTOR_LEAK, **changes))
    assert isinstance(found, Hold)


@pytest.mark.parametrize("cause", [Cause.CONNECTIONS_FULL, Cause.QUEUE_FULL])
def test_what_a_restart_would_make_worse_is_told_to_a_person(cause: Cause) -> None:
    what, observation, past = one_that(cause, instances=2, hooks=MAKES_ROOM)
    signal = next(limit.signal for limit in LIMITS if limit.cause is cause)
    for found in decided(what, observation, past):
        assert isinstance(found, Hold)
    soon = ring(what, {("a", signal): np.linspace(0.3, 0.97, MANY)})
    full = seen(at("a", cause, 0.97), at("a", cause, 0.1, 1))
    (found,) = decided(what, full, soon)
    assert isinstance(found, Hold | Escalate)
    assert "a restart turns all away" in found.text


def test_the_gate_wants_a_prediction_of_what_a_restart_would_end() -> None:
    """That the disk fills founds no restart for a leak."""
    what, observation, past = one_that(Cause.DESCRIPTOR_LEAK, instances=2)
    (found,) = decided(what, observation, past)
    assert isinstance(found, Proposal)
    other = one_that(Cause.DISK_FILLING, instances=2)
    assessment = assessed(*other, StackState())
    assert assessment.predictions.of("a") is not None
    verdict = judge(found, context(what, observation, assessment=assessment))
    assert isinstance(verdict, Refused)
    assert verdict.check is Check.STATEFUL_CARE


def test_of_several_the_likeliest_is_the_finding_and_a_date_the_last() -> None:
    what = stack_of(service("a", instances=1))
    one = at("a", Cause.DISK_FILLING, 0.9)
    assert one.probe is not None
    probe = replace(one.probe, certificate_ends_s=NOW_S + DAY_S)
    leaks = replace(one, memory_ratio=0.7, probe=probe)
    both = {
        ("a", Signal.MEMORY_RATIO): climbing(0.7),
        ("a", Signal.DISK_RATIO): climbing(0.9),
    }
    found = assessed(what, seen(leaks), ring(what, both), StackState())
    assert {p.cause for p in found.predictions.items} == {Cause.LEAK, Cause.DISK_FILLING}
    likeliest = found.predictions.of("a")
    assert likeliest is not None
    assert found.relations.findings["a"].cause is likeliest.cause
    calm = assessed(what, seen(leaks), ring(what, {}), StackState())
    assert calm.relations.findings["a"].cause is Cause.CERTIFICATE_EXPIRES


def certified(left_s: float) -> InstanceObservation:
    one = up("a")
    assert one.probe is not None
    return replace(one, probe=replace(one.probe, certificate_ends_s=NOW_S + left_s))


def foretold_of(left_s: float) -> Predictions:
    what = stack_of(service("a"))
    return predict(what, seen(certified(left_s)), ring(what, {}), StackState(), SETTINGS)


def test_a_certificate_is_a_trend_then_told_then_a_prediction() -> None:
    far = foretold_of(40 * DAY_S)
    assert (far.items, far.strains, far.trends) == ((), (), ())
    month = foretold_of(20 * DAY_S)
    assert (month.items, month.strains) == ((), ())
    assert month.trends[0].likely_s == NOW_S + 20 * DAY_S
    days = foretold_of(2.5 * DAY_S)
    assert days.items == ()
    (strain,) = days.strains
    assert strain.since_s == NOW_S - 0.5 * DAY_S, "so long it deserves telling"
    assert "ends in 60 h" in strain.reason or "days" in strain.reason
    near = foretold_of(600.0)
    assert near.items[0].cause is Cause.CERTIFICATE_EXPIRES
    assert not near.items[0].level >= 0.0
    assert has_come(Cause.CERTIFICATE_EXPIRES, certified(-1.0), NOW_S)
    assert not has_come(Cause.CERTIFICATE_EXPIRES, certified(1.0), NOW_S)
    assert "has ended" in foretold_of(-5.0).strains[0].reason


def test_a_certificate_is_told_to_a_person_and_holds_nothing_back() -> None:
    what = stack_of(service("a", instances=2, hooks=MAKES_ROOM))
    (found,) = decided(what, seen(certified(2.5 * DAY_S)), ring(what, {}))
    assert isinstance(found, Escalate)
    assert "renews no certificate" in found.text
    told = ServiceState(with_a_person="inc-1", escalated_cause=Cause.CERTIFICATE_EXPIRES)
    assert told.is_with_a_person_for(Cause.CERTIFICATE_EXPIRES)
    for cause in frozenset(Cause) - {Cause.CERTIFICATE_EXPIRES}:
        assert not told.is_with_a_person_for(cause)
    assert not told.waits_for_a_person
    assert replace(told, escalated_cause=Cause.LEAK).waits_for_a_person


def test_every_limit_has_a_level_and_is_foretold() -> None:
    for limit in LIMITS:
        assert level(limit.cause, at("a", limit.cause, 0.5)) == pytest.approx(0.5)
        assert np.isnan(level(limit.cause, up("a")))
        assert limit.cause in FORETOLD
        assert has_come(limit.cause, at("a", limit.cause, 1.0), NOW_S)


def test_a_certificate_explains_nobody_and_threatens_nobody() -> None:
    what = stack_of(service("a"), service("b", "a"))
    slow = np.concatenate([np.full(MANY - 15, 0.01), np.full(15, 0.9)])
    past = ring(what, {("b", Signal.LATENCY_S): slow})
    late = up("b")
    assert late.probe is not None
    late = replace(late, probe=replace(late.probe, latency_s=0.9))
    found = assessed(what, seen(certified(DAY_S), late), past, StackState())
    assert found.relations.findings["a"].cause is Cause.CERTIFICATE_EXPIRES
    assert found.relations.findings["b"].cause is Cause.SLOW
    assert found.relations.findings["b"].is_root
    assert sources_of(found.relations, found.predictions, SETTINGS) == ("b",)


def test_room_is_proven_by_a_sight_that_was_made_since() -> None:
    flight = InFlight(
        "act-1", "inc-1", "key", Origin.RECOVERY, Cause.DISK_FILLING,
        Step(ActionKind.CACHE_CLEAR, "a"), NOW_S - 40.0, Sighting(NOW_S - 40.0),
        Expectation("a", 90.0, window_s=10.0, disk_most=0.65), True, Phase.VERIFYING, NOW_S - 30.0,
    )  # fmt: skip
    what = stack_of(service("a"))

    def verdict(used: float, seen_s: float) -> object:
        one = at("a", Cause.DISK_FILLING, used)
        assert one.instance.disk is not None
        disk = replace(one.instance.disk, at_s=seen_s)
        observation = seen(replace(one, instance=replace(one.instance, disk=disk)))
        assessment = assessed(what, observation, ring(what, {}), StackState())
        return judge_expectation(flight, observation, assessment, SETTINGS)

    assert isinstance(verdict(0.6, NOW_S), Passed)
    full, old = verdict(0.7, NOW_S), verdict(0.6, NOW_S - 35.0)
    assert isinstance(full, Pending)
    assert "at most 65% full, it is 70%" in full.missing
    assert isinstance(old, Pending), "it may have been seen before the hook was run"
