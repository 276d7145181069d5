"""The fold of anomalies: the latest ones. Pure; called by `fold` alone."""

from __future__ import annotations

from dataclasses import replace

from everup.model import entries as e
from everup.model.state import StackState

ANOMALIES_MOST = 200


def noticed(state: StackState, entry: e.AnomalyNoticed) -> StackState:
    """One more; the oldest is forgotten first."""
    return replace(state, anomalies=(*state.anomalies, entry.anomaly)[-ANOMALIES_MOST:])
