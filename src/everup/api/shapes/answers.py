"""The answer to a wish."""

from __future__ import annotations

from everup.api.shapes.base import Known, Shape
from everup.api.shapes.records import ActionStoryShape
from everup.model.request import AnswerState


class AnswerShape(Shape):
    """`state` accepted: an action began, at `action`; with `?wait=` `outcome` shows how far it got.
    done: there was nothing left to wait for."""

    state: AnswerState
    text: str
    service: str
    action_id: str | None = None
    action: str | None = None
    retry_after_s: Known = None
    outcome: ActionStoryShape | None = None
    is_settled: bool = True


class RollbackShape(AnswerShape):
    """With `?dry_run=true`: `back_to` names what it would go back to, `differences` says what would
    change then, now → then. Values of the environment are not shown."""

    back_to: str | None = None
    differences: tuple[str, ...] = ()
