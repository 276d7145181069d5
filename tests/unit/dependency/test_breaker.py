"""The state machine of one breaker: 10,000 random histories, and the turns that a person
expects."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from everup.dependency_monitor import breaker as m
from everup.dependency_monitor.breaker import Answering, Breaker, Terms
from everup.model.breaker import BreakerState, CallOutcome, Turn, TurnedBy
from everup.model.kinds import ProbeVerdict
from everup.model.settings import Settings
from tests.counts import count

C, X, H = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
P, F, S = CallOutcome.PASSED, CallOutcome.FAILED, CallOutcome.SLOW
TERMS = m.terms(Settings())
STEPS = 40
CHUNKS = 20
DRAWN = {(C, X), (X, H), (H, X), (H, C)}


@dataclass
class History:
    """One breaker through a drawn life, with what a bystander has noted of it."""

    draw: random.Random
    terms: Terms
    now_s: float = 1_000_000.0
    breaker: Breaker = field(default_factory=Breaker)
    ids: int = 0
    out: str = ""  # the trial that was given last, while it is out
    out_until_s: float = 0.0
    given_at_s: float = float("-inf")
    calls: list[tuple[float, CallOutcome]] = field(default_factory=list)  # told while closed
    passed_at_s: float = float("-inf")
    ever: list[str] = field(default_factory=list)

    def step(self) -> None:
        """One thing that may happen, and everything that must hold after it."""
        before = m.settled(self.breaker, self.now_s, self.terms)
        assert before.turn == self.breaker.turn, "time alone turns nothing"
        self.breaker = before
        if before.state is not H or self.now_s >= self.out_until_s:
            self.out = ""
        pick = self.draw.choices(
            [self.wait, self.ask, self.hear, self.hear_trial, self.probe, self.odd],
            [5, 5, 6, 4, 4, 0.3],
        )[0]
        pick()
        assert len(self.breaker.slots) <= m.SLOTS
        assert self.breaker.failed_in_a_row < self.terms.failures

    def wait(self) -> None:
        t = self.terms
        spans = [0.0, t.window_s / 7, t.trial_s / 2, t.trial_s, t.open_s, t.open_most_s, t.forget_s]
        self.now_s += self.draw.choice(spans) * self.draw.random() * 1.5

    def ask(self) -> None:
        self.ids += 1
        fresh = "" if self.draw.random() < 0.1 else f"t{self.ids}"
        before = self.breaker
        self.breaker, may, trial = m.asked(before, self.now_s, self.terms, fresh)
        self.turned(before, self.breaker, "time")
        if before.state is C:
            assert may
            assert not trial
        elif self.breaker.state is X:
            assert self.now_s < before.turn.until_s, "its time was over"
            assert not may, "nobody calls while it is open"
        elif may:
            assert trial == fresh != ""
            assert not self.out, "one trial at a time"
            self.out, self.out_until_s = trial, self.now_s + self.terms.trial_s
            self.given_at_s = self.now_s
            self.ever.append(trial)
        else:
            assert self.out or not fresh, "there was room for a trial"

    def hear(self) -> None:
        bad = self.draw.random()
        letters = [
            F if self.draw.random() < bad else self.draw.choice([P, P, S])
            for _ in range(self.draw.randint(0, 12))
        ]
        before, chance = self.breaker, self.draw.random()
        self.breaker = m.heard(before, letters, self.now_s, self.terms, chance)
        if before.state is not C:
            assert self.breaker == before, "what is told without a trial counts while it is closed"
            return
        for n, letter in enumerate(letters):
            self.calls.append((self.now_s, letter))
            if self.is_too_much():
                assert self.breaker.state is X, letters[: n + 1]
                break
            if letter is not F:
                self.passed_at_s = self.now_s
        else:
            assert self.breaker.state is C, "it opened for too little"
        self.turned(before, self.breaker, "calls")

    def is_too_much(self) -> bool:
        t, row = self.terms, 0
        for _, letter in reversed(self.calls):
            if letter is not F:
                break
            row += 1
        width = t.window_s / m.SLOTS
        newest = self.now_s // width
        seen = [letter for at_s, letter in self.calls if newest - at_s // width < m.SLOTS]
        bad, slow = seen.count(F), seen.count(S)
        if row >= t.failures:
            return True
        if len(seen) < t.calls_least:
            return False
        return bad >= t.failure_ratio * len(seen) or slow >= t.slow_ratio * len(seen)

    def hear_trial(self) -> None:
        old = [name for name in self.ever if name != self.out]
        names = [self.out, *old[-2:], "nobody's"]
        trial = self.draw.choice([name for name in names if name])
        outcome = self.draw.choice([P, F, S])
        before = self.breaker
        told = [] if self.draw.random() < 0.05 else [outcome]
        chance = self.draw.random()
        self.breaker = m.heard(before, told, self.now_s, self.terms, chance, trial)
        is_nobodys = trial == m.OF_AN_EARLIER_LIFE
        if trial != self.out or not self.out or not told or is_nobodys:
            assert self.breaker == before, "only the trial that is out decides"
            return
        assert self.breaker.state is (C if outcome is P else X)
        self.out = ""
        self.turned(before, self.breaker, "trial")

    def probe(self) -> None:
        verdict = self.draw.choice(list(ProbeVerdict))
        at_s = self.now_s - self.draw.choice([0.0, 1.0, 40.0])
        in_a_row = self.draw.randint(0, 8)
        since_s = at_s - self.draw.choice([0.0, 5.0, 100.0])
        seen = Answering(verdict, in_a_row, at_s, since_s, "no answer")
        before, chance, decides = self.breaker, self.draw.random(), self.draw.random() < 0.2
        self.breaker = m.probed(before, seen, self.now_s, self.terms, chance, decides=decides)
        after = self.breaker
        if after.turn == before.turn:
            return
        is_bad = verdict is ProbeVerdict.FAIL and in_a_row >= self.terms.failures
        is_well = verdict is ProbeVerdict.PASS and in_a_row >= self.terms.well_after
        assert is_well if after.state in (C, H) else is_bad
        if before.state is not C:
            assert at_s > before.turn.at_s, "nobody has looked since"
        elif self.passed_at_s != float("-inf"):
            assert not self.passed_at_s > since_s, "calls passed meanwhile"
        if before.state is H:
            assert not self.out, "a call decides"
            if before.turn.turned_by is not TurnedBy.PROBES and not decides:
                last_s = max(before.turn.at_s, self.given_at_s)
                assert self.now_s - last_s >= self.terms.trial_s
        self.turned(before, after, "probes")

    def odd(self) -> None:
        """A person, a restart of ours, or a clock that goes back."""
        before, pick = self.breaker, self.draw.randrange(3)
        if pick == 0:
            self.breaker = m.closed_by(before, self.now_s, "ann", "mended")
            assert self.breaker.state is C
            assert self.breaker.turn.openings == 0
            self.out, self.calls, self.passed_at_s = "", [], float("-inf")
            return
        if pick == 1:
            self.breaker = m.remembered(before.turn, self.now_s, self.terms)
            assert self.breaker.turn == before.turn, "a restart turns nothing"
            self.calls, self.passed_at_s = [], float("-inf")
        else:
            self.now_s -= self.draw.choice([1.0, 100.0, 5000.0])
            self.breaker = m.settled(before, self.now_s, self.terms)
            assert not self.breaker.turn.at_s > self.now_s
            if before.state is X:
                most_s = m.opens_for_s(10**6, self.terms, 1.0)
                assert self.breaker.turn.until_s - self.now_s <= most_s
            self.calls, self.passed_at_s = [], self.breaker.passed_at_s
            self.breaker = m.remembered(self.breaker.turn, self.now_s, self.terms)
            self.passed_at_s = float("-inf")
        self.out = self.breaker.trial
        self.given_at_s = self.now_s
        self.out_until_s = self.now_s + self.terms.trial_s
        self.ever = [*self.ever, self.out] if self.out else self.ever

    def turned(self, before: Breaker, after: Breaker, how: str) -> None:
        """Every turn is one of the drawn ones, at a time that may be."""
        old, new = before.turn, after.turn
        if old.state is new.state:
            return
        assert (old.state, new.state) in DRAWN
        t = self.terms
        if new.state is X:
            is_at_peace = old.state is C and self.now_s - old.at_s >= t.forget_s
            assert new.openings == (1 if is_at_peace else old.openings + 1)
            least_s = min(t.open_s * new.openings, t.open_most_s)
            lasts_s = new.until_s - self.now_s
            assert least_s - 1e-6 <= lasts_s <= least_s * (1.0 + t.jitter) + 1e-6
        else:
            assert new.openings == old.openings
        if old.state is X:
            is_early = self.now_s < old.until_s
            is_first = old.openings == 1 and old.turned_by is TurnedBy.PROBES
            assert not is_early or (how == "probes" and is_first)
        if new.state is C:
            assert how in ("trial", "probes")
        self.out, self.calls = "", []
        self.passed_at_s = self.now_s if how == "trial" and new.state is C else float("-inf")


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_histories_keep_every_invariant(chunk: int) -> None:
    each = max(1, count("breaker_histories") // CHUNKS)
    seen: set[tuple[BreakerState, BreakerState]] = set()
    for seed in range(chunk * each, (chunk + 1) * each):
        draw = random.Random(seed)
        terms = Terms(
            failures=draw.choice([1, 2, 5, 9]),
            failure_ratio=draw.choice([0.1, 0.5, 1.0]),
            slow_ratio=draw.choice([0.3, 1.0]),
            calls_least=draw.choice([1, 5, 20]),
            window_s=draw.choice([1.0, 30.0]),
            open_s=draw.choice([1.0, 30.0]),
            open_most_s=draw.choice([30.0, 300.0]),
            jitter=draw.choice([0.0, 0.1, 1.0]),
            trial_s=draw.choice([1.0, 30.0]),
            forget_s=draw.choice([10.0, 600.0]),
            well_after=draw.choice([1, 2, 3]),
        )
        history = History(draw, terms)
        for step in range(STEPS):
            state = history.breaker.state
            try:
                history.step()
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, step {step}: {error}") from error
            seen.add((state, history.breaker.state))
    assert seen >= DRAWN, "every turn was played"


def opened(now_s: float = 0.0, openings: int = 1, by: TurnedBy = TurnedBy.CALLS) -> Breaker:
    until_s = now_s + m.opens_for_s(openings, TERMS, 0.0)
    return Breaker(Turn(X, now_s, openings, until_s, "5 calls in a row failed", by))


def test_five_failures_in_a_row_open_it_and_four_do_not() -> None:
    four = m.heard(Breaker(), [F] * 4, 0.0, TERMS, 0.0)
    assert four.state is C
    mended = m.heard(four, [P, *[F] * 4], 1.0, TERMS, 0.0)
    assert mended.state is C
    five = m.heard(mended, [F], 2.0, TERMS, 0.0)
    assert five.state is X
    assert five.turn.reason == "5 calls in a row failed"
    assert five.turn.until_s == 32.0


def test_half_of_twenty_calls_open_it_and_half_of_ten_do_not() -> None:
    ten = m.heard(Breaker(), [P, F] * 5, 0.0, TERMS, 0.0)
    assert ten.state is C
    twenty = m.heard(ten, [P, F] * 5, 5.0, TERMS, 0.0)
    assert twenty.turn.reason == "10 of 20 calls within 30 s failed"
    late = m.heard(ten, [P, F] * 5, 45.0, TERMS, 0.0)
    assert late.state is C, "the first ten are forgotten"


def test_slow_calls_alone_open_it() -> None:
    slow = m.heard(Breaker(), [S] * 20, 0.0, TERMS, 0.0)
    assert slow.turn.reason == "20 of 20 calls within 30 s were slow"
    assert m.heard(Breaker(), [*[S] * 19, P], 0.0, TERMS, 0.0).state is C


def test_it_is_open_longer_each_time_and_never_for_ever() -> None:
    lasts = [m.opens_for_s(n, TERMS, 0.0) for n in (1, 2, 3, 10, 1000)]
    assert lasts == [30.0, 60.0, 90.0, 300.0, 300.0]
    assert m.opens_for_s(1, TERMS, 1.0) == 33.0


def test_one_of_many_gets_the_trial_and_its_failure_opens_it_for_longer() -> None:
    breaker, allowed = opened(), list[str]()
    for n in range(50):
        breaker, may, trial = m.asked(breaker, 31.0, TERMS, f"t{n}")
        allowed += [trial] if may else []
    assert allowed == ["t0"]
    again = m.heard(breaker, [F], 32.0, TERMS, 0.0, "t0")
    assert (again.state, again.turn.openings, again.turn.until_s) == (X, 2, 92.0)


def test_a_trial_that_nobody_tells_of_makes_room() -> None:
    breaker, _, _ = m.asked(opened(), 31.0, TERMS, "t0")
    breaker, may, _ = m.asked(breaker, 60.0, TERMS, "t1")
    assert not may
    breaker, may, trial = m.asked(breaker, 61.0, TERMS, "t2")
    assert (may, trial) == (True, "t2")
    late = m.heard(breaker, [F], 62.0, TERMS, 0.0, "t0")
    assert late == breaker, "the first one is too late"
    assert m.heard(breaker, [P], 62.0, TERMS, 0.0, "t2").state is C


def test_probes_open_it_and_end_a_first_opening_early() -> None:
    dead = Answering(ProbeVerdict.FAIL, 5, 10.0, 5.0, "refused")
    breaker = m.probed(Breaker(), dead, 10.0, TERMS, 0.0)
    assert breaker.turn.reason == "5 probes in a row failed: refused"
    well = Answering(ProbeVerdict.PASS, 2, 14.0, 13.0)
    breaker = m.probed(breaker, well, 14.0, TERMS, 0.0)
    assert breaker.state is H
    assert m.probed(breaker, well, 14.5, TERMS, 0.0).state is H, "nobody has looked since"
    later = Answering(ProbeVerdict.PASS, 3, 15.0, 13.0)
    assert m.probed(breaker, later, 15.0, TERMS, 0.0).state is C
    second = opened(10.0, 2, TurnedBy.PROBES)
    assert m.probed(second, later, 15.0, TERMS, 0.0).state is X, "no second one"


def test_what_calls_opened_probes_do_not_close_while_somebody_tries() -> None:
    well = Answering(ProbeVerdict.PASS, 9, 31.5, 0.0)
    breaker, _, _ = m.asked(opened(), 31.0, TERMS, "t0")
    assert m.probed(breaker, well, 32.0, TERMS, 0.0) == breaker
    idle = m.asked(opened(), 31.0, TERMS, "")[0]
    seen = Answering(ProbeVerdict.PASS, 40, 61.0, 0.0)
    assert m.probed(idle, seen, 60.5, TERMS, 0.0).state is H
    assert m.probed(idle, seen, 61.0, TERMS, 0.0).state is C, "nobody has tried for so long"


def test_open_for_long_it_waits_for_somebody_who_asks_or_for_probes_that_pass() -> None:
    dead = Answering(ProbeVerdict.FAIL, 99, 1000.0, 0.0)
    assert m.probed(opened(), dead, 1000.0, TERMS, 0.0) == opened(), "nothing to write down"
    assert m.probed(opened(), Answering(), 1000.0, TERMS, 0.0) == opened()
    well = Answering(ProbeVerdict.PASS, 2, 1000.0, 990.0)
    assert m.probed(opened(), well, 1000.0, TERMS, 0.0).state is H
    assert m.asked(opened(), 1000.0, TERMS, "t0")[1]


def test_calls_that_pass_outdo_probes_that_fail() -> None:
    breaker = m.heard(Breaker(), [P], 8.0, TERMS, 0.0)
    dead = Answering(ProbeVerdict.FAIL, 9, 10.0, 5.0)
    assert m.probed(breaker, dead, 10.0, TERMS, 0.0).state is C
    assert (
        m.probed(breaker, Answering(ProbeVerdict.FAIL, 9, 19.0, 9.0), 19.0, TERMS, 0.0).state is X
    )


def test_a_restart_of_ours_gives_no_second_trial() -> None:
    half, _, _ = m.asked(opened(), 31.0, TERMS, "t0")
    again = m.remembered(half.turn, 40.0, TERMS)
    again, may, _ = m.asked(again, 41.0, TERMS, "t1")
    assert not may
    assert m.asked(again, 70.0, TERMS, "t2")[1]


def test_who_counts_without_order_opens_it_by_share_or_by_nothing_but_failures() -> None:
    assert m.counted(Breaker(), 0, 5, 0.0, TERMS, 0.0).state is X
    assert m.counted(Breaker(), 1, 8, 0.0, TERMS, 0.0).state is C
    assert m.counted(Breaker(), 10, 10, 0.0, TERMS, 0.0).state is X


def test_nobody_decides_by_a_trial_of_an_earlier_life() -> None:
    turn = Turn(H, 100.0, openings=2)
    breaker = m.remembered(turn, 200.0, TERMS)
    assert m.heard(breaker, [P], 201.0, TERMS, 0.0, breaker.trial).turn == turn
    later_s = 200.0 + TERMS.trial_s
    assert m.asked(breaker, later_s - 1.0, TERMS, "t")[1] is False
    assert m.asked(breaker, later_s, TERMS, "t")[1:] == (True, "t")


def test_what_is_counted_late_may_have_passed_before() -> None:
    bad = Answering(ProbeVerdict.FAIL, TERMS.failures, 14.0, 10.0)
    late = m.counted(Breaker(), 50, 0, 11.0, TERMS, 0.0, since_s=6.0)
    assert m.probed(late, bad, 14.0, TERMS, 0.0).state is X
    again = m.counted(late, 3, 0, 12.0, TERMS, 0.0, since_s=11.0)
    assert m.probed(again, bad, 14.0, TERMS, 0.0).state is C, "these passed meanwhile"
    told = m.heard(again, [P], 12.5, TERMS, 0.0)
    older = m.counted(told, 3, 0, 13.0, TERMS, 0.0, since_s=12.0)
    assert older.passed_at_s == 12.5, "what is known already stays so"
