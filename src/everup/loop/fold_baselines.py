"""The fold of baselines: what was last kept of each service. Pure; called by `fold` alone. At most
`BASELINES_MOST` are remembered; those that were kept least lately give way."""

from __future__ import annotations

from dataclasses import replace

from everup.model import entries as e
from everup.model.state import BaselineOf, StackState

BASELINES_MOST = 2000


def learned(state: StackState, entry: e.BaselineLearned) -> StackState:
    """The newest one stands."""
    others = {name: known for name, known in state.baselines.items() if name != entry.service}
    kept = {**others, entry.service: BaselineOf(entry.at_s, entry.kept)}
    for name in list(kept)[: max(0, len(kept) - BASELINES_MOST)]:
        del kept[name]
    return replace(state, baselines=kept)
