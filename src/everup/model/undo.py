"""What takes back a step that was not proven: the inverse step. Pure; called by the fold.

An undo has none itself: it is tried again as it is.
"""

from __future__ import annotations

from everup.model.decision import ParameterValue, Step
from everup.model.kinds import ActionKind
from everup.model.mitigation import NEEDS
from everup.model.restore import RESTORE
from everup.model.safe_point import of_number_alone
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
_KEPT = ("instance", "standby", NEEDS)


def undo_of(step: Step, action_id: str) -> Step | None:
    """None where nothing takes it back, or where it is an undo."""
    kind = ActionKind.REJOIN if step.kind is ActionKind.FAILOVER else INVERSE.get(step.kind)
    if step.kind is ActionKind.EMERGENCY_ROLLBACK and RESTORE not in step.parameters:
        kind = _number_of(step)  # a restore takes its steps back itself
    if kind is None or step.undoes:
        return None
    found: dict[str, ParameterValue] = {k: v for k, v in step.parameters.items() if k in _KEPT}
    for after, before in _SWAPPED:
        if after in step.parameters and before in step.parameters:
            found[after], found[before] = step.parameters[before], step.parameters[after]
    return Step(kind, step.target, found, undoes=action_id, is_repeatable=True)


def _number_of(step: Step) -> ActionKind | None:
    """Who went back to another number alone was well or unwell with the one before. What went back
    to what ran before stays: that was proven once, and what came after it was not."""
    if not of_number_alone(step.parameters):
        return None
    is_more = int(step.parameters[BEFORE]) > int(step.parameters[INSTANCES])
    return ActionKind.SCALE_OUT if is_more else ActionKind.SCALE_IN
