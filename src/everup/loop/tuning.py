"""Tuning: what is learned from how predictions ended, and how it is taken back.

Flows in: what the state remembers of settled forecasts. Flows out: `Recalibrated` and
`ThresholdTuned`, which the fold applies. Called by `accounting` in each look, and for a person's
wish by the API. The rules are `predictive_monitor.calibration`'s and `.thresholds`'. With
`tuning_enabled` off nothing is tuned, and what was is not applied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from everup.loop.fold_accuracy import together
from everup.model import entries as e
from everup.model.accuracy import ForecastTally
from everup.model.kinds import UNKNOWN, is_known
from everup.model.settings import Settings
from everup.model.state import StackState
from everup.model.tuning import Calibration, Knob
from everup.predictive_monitor import calibration, thresholds

if TYPE_CHECKING:
    from everup.loop.control import Control

BY_ITSELF = "everup"
MOVED_LEAST = 0.02
"""A calibration that moves no probability by more than this is not worth a line."""
CALIBRATED_AGAIN_SHARE = 0.25
"""Of the interval: a calibration follows sooner than a threshold, which it decides much about."""
HELD_INTERVALS = 30.0
"""What a person took back is not tuned again for so many intervals."""


def in_force(settings: Settings, state: StackState) -> Settings:
    """The settings, with the thresholds that were tuned. The same object where none was."""
    level = state.tuned.acts_above
    least = settings.prediction_acts_above
    if not settings.tuning_enabled or not level > least:  # never so for NaN
        return settings
    return replace(settings, prediction_acts_above=min(level, max(least, thresholds.MOST)))


class Tuning:
    """Of one stack. `as_set`: the settings as a person made them."""

    def __init__(self, control: Control, settings: Settings) -> None:
        self._control = control
        self.as_set = settings
        self._found = settings
        self._level = UNKNOWN

    def settings(self, state: StackState) -> Settings:
        """As of this state: worked out anew when a threshold was tuned."""
        level = state.tuned.acts_above
        if level != self._level and (is_known(level) or is_known(self._level)):
            self._level, self._found = level, in_force(self.as_set, state)
        return self._found

    async def take_back(self, knob: Knob, by: str, reason: str) -> bool:
        """Have it as it is set, at once, and for a while. False: it is."""
        control = self._control
        now_s = control.clock.now()
        entries = taken_back(control.state, self.as_set, knob, now_s, by, reason)
        if entries:
            await control.write(entries)
            control.wake("a threshold was taken back")
        return bool(entries)


def calibration_of(settings: Settings, state: StackState) -> Calibration:
    """What is applied last to a probability."""
    return state.tuned.calibration if settings.tuning_enabled else Calibration()


def anomaly_budget_of(settings: Settings, state: StackState) -> float:
    """The multiple of the alarm budget that is set."""
    if not settings.tuning_enabled:
        return 1.0
    return min(thresholds.BUDGET_MOST, max(thresholds.BUDGET_LEAST, state.tuned.anomaly_budget))


@dataclass(frozen=True, slots=True)
class Alarms:
    """Of anomalies, over what is remembered. `useful`: a failure came within the horizon."""

    count: int = 0
    useful: int = 0


def alarms_of(state: StackState, settings: Settings, now_s: float) -> Alarms:
    """Those that are remembered and whose horizon is over."""
    horizon_s = settings.prediction_horizon_s
    told = [one for one in state.anomalies if one.is_alarm and one.at_s <= now_s - horizon_s]
    failed: dict[str, list[float]] = {}
    for failure in state.accounts.latest:
        failed.setdefault(failure.service, []).append(failure.at_s)
    useful = sum(
        any(one.at_s < at_s <= one.at_s + horizon_s for at_s in failed.get(one.service, ()))
        for one in told
    )
    return Alarms(len(told), useful)


def due(
    state: StackState,
    as_set: Settings,
    now_s: float,
    alarms: Callable[[], Alarms] = Alarms,
) -> list[e.Entry]:
    """What is to be changed now: of each threshold at most one step in `tuning_interval_s`.
    `as_set`: the settings as a person made them. `alarms` counts them, where
    it matters."""
    if not as_set.tuning_enabled or not state.accounts.days:
        return []
    found: list[e.Entry] = []
    if _may(state, Knob.CALIBRATION, now_s, as_set):
        found += _recalibrated(state, now_s)
    if _may(state, Knob.ACTS_ABOVE, now_s, as_set):
        found += _acts_above(state, as_set, now_s)
    if _may(state, Knob.ANOMALY_BUDGET, now_s, as_set):
        found += _anomaly_budget(state, as_set, now_s, alarms())
    return found


def taken_back(
    state: StackState, as_set: Settings, knob: Knob, now_s: float, by: str, reason: str
) -> list[e.Entry]:
    """The entries by which a knob is as it is set, and stays so for a while; none where it is."""
    held_until_s = now_s + HELD_INTERVALS * as_set.tuning_interval_s
    why = reason or "taken back"
    tuned = state.tuned
    match knob:
        case Knob.CALIBRATION if tuned.calibration.said:
            return [e.Recalibrated(now_s, (), (), 0, why, by, held_until_s=held_until_s)]
        case Knob.ACTS_ABOVE if is_known(tuned.acts_above):
            old = tuned.acts_above
            return [e.ThresholdTuned(now_s, knob, old, UNKNOWN, why, by, held_until_s)]
        case Knob.ANOMALY_BUDGET if tuned.anomaly_budget != 1.0:
            old = tuned.anomaly_budget
            return [e.ThresholdTuned(now_s, knob, old, UNKNOWN, why, by, held_until_s)]
        case _:
            return []


def _may(state: StackState, knob: Knob, now_s: float, settings: Settings) -> bool:
    tuned, name = state.tuned, str(knob)
    if now_s < tuned.held_until_s.get(name, UNKNOWN):  # never so for NaN
        return False
    since_s = now_s - tuned.at_s.get(name, UNKNOWN)
    share = CALIBRATED_AGAIN_SHARE if knob is Knob.CALIBRATION else 1.0
    return not 0.0 <= since_s < share * settings.tuning_interval_s


def raw_tallies(state: StackState) -> tuple[ForecastTally, ...]:
    """Of all days that are remembered, by what would have been said without a calibration."""
    return together(t for day in state.accounts.days for t in day.raw)


def said_tallies(state: StackState) -> tuple[ForecastTally, ...]:
    """Of all days that are remembered, by what was said."""
    return together(t for day in state.accounts.days for t in day.tallies)


def _recalibrated(state: StackState, now_s: float) -> Iterable[e.Entry]:
    tallies = raw_tallies(state)
    old, new = state.tuned.calibration, calibration.learned(tallies)
    if not new.said or calibration.moved_most(old, new) <= MOVED_LEAST:
        return []
    before = calibration.error_of(tallies, Calibration())
    after = calibration.error_of(tallies, new)
    why = (
        f"{new.settled} forecasts are settled: what was said was {before:.2f} from what came, "
        f"on average, and is {after:.2f} from it so"
    )
    return [e.Recalibrated(now_s, new.said, new.worth, new.settled, why, BY_ITSELF, before, after)]


def _acts_above(state: StackState, as_set: Settings, now_s: float) -> Iterable[e.Entry]:
    least = as_set.prediction_acts_above
    level = state.tuned.acts_above
    now = max(least, level) if is_known(level) else least
    move = thresholds.acts_above(said_tallies(state), least, now, as_set.miss_costs)
    if move is None:
        return []
    return [e.ThresholdTuned(now_s, Knob.ACTS_ABOVE, move.old, move.new, move.why, BY_ITSELF)]


def _anomaly_budget(
    state: StackState, as_set: Settings, now_s: float, alarms: Alarms
) -> Iterable[e.Entry]:
    failures = [f for f in state.accounts.latest if not f.left_out]
    move = thresholds.anomaly_budget(
        state.tuned.anomaly_budget,
        alarms=alarms.count,
        useful=alarms.useful,
        failures=len(failures),
        announced=sum(1 for f in failures if f.anomalies),
        miss_costs=as_set.miss_costs,
    )
    if move is None:
        return []
    return [e.ThresholdTuned(now_s, Knob.ANOMALY_BUDGET, move.old, move.new, move.why, BY_ITSELF)]
