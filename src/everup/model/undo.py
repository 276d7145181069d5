"""What takes back a step that was not proven: the inverse step. Pure; called by the fold.

An undo has none itself: it is tried again as it is.
"""

from __future__ import annotations

from everup.model.decision import ParameterValue, Step
from everup.model.kinds import ActionKind
from everup.model.scaling import (
    BEFORE,
    CPUS,
    CPUS_BEFORE,
    INSTANCES,
    INVERSE,
    MEMORY,
    MEMORY_BEFORE,
)

_SWAPPED = ((INSTANCES, BEFORE), (MEMORY, MEMORY_BEFORE), (CPUS, CPUS_BEFORE))
_KEPT = ("instance", "standby")


def undo_of(step: Step, action_id: str) -> Step | None:
    """None where nothing takes it back, or where it is an undo."""
    kind = ActionKind.REJOIN if step.kind is ActionKind.FAILOVER else INVERSE.get(step.kind)
    if kind is None or step.undoes:
        return None
    found: dict[str, ParameterValue] = {k: v for k, v in step.parameters.items() if k in _KEPT}
    for after, before in _SWAPPED:
        if after in step.parameters and before in step.parameters:
            found[after], found[before] = step.parameters[before], step.parameters[after]
    return Step(kind, step.target, found, undoes=action_id, is_repeatable=True)
