"""What the gate looks at, gathered from the control and the look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from everup.loop.look import Look
from everup.safety import Context

if TYPE_CHECKING:
    from everup.loop.control import Control


def gate_context(control: Control, look: Look) -> Context:
    """The state is the freshest one: an action begun in this look already counts. Maintenance
    windows are the owner's and go by the clock on the wall, also when that was set since."""
    local = datetime.fromtimestamp(look.at_s + control.wall_ahead_s(), UTC).astimezone()
    return Context(
        stack=control.stack,
        settings=control.settings,
        observation=look.observation,
        assessment=look.assessment,
        state=control.state,
        memory=control.memory,
        hard_closure=control.hard_closure,
        local_minute=local.hour * 60 + local.minute,
        weekday=local.weekday(),
        cannot_act=control.cannot_act(),
    )
