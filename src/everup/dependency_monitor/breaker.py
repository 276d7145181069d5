"""The state machine of one breaker. Pure: time, chance and ids are arguments.

Flows in: outcomes of calls, what probes say, who asks. Flows out: the next breaker; where its
`turn` is another one, that turn is to be written down. Called by `loop.breakers`.

Whatever happens in whatever order, this holds (`tests/unit/dependency/test_breaker.py`
plays 10,000 histories against it):

 1. It turns only as `BreakerState` draws it; a person may close it from anywhere, and the end of a
    mitigation what that mitigation has opened.
 2. While it is open, nobody is allowed to call; it is open for no less than `open_s` × openings, at
    most `open_most_s`. With its jitter on top it is half open for the first one who asks, or when
    probes pass. The one exception: a first opening that probes caused ends early when they have
    passed `well_after` times in a row.
 3. While it is half open, at most one trial is out: one ask in the time of a trial is allowed.
 4. Only a trial's own outcome, told in time and under its own id, turns it by a call, and once;
    what callers tell without a trial counts while it is closed alone.
 5. It closes only by a trial that passed, by probes after it turned half open, or by a person.
    Calls opened it: then probes close it only when no trial was out for the time of one, or
    none can be.
 6. A trial of which nothing is heard ends after `trial_s`, proves nothing, and makes room for
    another.
 7. It opens from closed only with as many failures in a row, or as large a share of as many calls,
    as declared; by probes only while no call has passed since they began to fail; or because a
    mitigation wants it (`held_open`).
 8. Openings never go down but by a close that lasted `forget_s`, or by a person.
 9. Everything it remembers is bounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from everup.model.breaker import BreakerState, CallOutcome, Turn, TurnedBy
from everup.model.kinds import UNKNOWN, ProbeVerdict, is_known
from everup.model.settings import Settings

SLOTS = 10
"""Parts of the window; counts are kept of each."""
NO_TRIAL = ""
OF_AN_EARLIER_LIFE = "?"
"""A trial that was given before a restart of ours: nobody knows its id, so nobody decides by it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """When it opens, and for how long: the settings `breaker_*`, with `success_threshold`."""

    failures: int
    failure_ratio: float
    slow_ratio: float
    calls_least: int
    window_s: float
    open_s: float
    open_most_s: float
    jitter: float
    trial_s: float
    forget_s: float
    well_after: int


def terms(settings: Settings) -> Terms:
    """As the settings have it."""
    return Terms(
        settings.breaker_failures,
        settings.breaker_failure_ratio,
        settings.breaker_slow_ratio,
        settings.breaker_calls_least,
        settings.breaker_window_s,
        settings.breaker_open_s,
        settings.breaker_open_most_s,
        settings.breaker_jitter,
        settings.breaker_trial_s,
        settings.breaker_forget_s,
        settings.success_threshold,
    )


