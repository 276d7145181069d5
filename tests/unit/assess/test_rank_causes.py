"""Ranked causes: what each kind of evidence is worth, and that confidences are shares of one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everup.dependency_monitor.rank import CANDIDATES_MOST, shared_out
from everup.model.assessment import Candidate
from everup.model.kinds import Cause, DependencyKind
from everup.model.observation import Exit, Heard, HostObservation, Observation
from everup.model.stack import Dependency
from everup.model.state import ServiceState, StackState
from tests.unit.builders import NOW_S, assess, dead, failing, seen, service, stack, up

ONE = stack(service("a"))
NAN = float("nan")


def ranked(
    observation: Observation, what: object = ONE, state: StackState | None = None, name: str = "a"
) -> tuple[Candidate, ...]:
    found = assess(what, observation, state)  # type: ignore[arg-type]
    return found.relations.findings[name].candidates


@pytest.mark.parametrize(
    ("observation", "first", "least", "says"),
    [
        (seen(dead("a", 1)), Cause.CRASH, 0.7, "ended by itself: exited with 1"),
        (seen(dead("a", -9)), Cause.CRASH, 0.5, "signal 9: by somebody's hand"),
        (seen(failing("a", letter="T", idle=True)), Cause.HANG, 0.85, "cannot go on"),
        (seen(failing("a", for_s=70)), Cause.UNHEALTHY, 0.5, "its own check says no"),
        (
            seen(dead("a", 3), exits=tuple(Exit(NOW_S - n, 3) for n in (90, 60, 30))),
            Cause.CRASH_LOOP,
            0.85,
            "each time in the same way",
        ),
    ],
)
def test_the_finding_itself_leads_with_its_proof(
    observation: Observation, first: Cause, least: float, says: str
) -> None:
    lead, *others = ranked(observation)
    assert (lead.service, lead.cause) == ("a", first)
    assert lead.confidence >= least
    assert says in lead.reason
    assert [c.cause for c in others] == [Cause.UNKNOWN]


def test_a_death_for_memory_is_named_as_such() -> None:
    gone = dead("a", -9)
    death = replace(gone.instance.exit or Exit(0), is_out_of_memory=True)
    gone = replace(gone, instance=replace(gone.instance, exit=death))
    assert ranked(seen(gone))[0].cause is Cause.MEMORY_PRESSURE


def test_a_death_that_nobody_could_read_leaves_most_unknown() -> None:
    first, second = ranked(seen(dead("a", None)))
    assert first.cause is Cause.UNKNOWN
    assert first.confidence > second.confidence


def soft(weight: float = 1.0) -> object:
    edge = Dependency("b", DependencyKind.SOFT, weight)
    return stack(service("a", depends_on=(edge,)), service("b"))


def of_b(candidates: tuple[Candidate, ...]) -> Candidate:
    return next(c for c in candidates if c.service == "b")


def test_a_soft_dependency_counts_by_weight_and_by_who_fell_first() -> None:
    def confidence(b_for_s: float, weight: float = 1.0) -> float:
        observation = seen(failing("a", for_s=70), failing("b", for_s=b_for_s))
        return of_b(ranked(observation, soft(weight))).confidence

    assert confidence(90) > confidence(90, weight=0.4) > 0
    assert confidence(90) > confidence(65)


def test_a_dependency_healed_just_before_stays_suspect() -> None:
    state = StackState({"b": ServiceState(healed_at_s=NOW_S - 75)})
    found = of_b(ranked(seen(failing("a", for_s=70), up("b")), soft(), state))
    assert found.cause is Cause.DEPENDENCY_DOWN
    assert "healed just before" in found.reason


def test_a_busy_machine_takes_belief_away_from_silence() -> None:
    silent = seen(failing("a", for_s=70, latency_s=NAN, heard=Heard.SILENCE))
    pressed = replace(silent, host=HostObservation(pressure_ratio=0.95))
    machine = next(c for c in ranked(pressed) if c.cause is Cause.HOST_PRESSURE)
    assert machine.service == ""
    assert machine.confidence > 0.5


def test_a_change_just_before_is_a_suspect_and_an_old_one_is_not() -> None:
    def suspects(before_s: float) -> list[Candidate]:
        observation = replace(seen(dead("a", 1)), changes={"a": NOW_S - 1 - before_s})
        return [c for c in ranked(observation) if c.cause is Cause.BAD_DEPLOY]

    assert suspects(5)[0].confidence > suspects(100)[0].confidence
    assert "somebody changed a 5 s before" in suspects(5)[0].reason
    assert suspects(301) == []


def test_victims_have_no_candidates_of_their_own() -> None:
    what = stack(service("a", "b"), service("b"))
    found = assess(what, seen(failing("a"), dead("b"))).relations.findings
    assert found["a"].candidates == ()
    assert found["b"].candidates


STRENGTHS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(list(Cause)), st.floats(0, 1)), max_size=20
)


@given(STRENGTHS)
def test_confidences_are_shares_of_one_in_order(drawn: list[tuple[str, Cause, float]]) -> None:
    suspects = [Candidate(name, cause, strength, "") for name, cause, strength in drawn]
    shared = shared_out("a", suspects)
    confidences = [c.confidence for c in shared]
    assert 0 < len(shared) <= CANDIDATES_MOST
    assert confidences == sorted(confidences, reverse=True)
    assert all(0 < c <= 1 for c in confidences)
    assert 0.95 - 1e-9 <= sum(confidences) <= 1 + 1e-9
    doubts = [c for c in shared if c.cause is Cause.UNKNOWN and c.reason]
    assert len(doubts) <= 1


@given(st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_second_suspect_never_adds_belief_to_the_first(one: float, other: float) -> None:
    first = Candidate("a", Cause.CRASH, one, "")
    second = Candidate("b", Cause.HANG, other, "")
    alone = next(c for c in shared_out("a", [first]) if c.cause is Cause.CRASH)
    beside = next(c for c in shared_out("a", [first, second]) if c.cause is Cause.CRASH)
    assert beside.confidence <= alone.confidence + 1e-12
