"""What is due besides looking: pure, `due(...) -> the works to begin now`. Called by `upkeep`.

Such work waits for rest: nothing in flight, no incident open, a journal that can be written. It is
never so urgent that it may stand in the way of healing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from everup.model.kinds import UNKNOWN
from everup.model.settings import Settings
from everup.model.state import StackState


class Work(StrEnum):
    """Periodic work that is not part of a look."""

    PRUNE_JOURNAL = "prune_journal"


def is_rest(state: StackState, cannot_act: str) -> bool:
    """Is there nothing to heal, and nothing that keeps us from writing?"""
    return not state.in_flight and not state.by_root() and not cannot_act


def due(now_s: float, begun_at_s: Mapping[Work, float], settings: Settings) -> tuple[Work, ...]:
    """What has not been done within its interval; what was never done is due."""
    intervals_s = {Work.PRUNE_JOURNAL: settings.journal_prune_interval_s}
    return tuple(
        work
        for work, interval_s in intervals_s.items()
        if not now_s - begun_at_s.get(work, UNKNOWN) < interval_s
    )
