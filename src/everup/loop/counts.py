"""Somebody else changed how many instances there are: theirs is the number that is wanted.

Flows in: what is seen and what is remembered. Flows out: `InstancesCounted` entries. `compose up`
that undoes our scaling is a wish like any other: nothing is scaled back against it, unless the
service suffers for it (`rollback_manager`). None at all is a stop, and no number.
"""

from __future__ import annotations

from everup.loop.undoing import keeping_who_is_well
from everup.model.entries import InstancesCounted
from everup.model.observation import Observation
from everup.model.scaling import INSTANCES, Obstacle
from everup.model.stack import Stack
from everup.model.state import StackState

SOMEBODY = "somebody beside Everup"
GOES_BY_ITSELF = frozenset({Obstacle.AUTO_REMOVED, Obstacle.MANAGED})
"""Whose instances come and go without anybody's word."""


class Counts:
    """Since when another number than the wanted one is seen; rebuilt by looking."""

    def __init__(self) -> None:
        self._since_s: dict[str, tuple[int, float]] = {}

    def follow(
        self, stack: Stack, state: StackState, seen: Observation, settles_s: float
    ) -> list[InstancesCounted]:
        """Numbers that have stood for `settles_s` while nothing of ours was under way."""
        found: list[InstancesCounted] = []
        for name, remembered in state.services.items():
            service, spec = seen.services.get(name), stack.services.get(name)
            known = remembered.counted or remembered.instances_wanted
            is_followed = bool(known) or remembered.owed_undo is not None
            if spec is not None and any(no.name in GOES_BY_ITSELF for no in spec.no_copies):
                is_followed = False
            if not is_followed or service is None or not service.is_known:
                self._since_s.pop(name, None)
                continue
            there = {one.instance.name for one in service.instances}
            count = len(there.union(one for one in remembered.isolated if one))
            undo = remembered.owed_undo
            if undo is not None and name not in state.in_flight:
                left = keeping_who_is_well(undo, service)
                if left.parameters.get(INSTANCES) == count:
                    found.append(InstancesCounted(seen.at_s, name, count, "everup"))
            is_ours = name in state.in_flight or undo is not None
            if count in (0, known) or is_ours:
                self._since_s.pop(name, None)
                continue
            last, since_s = self._since_s.get(name, (0, seen.at_s))
            if last != count:
                since_s = seen.at_s
            self._since_s[name] = (count, since_s)
            if seen.at_s - since_s >= settles_s:
                found.append(InstancesCounted(seen.at_s, name, count, SOMEBODY, known, since_s))
        return found
