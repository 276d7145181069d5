"""The fold of breakers: what each one is now. Pure.

Flows in: the state and an entry. Flows out: the state after it. Called by `fold`.
"""

from __future__ import annotations

from dataclasses import replace

from everup.loop.changes import without
from everup.model import entries as e
from everup.model.breaker import EdgeName, Turn
from everup.model.state import StackState

BREAKERS_MOST = 1000


def turned(state: StackState, entry: e.BreakerTurned) -> StackState:
    """It is this now; the one that turned longest ago is forgotten when there are too many."""
    key = str(EdgeName(entry.service, entry.target))
    turn = Turn(
        entry.state,
        entry.at_s,
        entry.openings,
        entry.until_s,
        entry.reason,
        entry.turned_by,
        entry.by,
    )
    breakers = {**without(state.breakers, key), key: turn}
    for name in list(breakers)[: max(0, len(breakers) - BREAKERS_MOST)]:
        del breakers[name]
    return replace(state, breakers=breakers)
