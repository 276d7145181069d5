"""Somebody else changed how many instances there are: theirs is the number that is wanted.

Flows in: what is seen and what is remembered. Flows out: `InstancesCounted` entries. `compose up`
that undoes our scaling is a wish like any other: nothing is scaled back against it.
"""

from __future__ import annotations

from everup.model.entries import InstancesCounted
from everup.model.observation import Observation
from everup.model.scaling import INSTANCES
from everup.model.state import StackState

SOMEBODY = "somebody beside Everup"


class Counts:
    """Since when another number than the wanted one is seen; rebuilt by looking."""

    def __init__(self) -> None:
        self._since_s: dict[str, tuple[int, float]] = {}

    def follow(
        self, state: StackState, seen: Observation, settles_s: float
    ) -> list[InstancesCounted]:
        """Numbers that have stood for `settles_s` while nothing of ours was under way."""
        found: list[InstancesCounted] = []
        for name, remembered in state.services.items():
            service = seen.services.get(name)
            is_scaled = remembered.instances_wanted or remembered.owed_undo is not None
            if not is_scaled or service is None or not service.is_known:
                self._since_s.pop(name, None)
                continue
            count = len(service.instances) + sum(1 for one in remembered.isolated if one)
            undo = remembered.owed_undo
            if undo is not None and name not in state.in_flight:
                if undo.parameters.get(INSTANCES) == count:
                    found.append(InstancesCounted(seen.at_s, name, count, "everup"))
            is_ours = name in state.in_flight or undo is not None
            if count in (0, remembered.instances_wanted) or is_ours:
                self._since_s.pop(name, None)
                continue
            known, since_s = self._since_s.get(name, (0, seen.at_s))
            if known != count:
                since_s = seen.at_s
            self._since_s[name] = (count, since_s)
            if seen.at_s - since_s >= settles_s:
                found.append(InstancesCounted(seen.at_s, name, count, SOMEBODY))
        return found
