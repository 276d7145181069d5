"""What is usual is learned with the samples, kept in the journal now and then, and remembered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from everup.loop.fold import fold, fold_all
from everup.loop.fold_baselines import BASELINES_MOST
from everup.loop.habits import FIRST_KEPT_AT, Habits
from everup.loop.history_ring import HistoryRing
from everup.loop.sample import sample
from everup.model.baseline import BaselineKept
from everup.model.entries import BaselineLearned, Entry
from everup.model.observation import HostObservation, Observation
from everup.model.state import StackState
from tests.unit.builders import NOW_S, SETTINGS, assess, failing, seen, service, stack, up

WHAT = stack(service("a"), service("b"))
EVERY_S, DAY_S = 30.0, 86_400.0


class Life:
    """One life of Everup, which looks every half minute."""

    def __init__(self, state: StackState, at_s: float) -> None:
        self.habits = Habits(WHAT, SETTINGS)
        self.habits.remember(state)
        self.ring = HistoryRing(("a", "b"), slots=240, interval_s=5.0, gap_s=90.0)
        self.state, self.at_s = state, at_s
        self.written: list[Entry] = []

    def look(self, times: int, observation: Observation) -> None:
        for _ in range(times):
            self.at_s += EVERY_S
            at = replace(observation, at_s=self.at_s)
            taken = sample(("a", "b"), at, assess(WHAT, at).own)
            self.ring.append(self.at_s, taken)
            self.habits.learn(self.at_s, at, taken, self.ring)
            due = self.habits.due(self.at_s, self.state)
            self.written += due
            self.state = fold_all(self.state, due)


def test_kept_after_a_while_then_daily_and_remembered() -> None:
    first = Life(StackState(), NOW_S)
    first.look(FIRST_KEPT_AT - 1, seen(up("a"), failing("b")))
    assert first.written == []
    assert first.habits.latency()["a"].value == pytest.approx(0.01, rel=0.01)
    first.look(200, seen(up("a"), failing("b")))
    (entry,) = first.written
    assert isinstance(entry, BaselineLearned)
    assert entry.service == "a", "the one that fails teaches nothing"
    first.look(int(DAY_S / EVERY_S), seen(up("a"), up("b")))
    assert [e.service for e in first.written if isinstance(e, BaselineLearned)] == ["a", "b", "a"]

    second = Life(first.state, first.at_s)
    assert second.habits.latency() == {}, "before the first sample nobody asks"
    second.look(1, seen(up("a"), up("b")))
    assert set(second.habits.latency()) == {"a", "b"}
    assert second.habits.latency()["a"].learned_from > 2000
    assert second.written == [], "it was kept within a day"


def test_a_busy_machine_teaches_nothing() -> None:
    life = Life(StackState(), NOW_S)
    pressed = replace(seen(up("a"), up("b")), host=HostObservation(pressure_ratio=0.9))
    life.look(300, pressed)
    assert life.habits.latency() == {}


def test_a_clock_that_went_back_is_kept_again() -> None:
    life = Life(StackState(), NOW_S)
    life.look(FIRST_KEPT_AT + 1, seen(up("a"), up("b")))
    assert len(life.written) == 2
    assert len(life.habits.due(NOW_S - DAY_S, life.state)) == 2


def test_what_is_remembered_is_bounded() -> None:
    state, kept = StackState(), (BaselineKept("latency_s", (), (), ()),)
    for number in range(BASELINES_MOST + 5):
        state = fold(state, BaselineLearned(float(number), f"s{number}", kept))
    assert len(state.baselines) == BASELINES_MOST
    assert "s0" not in state.baselines
    assert f"s{BASELINES_MOST + 4}" in state.baselines
