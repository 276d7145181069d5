"""Restores: what would be done, what is done, and how far it is."""

from __future__ import annotations

from everup.api.shapes.answers import AnswerShape
from everup.api.shapes.base import Known, Shape
from everup.model.kinds import Origin
from everup.model.restore import RestoreEnding


class PlannedStepShape(Shape):
    """One service that would change, in its place. `instances_then` 0: nobody says."""

    service: str
    from_version: str
    from_title: str
    to_version: str
    to_title: str
    instances_now: int
    instances_then: int


class LeftAloneShape(Shape):
    """One that would not, and why."""

    service: str
    reason: str


class RestoreRefusalShape(Shape):
    """What stands against all of it."""

    service: str
    name: str
    reason: str


class RestoreTryShape(Shape):
    """An ended action of it. `is_back`: on the way back."""

    action_id: str
    is_back: bool
    has_passed: bool
    at_s: Known
    error: str


class RestoreStepShape(Shape):
    """One service. `state`: waiting, under_way, restored, failed, putting_back or put_back."""

    service: str
    from_version: str
    from_title: str
    to_version: str
    to_title: str
    state: str
    tries: tuple[RestoreTryShape, ...]


class RestoreProgressShape(Shape):
    """Step `number` of `of` in its present direction; `done` are over."""

    of: int
    done: int
    number: int
    service: str
    doing: str
    next_service: str


class RestoreShape(Shape):
    """One restore. `ending` null: it is under way. `is_back`: it puts back what it has changed.
    `waiting_for`: what the next step waits for."""

    id: str
    by: str
    origin: Origin
    reason: str
    snapshot_id: str
    back_to_id: str
    began_at_s: Known
    is_back: bool
    back_because: str
    ending: RestoreEnding | None
    ended_because: str
    ended_at_s: Known
    waiting_for: str
    progress: RestoreProgressShape
    steps: tuple[RestoreStepShape, ...]


class RestoresShape(Shape):
    """The one that is under way first, then the latest that ended, newest first."""

    restores: list[RestoreShape]


class RestoreAnswerShape(AnswerShape):
    """With `?dry_run=true` only the plan. `refusals`: why not; then nothing was begun."""

    restore_id: str | None = None
    restore: str | None = None
    steps: tuple[PlannedStepShape, ...] = ()
    left: tuple[LeftAloneShape, ...] = ()
    refusals: tuple[RestoreRefusalShape, ...] = ()
    notes: tuple[str, ...] = ()
    ended: RestoreShape | None = None
