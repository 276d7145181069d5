"""What the gate looks at, gathered from the control and the look."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from everup.loop.look import Look
from everup.safety import Context

if TYPE_CHECKING:
    from everup.loop.control import Control


def local_time(control: Control, at_s: float) -> tuple[int, int]:
    """(Minute of the day, day of the week from 0 for Monday) on the wall's clock."""
    local = datetime.fromtimestamp(at_s + control.wall_ahead_s(), UTC).astimezone()
    return local.hour * 60 + local.minute, local.weekday()


def gate_context(control: Control, look: Look) -> Context:
    """The state is the freshest one: an action begun in this look already counts. Maintenance
    windows are the owner's and go by the clock on the wall, also when that was set since."""
    minute, weekday = local_time(control, look.at_s)
    return Context(
        stack=control.stack,
        settings=control.settings,
        observation=look.observation,
        assessment=look.assessment,
        state=control.state,
        memory=control.memory,
        hard_closure=control.hard_closure,
        local_minute=minute,
        weekday=weekday,
        cannot_act=control.cannot_act(),
    )
