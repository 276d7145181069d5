"""What is done about a service that still passes its check: little, gently, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from everup.automated_recovery import propose
from everup.automated_recovery.propose import Decided
from everup.dependency_monitor import build_graph, relate
from everup.loop.history_ring import HistoryRing
from everup.model.assessment import Assessment, Predictions
from everup.model.decision import (
    Allowed,
    Check,
    Escalate,
    Hold,
    HoldReason,
    Proposal,
    Refused,
)
from everup.model.history import INDEX, SIGNALS, Signal
from everup.model.incident import Attempt, Incident
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.observation import InstanceObservation, Observation
from everup.model.stack import HookSpec, Limits, ServiceSpec, Stack
from everup.model.state import PastAction, ServiceState, StackState
from everup.model.window import Window
from everup.predictive_monitor import predict, score
from everup.safety import judge
from everup.safety.risk import expected_of
from tests.unit.builders import NOW_S, SETTINGS, context, dead, seen, service, settled_memory, up
from tests.unit.builders import stack as stack_of

MANY = 60
NAN = float("nan")
HOOKS = {"cache_clear": HookSpec(http="POST http://127.0.0.1/cache/clear")}


def limited(name: str, *needs: str, **changes: object) -> ServiceSpec:
    return service(name, *needs, limits=Limits(memory_bytes=1e9), **changes)


def full(name: str, ratio: float, number: int = 0) -> InstanceObservation:
    return replace(up(name, number), memory_ratio=ratio)


def ring(
    what: Stack,
    memory: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]] | None = None,
    latency: Mapping[str, np.ndarray[tuple[int], np.dtype[np.float64]]] | None = None,
) -> HistoryRing:
    made = HistoryRing(tuple(what.services), slots=240, interval_s=5.0, gap_s=90.0)
    for index in range(MANY):
        sample = np.full((len(SIGNALS), len(what.services)), np.nan, dtype=np.float32)
        for signal, given in ((Signal.MEMORY_RATIO, memory), (Signal.LATENCY_S, latency)):
            for name, values in (given or {}).items():
                sample[INDEX[signal], made.services.index(name)] = values[index]
        made.append(NOW_S - 5.0 * (MANY - 1 - index), sample)
    return made


def climbing(to: float = 0.7) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.linspace(to - 0.4, to, MANY)


def at(level: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.full(MANY, level)


def assess(
    what: Stack, observation: Observation, past: HistoryRing, state: StackState
) -> Assessment:
    own = score(what, observation, state, SETTINGS)
    foretold = predict(what, observation, past, state, SETTINGS)
    graph = build_graph(what)
    return Assessment(
        own, relate(what, observation, own, graph, state, SETTINGS, foretold), foretold
    )


def decide(
    what: Stack,
    observation: Observation,
    past: HistoryRing,
    state: StackState | None = None,
    quiet: frozenset[str] = frozenset(),
) -> list[Decided]:
    state = state or StackState()
    assessment = assess(what, observation, past, state)
    return propose(what, observation, assessment, state, settled_memory(what), SETTINGS, quiet)


def leaking(**changes: object) -> list[Decided]:
    what = stack_of(limited("a", **changes))
    count = what.services["a"].instances
    instances = [full("a", 0.7 if n == count - 1 else 0.2, n) for n in range(count)]
    return decide(what, seen(*instances), ring(what, {"a": climbing()}))


def test_one_of_two_that_leaks_is_restarted_gently() -> None:
    (found,) = leaking(instances=2)
    assert isinstance(found, Proposal)
    assert (found.kind, found.cause) == (ActionKind.GRACEFUL_RESTART, Cause.LEAK)
    assert found.steps[0].parameters["instance"] == "a-1", "the one that is fullest"
    assert "trend-prior-5" in found.reason
    assert found.expectation.memory_most == pytest.approx(0.65)


def test_a_declared_hook_goes_first() -> None:
    (found,) = leaking(instances=2, hooks=HOOKS)
    assert isinstance(found, Proposal)
    assert (found.kind, found.next_kind) == (ActionKind.CACHE_CLEAR, ActionKind.GRACEFUL_RESTART)
    assert "instance" not in found.steps[0].parameters
    assert found.expectation.deadline_s < 60.0


def test_what_stands_behind_the_cache_must_bear_it() -> None:
    what = stack_of(service("db"), limited("a", "db", hooks=HOOKS))
    (found,) = decide(what, seen(up("db"), full("a", 0.7)), ring(what, {"a": climbing()}))
    assert isinstance(found, Proposal)
    assert found.expectation.behind_before == {"db": 1.0}


def test_the_gate_lets_a_hook_speak_to_all_instances() -> None:
    what = stack_of(limited("a", instances=3, hooks=HOOKS))
    observation = seen(full("a", 0.2), full("a", 0.2, 1), full("a", 0.7, 2))
    past = ring(what, {"a": climbing()})
    (found,) = decide(what, observation, past)
    assert isinstance(found, Proposal)
    assert found.kind is ActionKind.CACHE_CLEAR
    assessment = assess(what, observation, past, StackState())
    assert isinstance(judge(found, context(what, observation, assessment=assessment)), Allowed)
    assert "memory down to 65% of its limit" in expected_of(found)


def test_a_failed_hook_makes_room_for_the_restart() -> None:
    what = stack_of(limited("a", instances=2, hooks=HOOKS))
    tried = Attempt("act-1", ActionKind.CACHE_CLEAR, NOW_S - 40.0, "failed")
    incident = Incident("inc-1", "a", Cause.LEAK, "it climbs", NOW_S - 60.0, attempts=(tried,))
    failed = past_action(ActionKind.CACHE_CLEAR, Cause.LEAK, 20.0, has_passed=False)
    state = StackState({"a": ServiceState(past=(failed,))}, {"inc-1": incident})
    past = ring(what, {"a": climbing()})
    (found,) = decide(what, seen(full("a", 0.2), full("a", 0.7, 1)), past, state)
    assert isinstance(found, Proposal)
    assert (found.kind, found.incident_id) == (ActionKind.GRACEFUL_RESTART, "inc-1")


@pytest.mark.parametrize(
    ("changes", "why"),
    [({}, "one instance"), ({"instances": 2, "is_stateful": True}, "keeps data")],
)
def test_what_may_not_be_restarted_is_only_watched(changes: dict[str, object], why: str) -> None:
    (found,) = leaking(**changes)
    assert isinstance(found, Hold)
    assert found.reason is HoldReason.ONLY_WATCHED
    assert why in found.text
    assert NOW_S < found.until_s <= NOW_S + SETTINGS.strain_escalates_s


def test_a_quiet_hour_permits_the_only_instance() -> None:
    what = replace(stack_of(limited("a")), quiet_hours=(Window(590, 610, services=("a",)),))
    past = ring(what, {"a": climbing()})
    observation = seen(full("a", 0.7))
    (found,) = decide(what, observation, past, quiet=frozenset({"a"}))
    assert isinstance(found, Proposal)
    assessment = assess(what, observation, past, StackState())
    quiet = context(what, observation, assessment=assessment, local_minute=600)
    assert isinstance(judge(found, quiet), Allowed)
    loud = judge(found, replace(quiet, local_minute=700))
    assert loud.check in (Check.MINIMUM_HEALTHY, Check.STATEFUL_CARE)  # type: ignore[union-attr]


def test_after_a_while_a_person_is_told_why() -> None:
    what = stack_of(limited("a"))
    past = ring(what, {"a": at(0.9)})
    (found,) = decide(what, seen(full("a", 0.9)), past)
    assert isinstance(found, Hold), "pressure for 295 s"
    observation = replace(seen(full("a", 0.9)), at_s=NOW_S + 10.0)
    (found,) = decide(what, observation, past)
    assert isinstance(found, Escalate)
    assert "no cache_clear hook is declared" in found.text


def past_action(kind: ActionKind, cause: Cause, ago_s: float, **changes: object) -> PastAction:
    made = PastAction(
        "act-1", "a", kind, Origin.RECOVERY, cause,
        NOW_S - ago_s - 5.0, NOW_S - ago_s, True, True, "inc-0",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(("ago_s", "is_done"), [(4 * 3600.0, False), (25 * 3600.0, True)])
def test_once_per_service_and_day(ago_s: float, is_done: bool) -> None:
    what = stack_of(limited("a", instances=2))
    before = past_action(ActionKind.GRACEFUL_RESTART, Cause.LEAK, ago_s)
    state = StackState({"a": ServiceState(past=(before,))})
    instances = (full("a", 0.2), full("a", 0.7, 1))
    past = ring(what, {"a": climbing()})
    (found,) = decide(what, seen(*instances), past, state)
    assert isinstance(found, Proposal) is is_done
    if not is_done:
        fresh, *_ = decide(what, seen(*instances), past)
        assert isinstance(fresh, Proposal)
        assessment = assess(what, seen(*instances), past, state)
        verdict = judge(fresh, context(what, seen(*instances), state, assessment=assessment))
        assert isinstance(verdict, Refused), "the gate says so too"
        assert verdict.check is Check.STATEFUL_CARE


def test_pressure_clears_the_declared_cache_then_tells_a_person() -> None:
    what = stack_of(limited("a", hooks=HOOKS, is_stateful=True))
    past = ring(what, {"a": at(0.9)})
    (found,) = decide(what, seen(full("a", 0.9)), past)
    assert isinstance(found, Proposal)
    assert (found.kind, found.cause) == (ActionKind.CACHE_CLEAR, Cause.MEMORY_PRESSURE)
    assert found.expectation.memory_most == pytest.approx(0.85)
    tried = Attempt("act-1", ActionKind.CACHE_CLEAR, NOW_S - 40.0, "failed", "memory at most 85 %")
    incident = Incident(
        "inc-1", "a", Cause.MEMORY_PRESSURE, "full", NOW_S - 60.0, attempts=(tried,)
    )
    state = StackState(incidents={"inc-1": incident})
    (found,) = decide(what, seen(full("a", 0.9)), past, state)
    assert isinstance(found, Escalate)
    assert "cache_clear failed" in found.text


@pytest.mark.parametrize("ratio", [0.84, NAN])
def test_below_the_threshold_or_unknown_is_nothing(ratio: float) -> None:
    what = stack_of(limited("a", hooks=HOOKS))
    assert decide(what, seen(full("a", ratio)), ring(what, {"a": at(ratio)})) == []


def test_short_pressure_is_nothing() -> None:
    what = stack_of(limited("a", hooks=HOOKS))
    values = at(0.5)
    values[-4:] = 0.95
    assert decide(what, seen(full("a", 0.95)), ring(what, {"a": values})) == []


def slow_since(samples: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = at(0.02)
    values[-samples:] = 1.5
    return values


def test_slowness_alone_restarts_nothing() -> None:
    what = stack_of(service("a"))
    past = ring(what, latency={"a": slow_since(14)})
    (strain,) = predict(what, seen(up("a")), past, StackState(), SETTINGS).strains
    probe = what.services["a"].probe
    assert probe is not None
    assert strain.share == pytest.approx(min(1.0, 1.5 / probe.timeout_s))
    (found,) = decide(what, seen(up("a")), past)
    assert isinstance(found, Hold)
    assert found.reason is HoldReason.ONLY_WATCHED
    later = replace(seen(up("a")), at_s=NOW_S + 300.0)
    (found,) = decide(what, later, past)
    assert isinstance(found, Escalate)
    assert decide(what, seen(up("a")), ring(what, latency={"a": slow_since(8)})) == []


def test_who_waits_for_a_slow_one_is_slow_with_it() -> None:
    what = stack_of(service("db"), service("api", "db"))
    past = ring(what, latency={"db": slow_since(14), "api": slow_since(14)})
    answers = {d.service: d for d in decide(what, seen(up("db"), up("api")), past)}
    assert isinstance(answers["api"], Hold)
    assert answers["api"].reason is HoldReason.VICTIM
    assert isinstance(answers["db"], Hold)
    assert answers["db"].reason is HoldReason.ONLY_WATCHED


def test_whoever_was_told_of_a_leak_still_wants_a_crash_healed() -> None:
    what = stack_of(limited("a"))
    told = ServiceState(with_a_person="inc-1", escalated_cause=Cause.LEAK)
    state = StackState({"a": told})
    (found,) = decide(what, seen(dead("a", -9)), ring(what), state)
    assert isinstance(found, Proposal)
    (held,) = decide(what, seen(full("a", 0.9)), ring(what, {"a": at(0.9)}), state)
    assert isinstance(held, Hold)
    assert held.reason is HoldReason.WITH_A_PERSON


def test_nothing_is_foretold_of_who_has_failed_already() -> None:
    what = stack_of(limited("a", instances=2))
    past = ring(what, {"a": climbing()})
    assessment = assess(what, seen(dead("a", -9), full("a", 0.7, 1)), past, StackState())
    assert assessment.relations.findings["a"].cause is Cause.CRASH


def test_a_new_life_begins_a_new_line() -> None:
    what = stack_of(limited("a"))
    young = full("a", 0.7)
    young = replace(young, instance=replace(young.instance, started_at_s=NOW_S - 20.0))
    foretold = predict(what, seen(young), ring(what, {"a": climbing()}), StackState(), SETTINGS)
    assert foretold == Predictions()
