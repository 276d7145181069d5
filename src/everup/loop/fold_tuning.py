"""The fold of what is tuned: the calibration, and thresholds. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold`. What no
calibration can be changes nothing.
"""

from __future__ import annotations

from dataclasses import replace

from everup.model import entries as e
from everup.model.kinds import is_known
from everup.model.state import StackState
from everup.model.tuning import Calibration, Knob


def recalibrated(state: StackState, entry: e.Recalibrated) -> StackState:
    """In force from now on."""
    calibration = Calibration(entry.said, entry.worth, entry.settled)
    if not calibration.is_sound:
        return state
    state = replace(state, tuned=replace(state.tuned, calibration=calibration))
    return _noted(state, Knob.CALIBRATION, entry)


def threshold(state: StackState, entry: e.ThresholdTuned) -> StackState:
    """In force from now on."""
    if entry.knob is Knob.ACTS_ABOVE:
        state = replace(state, tuned=replace(state.tuned, acts_above=entry.new))
    elif entry.knob is Knob.ANOMALY_BUDGET:
        scale = entry.new if is_known(entry.new) else 1.0
        state = replace(state, tuned=replace(state.tuned, anomaly_budget=scale))
    return _noted(state, entry.knob, entry)


def _noted(state: StackState, knob: Knob, entry: e.Recalibrated | e.ThresholdTuned) -> StackState:
    tuned, name = state.tuned, str(knob)
    held = {key: until_s for key, until_s in tuned.held_until_s.items() if key != name}
    if is_known(entry.held_until_s):
        held[name] = entry.held_until_s
    return replace(
        state,
        tuned=replace(
            tuned,
            at_s={**tuned.at_s, name: entry.at_s},
            why={**tuned.why, name: entry.why},
            held_until_s=held,
        ),
    )
