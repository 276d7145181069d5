"""The preset *careful*: auto for restarts of what keeps no data, approve for everything else.

Called by `document` when the mode says `careful`. What the owner wrote for a service or a kind of
action is narrower, and stays.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from everup.model.kinds import ActionKind, Mode
from everup.model.stack import ServiceSpec, Stack

RESTARTS = (ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART)


class Pace(StrEnum):
    """What `mode:` may say for a stack: a mode, or the preset."""

    OBSERVE = "observe"
    APPROVE = "approve"
    AUTO = "auto"
    CAREFUL = "careful"


def with_pace(stack: Stack, pace: Pace) -> Stack:
    """The stack with this mode, or with the preset spelled out."""
    if pace is not Pace.CAREFUL:
        return replace(stack, mode=Mode(pace.value))
    services = {name: _careful(stack, spec) for name, spec in stack.services.items()}
    return replace(stack, mode=Mode.APPROVE, services=services, preset=pace.value)


def _careful(stack: Stack, spec: ServiceSpec) -> ServiceSpec:
    if spec.is_stateful or spec.mode is not None:
        return spec
    auto = {kind: Mode.AUTO for kind in RESTARTS if kind not in stack.modes}
    return replace(spec, modes={**auto, **spec.modes})
