"""The life of a prediction in the journal: written once, and settled by what happened."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from everup.loop.fold import fold, fold_all
from everup.loop.foretold import follow_predictions
from everup.loop.verify import judge_expectation
from everup.model import entries as e
from everup.model.accuracy import Failure
from everup.model.assessment import Assessment, Finding, Prediction, Predictions
from everup.model.decision import Expectation, Step
from everup.model.disk import Disk
from everup.model.evidence import Evidence, Failed, OutcomeState, Passed, Sighting
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.observation import Exit, Observation
from everup.model.prediction import PredictionEnding
from everup.model.state import InFlight, PastAction, Phase, ServiceState, StackState
from tests.unit.builders import NOW_S, SETTINGS, assess, seen, service, stack, up

ONE = stack(service("a"))
LEAK = Prediction(
    "a", Cause.LEAK, 0.8, NOW_S + 200.0, NOW_S + 300.0, ("it climbs",), "trend-prior-5", NOW_S,
    NOW_S + 400.0, 900.0, 0.7, "a-0",
)  # fmt: skip
FOUND = Finding("a", Cause.LEAK, "it climbs", NOW_S, 1.0)
SEEN = seen(up("a"))


class Counting:
    def __init__(self) -> None:
        self._next = itertools.count(1)

    def new(self, prefix: str) -> str:
        return f"{prefix}-{next(self._next)}"


def understood(*items: Prediction, finding: Finding | None = FOUND) -> Assessment:
    plain = assess(ONE, SEEN)
    findings = {} if finding is None else {"a": finding}
    return replace(
        plain,
        relations=replace(plain.relations, findings=findings),
        predictions=Predictions(items),
    )


def follow(
    state: StackState, *items: Prediction, at_s: float = NOW_S, observation: Observation = SEEN
) -> list[e.Entry]:
    observation = replace(observation, at_s=at_s)
    return follow_predictions(understood(*items), observation, state, SETTINGS, Counting())


def made() -> StackState:
    return fold_all(StackState(), follow(StackState(), LEAK))


def ending(entries: list[e.Entry]) -> PredictionEnding:
    (entry,) = entries
    assert isinstance(entry, e.PredictionSettled)
    return entry.ending


def test_it_is_written_down_once() -> None:
    state = made()
    assert state.predictions["a"].likely_s == NOW_S + 300.0
    assert follow(state, LEAK, at_s=NOW_S + 5.0) == []


def test_what_is_not_likely_is_not() -> None:
    assert follow(StackState(), replace(LEAK, probability=0.69)) == []


def test_seen_first_at_its_limit_only_its_death_is_a_hit() -> None:
    """As after a start of Everup: what is acted upon has to be in the journal."""
    late = replace(LEAK, level=0.99)
    state = fold_all(StackState(), follow(StackState(), late))
    assert state.predictions["a"].level == 0.99
    full = seen(replace(up("a"), memory_ratio=0.99))
    assert follow(state, late, at_s=NOW_S + 5.0, observation=full) == []


def test_what_was_foretold_and_has_come_is_not_foretold_again() -> None:
    full = seen(replace(up("a"), memory_ratio=0.99))
    late = replace(LEAK, level=0.99)
    state = made()
    entries = follow(state, late, at_s=NOW_S + 100.0, observation=full)
    assert ending(entries) is PredictionEnding.HIT
    state = fold_all(state, entries)
    assert follow(state, late, at_s=NOW_S + 105.0, observation=full) == []


def test_who_has_failed_already_is_not_foretold() -> None:
    crash = replace(FOUND, cause=Cause.CRASH)
    observation = replace(SEEN, at_s=NOW_S)
    entries = follow_predictions(
        understood(LEAK, finding=crash), observation, StackState(), SETTINGS, Counting()
    )
    assert entries == []


def test_a_death_for_memory_is_a_hit() -> None:
    killed = Exit(NOW_S + 250.0, -9, is_out_of_memory=True)
    state = fold(made(), e.ExitSeen(NOW_S + 250.0, "a", "a-0", killed))
    assert ending(follow(state, at_s=NOW_S + 251.0)) is PredictionEnding.HIT


def test_memory_at_its_limit_is_a_hit() -> None:
    full = seen(replace(up("a"), memory_ratio=0.99))
    assert ending(follow(made(), observation=full, at_s=NOW_S + 9)) is PredictionEnding.HIT


def acted(state: StackState, *, has_passed: bool, kind: ActionKind) -> StackState:
    step = Step(kind, "a")
    before = Sighting(NOW_S + 5.0)
    return fold_all(
        state,
        [
            e.Intended(
                NOW_S + 5.0, "act-1", None, "k", Origin.RECOVERY, Cause.LEAK, step, "why",
                before, Expectation("a", 60.0), on_running=True,
            ),
            e.Finished(NOW_S + 6.0, "act-1", "a", OutcomeState.DONE),
            e.Verified(NOW_S + 20.0, "act-1", "a", has_passed, "", Evidence(before)),
        ],
    )  # fmt: skip


def test_what_was_done_in_time_averts_it() -> None:
    state = acted(made(), has_passed=True, kind=ActionKind.CACHE_CLEAR)
    entries = follow(state, at_s=NOW_S + 21.0)
    assert ending(entries) is PredictionEnding.AVERTED
    settled = fold_all(state, entries)
    assert settled.predictions == {}
    assert settled.past_predictions[-1].ending is PredictionEnding.AVERTED


def test_what_did_not_help_averts_nothing() -> None:
    state = acted(made(), has_passed=False, kind=ActionKind.CACHE_CLEAR)
    assert follow(state, LEAK, at_s=NOW_S + 21.0) == []


def test_another_life_averts_it() -> None:
    young = up("a")
    young = replace(young, instance=replace(young.instance, started_at_s=NOW_S + 8.0))
    assert (
        ending(follow(made(), observation=seen(young), at_s=NOW_S + 9)) is PredictionEnding.AVERTED
    )


@pytest.mark.parametrize(("after_s", "is_over"), [(399.0, False), (401.0, True)])
def test_what_does_not_come_is_a_false_alarm(after_s: float, is_over: bool) -> None:
    entries = follow(made(), at_s=NOW_S + after_s)
    assert bool(entries) is is_over
    if is_over:
        assert ending(entries) is PredictionEnding.FALSE_ALARM


def test_what_is_still_foretold_gets_twice_the_time() -> None:
    assert follow(made(), LEAK, at_s=NOW_S + 401.0) == []
    found = follow(made(), replace(LEAK, probability=0.6), at_s=NOW_S + 801.0)
    assert ending(found) is PredictionEnding.FALSE_ALARM


def test_an_unknown_settling_changes_nothing() -> None:
    state = made()
    other = e.PredictionSettled(NOW_S, "pre-9", "a", Cause.LEAK, PredictionEnding.HIT, "")
    assert fold(state, other) == state


@pytest.mark.parametrize(
    ("ratio", "expected"), [(0.3, Passed), (0.7, Failed), (float("nan"), Failed)]
)
def test_a_cleared_cache_is_proven_by_its_memory(ratio: float, expected: type) -> None:
    step = Step(ActionKind.CACHE_CLEAR, "a")
    flight = InFlight(
        "act-1", None, "k", Origin.RECOVERY, Cause.LEAK, step, NOW_S - 41.0, Sighting(NOW_S),
        Expectation("a", 30.0, memory_most=0.65), phase=Phase.VERIFYING, done_at_s=NOW_S - 40.0,
    )  # fmt: skip
    observation = seen(replace(up("a"), memory_ratio=ratio))
    verdict = judge_expectation(flight, observation, assess(ONE, observation), SETTINGS)
    assert isinstance(verdict, expected)
    assert "memory" in str(verdict)


DISK = replace(LEAK, cause=Cause.DISK_FILLING, latest_s=NOW_S + 500.0)
FILLS = replace(FOUND, cause=Cause.DISK_FILLING)


def with_disk(used: float, *, started_at_s: float = NOW_S - 1000.0) -> Observation:
    one = up("a")
    disk = Disk("/data", "data", "8:1", 1e10, 1e10 * (1.0 - used), at_s=NOW_S)
    instance = replace(one.instance, disk=disk, started_at_s=started_at_s)
    return seen(replace(one, instance=instance))


def foretold_disk() -> StackState:
    first = understood(DISK, finding=FILLS)
    observation = replace(with_disk(0.7), at_s=NOW_S)
    entries = follow_predictions(first, observation, StackState(), SETTINGS, Counting())
    return fold_all(StackState(), entries)


def ends(
    state: StackState, observation: Observation, *items: Prediction, after_s: float
) -> list[str]:
    later = replace(observation, at_s=NOW_S + after_s)
    found = follow_predictions(understood(*items), later, state, SETTINGS, Counting())
    return [str(entry.ending) for entry in found if isinstance(entry, e.PredictionSettled)]


def test_a_disk_that_was_foretold_is_a_hit_when_it_is_full() -> None:
    assert ends(foretold_disk(), with_disk(0.995), after_s=300.0) == ["hit"]
    assert ends(foretold_disk(), with_disk(0.97), DISK, after_s=300.0) == []


def test_a_restart_averts_no_full_disk_and_its_hook_does() -> None:
    state = foretold_disk()
    anew = with_disk(0.8, started_at_s=NOW_S + 50.0)
    assert ends(state, anew, DISK, after_s=100.0) == []
    done = PastAction(
        "act-9", "a", ActionKind.CACHE_CLEAR, Origin.RECOVERY, Cause.DISK_FILLING,
        NOW_S + 10.0, NOW_S + 20.0, True, True, "inc-0",
    )  # fmt: skip
    for kind, cause, how in (
        (ActionKind.CACHE_CLEAR, Cause.DISK_FILLING, ["averted"]),
        (ActionKind.GRACEFUL_RESTART, Cause.LEAK, []),
    ):
        past = replace(done, kind=kind, cause=cause)
        acted = replace(state, services={"a": ServiceState(past=(past,))})
        assert ends(acted, with_disk(0.5), DISK, after_s=100.0) == how


def test_another_prediction_of_the_same_service_does_not_keep_it_open() -> None:
    state = foretold_disk()
    assert ends(state, with_disk(0.7), LEAK, after_s=600.0) == ["false_alarm"]


def died(at_s: float, death: Exit) -> StackState:
    return fold_all(made(), [e.ExitSeen(at_s, "a", "a-0", death)])


def test_a_death_that_nobody_asked_for_is_a_hit_whatever_it_died_of() -> None:
    crashed = died(NOW_S + 9.0, Exit(NOW_S + 9.0, 1))
    assert ending(follow(crashed, at_s=NOW_S + 10.0)) is PredictionEnding.HIT
    stopped = died(NOW_S + 9.0, Exit(NOW_S + 9.0, 143, asked="docker restart"))
    assert follow(stopped, at_s=NOW_S + 10.0) == [], "somebody did; what comes of it is not known"


def failure(**changes: object) -> Failure:
    return replace(Failure(NOW_S + 9.0, "a", Cause.HANG), **changes)  # type: ignore[arg-type]


def test_a_failure_is_a_hit_and_one_that_does_not_count_says_nothing() -> None:
    observation = replace(SEEN, at_s=NOW_S + 10.0)
    for failures, how in (
        ([failure()], PredictionEnding.HIT),
        ([failure(left_out="a change explains it")], PredictionEnding.VOID),
    ):
        entries = follow_predictions(
            understood(), observation, made(), SETTINGS, Counting(), failures
        )
        assert ending(entries) is how
    for other in (failure(service="b"), failure(at_s=NOW_S - 9.0)):
        entries = follow_predictions(
            understood(LEAK), observation, made(), SETTINGS, Counting(), [other]
        )
        assert entries == []
