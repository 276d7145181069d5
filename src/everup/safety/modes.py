"""How far Everup may go by itself now: what was read, and what the instances say since. Pure.

Flows in: stack and observation. Flows out: the narrowest word. Called by the gate and by whoever
shows it.
"""

from __future__ import annotations

from everup.model.kinds import ActionKind, Mode
from everup.model.observation import Observation
from everup.model.restraint import narrowest
from everup.model.stack import Stack


def mode_in_force(
    stack: Stack, observation: Observation | None, service: str, kind: ActionKind
) -> Mode:
    """Of this kind on this service. None: nothing was seen yet."""
    read = stack.mode_for(service, kind)
    restraint = None if observation is None else observation.restraints.get(service)
    return read if restraint is None else narrowest(read, restraint.most(kind))
