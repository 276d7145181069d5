"""Where a line begins anew, whatever it is of: `line_begins_s(...)`. Pure; for what draws lines."""

from __future__ import annotations

from everup.model.kinds import is_known
from everup.model.observation import Observation
from everup.model.state import StackState

WORTH_SAYING = 0.05
"""A probability below it is none."""


def line_begins_s(
    observation: Observation, service: str, state: StackState, *, is_its_own: bool = True
) -> float:
    """A new life, another configuration, and each action of ours that helped, begin a new line; a
    disk outlives whoever writes to it."""
    seen = observation.services.get(service)
    instances = [i.instance for i in (seen.instances if seen is not None else ())]
    starts = [p.ended_at_s for p in state.service(service).past if p.has_passed]
    if is_its_own:
        starts += [i.started_at_s for i in instances]
        starts += [i.files_changed_at_s for i in instances]
    return max((s for s in starts if is_known(s)), default=float("-inf"))
