"""Forecasts that are kept to be judged: which, and what becomes of them."""

from __future__ import annotations

from dataclasses import replace

from everup.loop.fold import fold_all
from everup.loop.forecasts import PENDING_MOST, Forecasts
from everup.model import entries as e
from everup.model.accuracy import Failure, ForecastTally
from everup.model.assessment import Prediction, Predictions
from everup.model.kinds import ActionKind, Cause, Origin
from everup.model.prediction import PredictionEnding
from everup.model.state import PastAction, ServiceState, StackState
from tests.unit.builders import NOW_S, SETTINGS, seen, service, stack, up

ONE = stack(service("a"))
HORIZON_S = SETTINGS.prediction_horizon_s


class World:
    """Looks at moments, and what is written."""

    def __init__(self) -> None:
        self.forecasts = Forecasts(ONE, SETTINGS)
        self.written: list[e.Entry] = []

    def look(
        self,
        at_s: float,
        p: float = 0.0,
        *,
        state: StackState | None = None,
        failures: tuple[Failure, ...] = (),
        endings: tuple[e.PredictionSettled, ...] = (),
        ill: tuple[str, ...] = (),
        changed_s: float | None = None,
    ) -> None:
        items = (Prediction("a", Cause.LEAK, p, 0.0, 0.0, ("x",), "m", at_s),) if p else ()
        changes = {} if changed_s is None else {"a": NOW_S + changed_s}
        observation = replace(seen(up("a")), at_s=NOW_S + at_s, changes=changes)
        known = state or StackState()
        self.forecasts.settle(observation, known, failures, endings)
        self.forecasts.keep(observation, Predictions(items), ill, known)
        self.written += self.forecasts.flush(NOW_S + at_s)

    def tallies(self) -> list[ForecastTally]:
        return [t for x in self.written if isinstance(x, e.ForecastsSettled) for t in x.tallies]

    def set_aside(self) -> int:
        return sum(x.set_aside for x in self.written if isinstance(x, e.ForecastsSettled))


def test_one_an_hour_also_of_nothing() -> None:
    world = World()
    for minute in range(6 * 60):
        world.look(60.0 * minute)
    assert [(t.service, t.tenth, t.count, t.came) for t in world.tallies()] == [("a", 0, 1, 0)] * 5
    assert len(world.written) <= 6


def test_in_an_episode_the_first_of_each_tenth() -> None:
    world = World()
    for at_s, p in ((0, 0.1), (5, 0.12), (10, 0.3), (15, 0.32), (20, 0.75), (25, 0.3)):
        world.look(at_s, p)
    world.look(HORIZON_S + 3700.0)
    world.look(HORIZON_S + 3800.0)
    assert [(t.tenth, t.count, t.came) for t in world.tallies()] == [
        (1, 1, 0),
        (3, 1, 0),
        (7, 1, 0),
    ]


def test_a_failure_within_the_horizon_makes_them_true() -> None:
    world = World()
    world.look(0.0, 0.4)
    failure = Failure(NOW_S + 300.0, "a", Cause.CRASH)
    world.look(305.0, failures=(failure,), ill=("a",))
    world.look(3700.0, ill=("a",))
    assert [(t.tenth, t.came, round(t.squared, 6)) for t in world.tallies()] == [(4, 1, 0.36)]


def test_a_hit_makes_them_true() -> None:
    world = World()
    world.look(0.0, 0.4)
    hit = e.PredictionSettled(NOW_S, "p", "a", Cause.LEAK, PredictionEnding.HIT, "")
    world.look(300.0, endings=(hit,))
    world.look(3700.0)
    assert [(t.tenth, t.came) for t in world.tallies()] == [(4, 1)]


