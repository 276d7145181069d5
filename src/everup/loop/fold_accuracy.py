"""The fold of what predictions are held to account by: totals, and the latest, bounded. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold` and `foretold`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from everup.model import entries as e
from everup.model.accuracy import Failure, ForecastDay, ForecastTally
from everup.model.kinds import Cause
from everup.model.prediction import PredictionEnding
from everup.model.state import StackState

FAILURES_MOST = 200
DAYS_MOST = 31
DAY_S = 86_400.0


def settled(state: StackState, cause: Cause, ending: PredictionEnding) -> StackState:
    """One more of this cause ended like this."""
    known = state.accounts.settled
    of_cause = dict(known.get(cause, {}))
    of_cause[str(ending)] = of_cause.get(str(ending), 0) + 1
    accounts = replace(state.accounts, settled={**known, str(cause): of_cause})
    return replace(state, accounts=accounts)


def failed(state: StackState, entry: e.FailureMet) -> StackState:
    """One more failure, and whether it was foreseen."""
    how, known = outcome(entry.failure), state.accounts.failures
    accounts = replace(
        state.accounts,
        failures={**known, how: known.get(how, 0) + 1},
        latest=(*state.accounts.latest, entry.failure)[-FAILURES_MOST:],
    )
    return replace(state, accounts=accounts)


def outcome(failure: Failure) -> str:
    """Of a failure, in one word."""
    if failure.left_out:
        return "left_out"
    if failure.is_foreseen:
        return "foreseen"
    return "early" if failure.is_early else "missed"


def forecasts(state: StackState, entry: e.ForecastsSettled) -> StackState:
    """Added to those of its day, all services together."""
    day, days = int(entry.at_s // DAY_S), state.accounts.days
    last = days[-1] if days and days[-1].day == day else ForecastDay(day, ())
    before = days[:-1] if days and days[-1].day == day else days
    added = ForecastDay(
        day,
        together((*last.tallies, *entry.tallies)),
        last.set_aside + entry.set_aside,
        together((*last.raw, *entry.raw)),
    )
    kept = (*before, added)[-DAYS_MOST:]
    return replace(state, accounts=replace(state.accounts, days=kept))


def together(tallies: Iterable[ForecastTally]) -> tuple[ForecastTally, ...]:
    """One for each tenth, whatever the service."""
    found: dict[int, ForecastTally] = {}
    for one in tallies:
        known = found.get(one.tenth)
        found[one.tenth] = replace(one, service="") if known is None else added_to(known, one)
    return tuple(found[tenth] for tenth in sorted(found))


def added_to(known: ForecastTally, more: ForecastTally) -> ForecastTally:
    """Both, in the name of the first."""
    return replace(
        known,
        count=known.count + more.count,
        came=known.came + more.came,
        sum_p=known.sum_p + more.sum_p,
        squared=known.squared + more.squared,
    )