@dataclass(frozen=True, slots=True)
class Slot:
    """Calls of one part of the window, by its number since the epoch."""

    number: int
    passed: int = 0
    failed: int = 0
    slow: int = 0


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is written down (`turn`), and what a restart of ours forgets."""

    turn: Turn = field(default_factory=Turn)
    failed_in_a_row: int = 0
    slots: tuple[Slot, ...] = ()
    passed_at_s: float = UNKNOWN  # the latest call that passed, or was slow
    trial: str = NO_TRIAL
    trial_until_s: float = UNKNOWN
    wanted_at_s: float = UNKNOWN  # when a trial was last given

    @property
    def state(self) -> BreakerState:
        """Closed, open or half open."""
        return self.turn.state

    def counts(self, now_s: float, window_s: float) -> Slot:
        """All calls of the window."""
        kept = _kept(self.slots, now_s, window_s)
        return Slot(
            _number(now_s, window_s),
            sum(slot.passed for slot in kept),
            sum(slot.failed for slot in kept),
            sum(slot.slow for slot in kept),
        )


@dataclass(frozen=True, slots=True)
class Answering:
    """What probes say of a target as a whole: the verdict of the best of its instances, how often
    in a row since when, and when the latest answer came."""

    verdict: ProbeVerdict = ProbeVerdict.UNKNOWN
    in_a_row: int = 0
    at_s: float = UNKNOWN
    since_s: float = UNKNOWN
    detail: str = ""


def remembered(turn: Turn, now_s: float, terms: Terms) -> Breaker:
    """After a restart of ours. Half open: a trial of the life before may be out still."""
    if turn.state is not BreakerState.HALF_OPEN:
        return Breaker(turn)
    until_s = now_s + terms.trial_s
    return Breaker(turn, trial=OF_AN_EARLIER_LIFE, trial_until_s=until_s, wanted_at_s=now_s)


def settled(breaker: Breaker, now_s: float, terms: Terms) -> Breaker:
    """What time alone changes, which is no turn: a trial is over. Of a clock that went back nothing
    lasts longer."""
    if now_s < breaker.turn.at_s:
        breaker = _earlier(breaker, breaker.turn.at_s - now_s)
    if breaker.trial and not now_s < breaker.trial_until_s:
        return replace(breaker, trial=NO_TRIAL, trial_until_s=UNKNOWN)
    if breaker.trial and breaker.trial_until_s - now_s > terms.trial_s:
        return replace(breaker, trial_until_s=now_s + terms.trial_s)
    return breaker


def asked(breaker: Breaker, now_s: float, terms: Terms, trial: str) -> tuple[Breaker, bool, str]:
    """Somebody asks whether to call: (the breaker, may they, the trial that it is). `trial`: a
    fresh id; "": none may be given now. Its time over, it is half open from the first one who asks
    on."""
    breaker = settled(breaker, now_s, terms)
    if _is_over(breaker, now_s):
        breaker = _half_open(breaker, now_s, "its time is over")
    if breaker.state is BreakerState.CLOSED:
        return breaker, True, NO_TRIAL
    if breaker.state is BreakerState.OPEN or breaker.trial or not trial:
        return breaker, False, NO_TRIAL
    until_s = now_s + terms.trial_s
    given = replace(breaker, trial=trial, trial_until_s=until_s, wanted_at_s=now_s)
    return given, True, trial


def heard(
    breaker: Breaker,
    outcomes: Sequence[CallOutcome],
    now_s: float,
    terms: Terms,
    chance: float,
    trial: str = NO_TRIAL,
) -> Breaker:
    """Callers say how their calls ended, oldest first. `chance`: 0–1, for the jitter."""
    breaker = settled(breaker, now_s, terms)
    if trial:
        return _tried(breaker, outcomes, now_s, terms, chance, trial)
    if breaker.state is not BreakerState.CLOSED:
        return breaker  # they called before it opened, or without asking
    for outcome in outcomes:
        breaker = _counted(breaker, outcome, now_s, terms)
        why = _too_much(breaker, now_s, terms)
        if why:
            return _open(breaker, now_s, terms, chance, why, TurnedBy.CALLS)
    return breaker


def counted(
    breaker: Breaker,
    passed: int,
    failed: int,
    now_s: float,
    terms: Terms,
    chance: float,
    *,
    since_s: float = UNKNOWN,
) -> Breaker:
    """The same from somebody who counts and knows no order, as a router: those that passed, if any,
    stand between the failures and whatever came before or comes after. `since_s`: when it was asked
    before. All of them may have passed just then, and say nothing against probes that failed after
    that; unknown: they passed now."""
    order = [CallOutcome.FAILED] * failed
    if passed and failed:
        half = failed // 2
        order = [*order[:half], *[CallOutcome.PASSED] * passed, *order[half:]]
    elif passed:
        order = [CallOutcome.PASSED] * passed
    found = heard(breaker, order, now_s, terms, chance)
    if not passed or not is_known(since_s) or found.passed_at_s != now_s:
        return found
    before_s = breaker.passed_at_s if is_known(breaker.passed_at_s) else since_s
    return replace(found, passed_at_s=max(before_s, since_s))


def probed(
    breaker: Breaker,
    seen: Answering,
    now_s: float,
    terms: Terms,
    chance: float,
    *,
    decides: bool = False,
) -> Breaker:
    """What our probes of the target say now. `decides`: nobody else can try, as where a router
    turns all of them away."""
    breaker = settled(breaker, now_s, terms)
    turn = breaker.turn
    is_bad = seen.verdict is ProbeVerdict.FAIL and seen.in_a_row >= terms.failures
    is_well = seen.verdict is ProbeVerdict.PASS and seen.in_a_row >= terms.well_after
    if turn.state is BreakerState.CLOSED:
        if not is_bad or breaker.passed_at_s > seen.since_s:
            return breaker  # calls pass meanwhile, and they are what it is about
        why = f"{seen.in_a_row} probes in a row failed" + (
            f": {seen.detail}" if seen.detail else ""
        )
        return _open(breaker, now_s, terms, chance, why, TurnedBy.PROBES)
    is_by_probes = turn.turned_by is TurnedBy.PROBES
    if turn.state is BreakerState.OPEN:
        if not is_well or not seen.at_s > turn.at_s:
            return breaker  # who asks finds out
        if _is_over(breaker, now_s):
            return _half_open(breaker, now_s, "its time is over")
        if is_by_probes and turn.openings == 1:
            return _half_open(breaker, now_s, f"{seen.in_a_row} probes in a row passed")
        return breaker
    if breaker.trial or not seen.at_s > turn.at_s:
        return breaker  # somebody's call decides, or nobody has looked since
    last_s = breaker.wanted_at_s if is_known(breaker.wanted_at_s) else turn.at_s
    if not (decides or is_by_probes) and now_s - last_s < terms.trial_s:
        return breaker
    if is_bad:
        why = f"{seen.in_a_row} probes in a row failed"
        return _open(breaker, now_s, terms, chance, why, turn.turned_by)
    return _close(breaker, now_s, "its probes pass", TurnedBy.PROBES) if is_well else breaker


def closed_by(breaker: Breaker, now_s: float, by: str, reason: str) -> Breaker:
    """A person says that it is well."""
    turn = Turn(BreakerState.CLOSED, now_s, 0, UNKNOWN, reason, TurnedBy.PERSON, by)
    return Breaker(turn)


def held_open(breaker: Breaker, now_s: float, terms: Terms, chance: float, why: str) -> Breaker:
    """A mitigation wants it not to be called: open as any other opening, for its time; then a trial
    or probes decide."""
    breaker = settled(breaker, now_s, terms)
    if breaker.state is not BreakerState.CLOSED:
        return breaker
    return _open(breaker, now_s, terms, chance, why, TurnedBy.MITIGATION)


def let_go(breaker: Breaker, now_s: float, why: str) -> Breaker:
    """The mitigation is over. What calls or probes opened since is theirs."""
    if breaker.state is BreakerState.CLOSED or breaker.turn.turned_by is not TurnedBy.MITIGATION:
        return breaker
    return _close(breaker, now_s, why, TurnedBy.MITIGATION)


def opens_for_s(openings: int, terms: Terms, chance: float) -> float:
    """How long it is open for the n-th time; the jitter only ever adds."""
    least_s = min(terms.open_s * openings, terms.open_most_s)
    return least_s * (1.0 + terms.jitter * min(max(chance, 0.0), 1.0))


def _tried(
    breaker: Breaker,
    outcomes: Sequence[CallOutcome],
    now_s: float,
    terms: Terms,
    chance: float,
    trial: str,
) -> Breaker:
    if breaker.state is not BreakerState.HALF_OPEN or breaker.trial != trial or not outcomes:
        return breaker
    if trial == OF_AN_EARLIER_LIFE:
        return breaker
    if outcomes[-1] is CallOutcome.PASSED:
        return _close(breaker, now_s, "the trial passed", TurnedBy.CALLS)
    word = "was slow" if outcomes[-1] is CallOutcome.SLOW else "failed"
    return _open(breaker, now_s, terms, chance, f"the trial {word}", TurnedBy.CALLS)


def _open(
    breaker: Breaker, now_s: float, terms: Terms, chance: float, why: str, turned_by: TurnedBy
) -> Breaker:
    turn = breaker.turn
    is_at_peace = turn.state is BreakerState.CLOSED and now_s - turn.at_s >= terms.forget_s
    openings = 1 if is_at_peace else turn.openings + 1
    until_s = now_s + opens_for_s(openings, terms, chance)
    return Breaker(Turn(BreakerState.OPEN, now_s, openings, until_s, why, turned_by))


def _earlier(breaker: Breaker, by_s: float) -> Breaker:
    turn = breaker.turn
    return replace(
        breaker,
        turn=replace(turn, at_s=turn.at_s - by_s, until_s=turn.until_s - by_s),
        trial_until_s=breaker.trial_until_s - by_s,
        wanted_at_s=breaker.wanted_at_s - by_s,
        passed_at_s=breaker.passed_at_s - by_s,
    )


def _is_over(breaker: Breaker, now_s: float) -> bool:
    turn = breaker.turn
    return turn.state is BreakerState.OPEN and not now_s < turn.until_s


def _half_open(breaker: Breaker, now_s: float, why: str) -> Breaker:
    turn = replace(
        breaker.turn,
        state=BreakerState.HALF_OPEN,
        at_s=now_s,
        until_s=UNKNOWN,
        reason=why,
        by="everup",
    )
    return Breaker(turn)


def _close(breaker: Breaker, now_s: float, why: str, turned_by: TurnedBy) -> Breaker:
    turn = Turn(BreakerState.CLOSED, now_s, breaker.turn.openings, UNKNOWN, why, turned_by)
    return Breaker(turn, passed_at_s=now_s if turned_by is TurnedBy.CALLS else UNKNOWN)


def _counted(breaker: Breaker, outcome: CallOutcome, now_s: float, terms: Terms) -> Breaker:
    slots = _kept(breaker.slots, now_s, terms.window_s)
    number = _number(now_s, terms.window_s)
    last = slots[-1] if slots and slots[-1].number == number else Slot(number)
    match outcome:
        case CallOutcome.PASSED:
            last = replace(last, passed=last.passed + 1)
        case CallOutcome.FAILED:
            last = replace(last, failed=last.failed + 1)
        case CallOutcome.SLOW:
            last = replace(last, slow=last.slow + 1)
    slots = (*(slot for slot in slots if slot.number != number), last)
    if outcome is CallOutcome.FAILED:
        return replace(breaker, slots=slots, failed_in_a_row=breaker.failed_in_a_row + 1)
    return replace(breaker, slots=slots, failed_in_a_row=0, passed_at_s=now_s)


def _too_much(breaker: Breaker, now_s: float, terms: Terms) -> str:
    """Why it has to open; "" where it has not."""
    if breaker.failed_in_a_row >= terms.failures:
        return f"{breaker.failed_in_a_row} calls in a row failed"
    seen = breaker.counts(now_s, terms.window_s)
    calls = seen.passed + seen.failed + seen.slow
    if calls < terms.calls_least:
        return ""
    if seen.failed and seen.failed >= terms.failure_ratio * calls:
        return f"{seen.failed} of {calls} calls within {terms.window_s:g} s failed"
    if seen.slow and seen.slow >= terms.slow_ratio * calls:
        return f"{seen.slow} of {calls} calls within {terms.window_s:g} s were slow"
    return ""


def _number(now_s: float, window_s: float) -> int:
    return int(now_s // (window_s / SLOTS))


def _kept(slots: tuple[Slot, ...], now_s: float, window_s: float) -> tuple[Slot, ...]:
    """Those of the window, at most `SLOTS`; of a clock that went back, what seems to come later is
    forgotten."""
    newest = _number(now_s, window_s)
    return tuple(slot for slot in slots if newest - SLOTS < slot.number <= newest)