def test_what_something_was_done_about_is_set_aside() -> None:
    action = PastAction(
        *("act", "a", ActionKind.CACHE_CLEAR, Origin.RECOVERY, Cause.LEAK),
        *(NOW_S + 50.0, NOW_S + 60.0, True, True),
    )
    acted = StackState(services={"a": ServiceState(past=(action,))})
    for changes in (
        {"state": acted},
        {"changed_s": 50.0},
        {"failures": (Failure(NOW_S + 50.0, "a", Cause.CRASH, left_out="a change"),)},
    ):
        world = World()
        world.look(0.0, 0.4)
        world.look(100.0, **changes)
        world.look(3590.0)
        world.look(3601.0)
        assert (world.tallies(), world.set_aside()) == ([], 1)


def test_a_break_in_history_ends_what_is_open() -> None:
    world = World()
    world.look(0.0, 0.4)
    world.forecasts.forget()
    world.look(3700.0)
    assert world.set_aside() == 1


def test_who_has_failed_already_is_not_foretold() -> None:
    world = World()
    world.look(0.0, 0.9, ill=("a",))
    world.look(5.0, 0.9, ill=("a",))
    world.look(HORIZON_S + 3500.0)
    world.look(HORIZON_S + 3700.0)
    assert world.tallies() == []


def test_the_highest_of_late_is_remembered() -> None:
    world = World()
    world.look(0.0, 0.6)
    world.look(10.0, 0.2)
    assert world.forecasts.before(NOW_S + 20.0) == {"a": 0.6}
    assert world.forecasts.before(NOW_S + HORIZON_S + 5.0) == {"a": 0.2}


def test_open_forecasts_are_bounded() -> None:
    world = World()
    for hour in range(100):
        world.forecasts.keep(
            replace(seen(up("a")), at_s=NOW_S + 3601.0 * hour), Predictions(), (), StackState()
        )
    assert len(world.forecasts._services["a"].pending) == PENDING_MOST


def test_the_fold_adds_up_by_day() -> None:
    one = e.ForecastsSettled(
        86_400.0 * 3, (ForecastTally("a", 0, 2, 1, 0.1, 0.9), ForecastTally("b", 0, 1, 0, 0, 0)), 1
    )
    later = replace(one, at_s=86_400.0 * 4)
    state = fold_all(StackState(), [one, one, later])
    assert [(d.day, d.set_aside) for d in state.accounts.days] == [(3, 2), (4, 1)]
    (tally,) = state.accounts.days[0].tallies
    assert (tally.service, tally.count, tally.came, round(tally.squared, 6)) == ("", 6, 2, 1.8)
    days = [replace(one, at_s=86_400.0 * day) for day in range(60)]
    assert len(fold_all(StackState(), days).accounts.days) == 31


def test_the_likeliest_counts_and_what_was_before_the_calibration_is_tallied_beside() -> None:
    forecasts, state = Forecasts(ONE, SETTINGS), StackState()
    items = tuple(
        Prediction("a", cause, p, 0.0, 0.0, ("x",), "m", 0.0, raw=raw)
        for cause, p, raw in ((Cause.LEAK, 0.42, 0.81), (Cause.DISK_FILLING, 0.1, 0.2))
    )
    forecasts.keep(replace(seen(up("a")), at_s=NOW_S), Predictions(items), (), state)
    failure = Failure(NOW_S + 60.0, "a", Cause.CRASH)
    forecasts.settle(replace(seen(up("a")), at_s=NOW_S + 60.0), state, (failure,), ())
    forecasts.flush(NOW_S)
    (entry,) = forecasts.flush(NOW_S + 3600.0)
    assert isinstance(entry, e.ForecastsSettled)
    assert [(t.service, t.tenth, t.count, t.came) for t in entry.tallies] == [("a", 4, 1, 1)]
    assert [(t.service, t.tenth, t.count, t.came) for t in entry.raw] == [("", 8, 1, 1)]
    (day,) = fold_all(StackState(), [entry]).accounts.days
    assert [(t.tenth, t.sum_p) for t in day.raw] == [(8, 0.81)]
