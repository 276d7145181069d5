"""Health scores, causes, roots and victims, by what a reader would expect of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.dependency_monitor import build_graph
from everup.dependency_monitor.relate import propagate
from everup.loop.fold import fold
from everup.model.assessment import Finding, OwnHealth, ServiceHealth
from everup.model.entries import ExitSeen
from everup.model.kinds import Cause, Condition, Purpose
from everup.model.observation import Exit, Heard
from everup.model.state import ServiceState, StackState
from everup.predictive_monitor.score import instance_score
from tests.unit.builders import (
    NOW_S,
    SETTINGS,
    assess,
    dead,
    failing,
    seen,
    service,
    stack,
    up,
)

ASKED = Exit(NOW_S - 11, 143, asked="docker stop", ran_s=500.0)
BRIEF = Exit(NOW_S - 1, 0, ran_s=5.0)


def test_a_well_service_scores_one_and_a_dead_one_zero() -> None:
    what = stack(service("a"), service("b"))
    own = assess(what, seen(up("a"), dead("b"))).own
    assert own.score("a") == 1.0
    assert own.score("b") == 0.0
    assert own.services["b"].condition is Condition.DOWN


def test_what_nobody_looked_at_is_unknown() -> None:
    own = assess(stack(service("a")), seen()).own
    assert own.services["a"].condition is Condition.UNKNOWN
    assert own.score("a") != own.score("a")


@given(
    failures=st.integers(0, 50),
    latency_s=st.floats(0, 100),
    memory=st.one_of(st.just(float("nan")), st.floats(0, 5)),
)
def test_score_is_bounded_and_losses_add_up(failures: int, latency_s: float, memory: float) -> None:
    spec = service("a")
    one = replace(
        failing("a", times=failures, latency_s=latency_s) if failures else up("a"),
        memory_ratio=memory,
    )
    observation = seen(one)
    value = instance_score(one, spec, observation.services["a"], SETTINGS)
    assert 0.0 <= value <= 1.0
    health = assess(stack(spec), observation).own.services["a"]
    assert sum(c.loss for c in health.contributions) == pytest.approx(1.0 - health.score)


@given(st.integers(0, 10))
def test_more_failures_never_score_better(failures: int) -> None:
    spec = service("a")

    def value(times: int) -> float:
        one = failing("a", times=times) if times else up("a")
        return instance_score(one, spec, seen(one).services["a"], SETTINGS)

    assert value(failures + 1) <= value(failures)


def test_crash_and_crash_loop() -> None:
    what = stack(service("a"))
    assert assess(what, seen(dead("a"))).relations.findings["a"].cause is Cause.CRASH
    exits = tuple(Exit(NOW_S - s, 1) for s in (200, 100, 1))
    found = assess(what, seen(dead("a"), exits=exits)).relations.findings["a"]
    assert found.cause is Cause.CRASH_LOOP
    assert found.reason == "exited with 1, 3 times within 300 s"


def test_different_deaths_are_named_one_by_one() -> None:
    exits = (Exit(NOW_S - 30, -9), Exit(NOW_S - 20, 3), Exit(NOW_S - 1, 3))
    found = assess(stack(service("a")), seen(dead("a", 3), exits=exits)).relations.findings["a"]
    assert found.reason == "killed by signal 9, then exited with 3 twice, within 300 s"


@pytest.mark.parametrize("code", [0, 130, 143, 137])
def test_an_unwitnessed_wishful_exit_is_presumed_intended(code: int) -> None:
    gone = dead("a", code)
    gone = replace(
        gone, instance=replace(gone.instance, exit=Exit(NOW_S, code, was_witnessed=False))
    )
    assert not assess(stack(service("a")), seen(gone)).relations.findings["a"].is_confirmed


@pytest.mark.parametrize("death", [Exit(NOW_S - 11, 0, was_witnessed=False), ASKED, BRIEF])
def test_an_end_that_looks_meant_is_a_crash_where_its_owner_says_heal(death: Exit) -> None:
    gone = dead("a")
    gone = replace(gone, instance=replace(gone.instance, exit=death))

    def found(**changes: bool) -> Finding:
        what = stack(service("a", **changes), service("b", "a"))
        return assess(what, seen(gone, failing("b"))).relations.findings["a"]

    assert not found().is_confirmed
    healed = found(heal_when_stopped=True)
    assert (healed.cause, healed.is_confirmed) == (Cause.CRASH, True)
    assert not healed.is_presumed_meant


def test_who_replaces_it_stops_it_first_even_where_stops_are_healed() -> None:
    gone = dead("a")
    death = replace(ASKED, at_s=NOW_S - 9)
    gone = replace(gone, instance=replace(gone.instance, exit=death))
    what = stack(service("a", heal_when_stopped=True), service("b", "a"))
    found = assess(what, seen(gone, failing("b"))).relations.findings["a"]
    assert (found.is_confirmed, found.is_presumed_meant) == (False, False)


def test_exit_zero_is_a_fault_only_when_a_dependent_suffers() -> None:
    what = stack(service("a"), service("b", "a"))
    calm = assess(what, seen(dead("a", 0), up("b")))
    assert not calm.relations.findings["a"].is_confirmed
    hurt = assess(what, seen(dead("a", 0), failing("b")))
    assert hurt.relations.findings["a"].is_confirmed


def test_a_finished_one_shot_is_well() -> None:
    result = assess(stack(service("job", is_one_shot=True)), seen(dead("job", 0)))
    assert result.own.score("job") == 1.0
    assert not result.relations.findings


def test_what_looks_like_a_one_shot_and_ran_for_long_before_is_none() -> None:
    looks = service("a", is_one_shot=True, is_one_shot_by_look=True)
    said = service("a", is_one_shot=True)
    state = fold(StackState(), ExitSeen(NOW_S, "a", "a-0", Exit(NOW_S, 0, ran_s=87.0)))
    state = fold(state, ExitSeen(NOW_S, "a", "a-0", Exit(NOW_S, 0, ran_s=1.0)))
    assert assess(stack(looks), seen(dead("a", 0))).own.score("a") == 1.0
    assert assess(stack(said), seen(dead("a", 0)), state).own.score("a") == 1.0
    victim = assess(stack(looks, service("b", "a")), seen(dead("a", 0), failing("b")), state)
    assert victim.own.services["a"].condition is Condition.DOWN
    assert victim.relations.victims == {"b": ("a",)}


def test_hung_means_proven() -> None:
    what = stack(service("a"))
    stopped = assess(what, seen(failing("a", letter="T", heard=Heard.SILENCE)))
    found = stopped.relations.findings["a"]
    assert (found.cause, found.is_proven, found.is_confirmed) == (Cause.HANG, True, True)
    busy = assess(what, seen(failing("a", heard=Heard.SILENCE)))
    assert not busy.relations.findings["a"].is_confirmed
    short = assess(what, seen(failing("a", letter="T", for_s=6.0)))
    assert not short.relations.findings["a"].is_confirmed


def test_victims_are_explained_by_their_root_over_several_hops() -> None:
    what = stack(service("db"), service("api", "db"), service("web", "api"))
    hung = failing("db", letter="T", for_s=10)
    relations = assess(what, seen(hung, failing("api"), failing("web"))).relations
    assert relations.roots == ("db",)
    assert relations.victims_of("db") == ("api", "web")


def test_a_single_failed_answer_of_the_dependency_already_explains() -> None:
    what = stack(service("db"), service("api", "db"))
    relations = assess(what, seen(failing("db", times=1, for_s=0.0), failing("api"))).relations
    assert relations.findings["api"].explained_by == ("db",)


def test_in_a_circle_the_one_with_its_own_proof_is_the_root() -> None:
    what = stack(service("a", "b"), service("b", "a"))
    relations = assess(what, seen(failing("a", for_s=100), dead("b"))).relations
    assert relations.roots == ("b",)


def test_stopped_on_purpose_is_a_root_of_its_own() -> None:
    what = stack(service("db"), service("api", "db"))
    state = StackState({"db": ServiceState(Purpose.STOPPED, "ann", NOW_S - 50)})
    relations = assess(what, seen(dead("db", 143), failing("api")), state).relations
    assert relations.findings["db"].cause is Cause.STOPPED_ON_PURPOSE
    assert "ann" in relations.findings["db"].reason
    assert relations.victims_of("db") == ("api",)


@given(st.dictionaries(st.sampled_from("abc"), st.floats(0, 1), min_size=3, max_size=3))
def test_propagated_health_is_never_better_than_own(scores: dict[str, float]) -> None:
    what = stack(service("a"), service("b", "a"), service("c", "b", "a"))
    own = OwnHealth({n: ServiceHealth(n, s, Condition.HEALTHY) for n, s in scores.items()})
    felt = propagate(own, build_graph(what))
    assert all(0.0 <= felt[n] <= scores[n] + 1e-12 for n in scores)


def test_a_copy_that_somebody_stopped_does_not_hide_the_crash_of_another() -> None:
    stopped = dead("a")
    stopped = replace(stopped, instance=replace(stopped.instance, exit=ASKED))
    what = stack(service("a", instances=3))
    found = assess(what, seen(stopped, dead("a", number=1), up("a", 2))).relations.findings["a"]
    assert (found.is_confirmed, found.instances) == (True, ("a-1",))
    alone = assess(what, seen(stopped, up("a", 1), up("a", 2))).relations.findings["a"]
    assert not alone.is_confirmed
