"""GET /health: is Everup itself alive? Meant for container healthchecks and watchdogs."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Response

from everup import __version__
from everup.api.engine import Control, ControlView
from everup.api.shapes.base import known
from everup.api.shapes.health import FreezeShape, HealthShape
from everup.loop.look import NOTHING_SEEN
from everup.safety import freezes_in_force

router = APIRouter(tags=["health"])

LATE_AFTER_TICKS = 3

Word = Literal["ok", "starting", "stale", "degraded", "halted"]


@router.get("/health", responses={503: {"model": HealthShape, "description": "not looking"}})
async def health(control: Control, response: Response) -> HealthShape:
    """200 while the loop looks; 503 before its first look, when the last one is too old, and when
    this process will never act again."""
    word = health_word(control)
    if word in ("starting", "stale", "halted"):
        response.status_code = 503
    freezes = current_freezes(control)
    waiting, shed = control.journal_queue
    return HealthShape(
        status=word,
        last_look_age_s=look_age_s(control),
        look_expected_every_s=control.settings.tick_s,
        journal=control.journal_fault or "ok",
        journal_waiting=waiting,
        journal_shed=shed,
        cannot_act=control.cannot_act(),
        failing=control.failing(),
        mode=control.stack.mode,
        frozen=bool(freezes),
        freezes=freezes,
        monitor_fault=control.state.monitor_fault,
        stack=control.stack.name,
        version=__version__,
    )


def look_age_s(control: ControlView) -> float | None:
    """Seconds since the latest look; None before the first."""
    return None if control.look is None else known(control.last_look_age_s())


def health_word(control: ControlView) -> Word:
    """How Everup itself is."""
    if control.halted:
        return "halted"
    if control.look is None:
        return "starting"
    age_s = look_age_s(control)
    if age_s is None or age_s > LATE_AFTER_TICKS * control.settings.tick_s:
        return "stale"
    is_failing = control.journal_fault or control.cannot_act() or control.failing()
    return "degraded" if is_failing else "ok"


def current_freezes(control: ControlView) -> list[FreezeShape]:
    """What is frozen, the stack first, then by name."""
    look = control.look
    observation = NOTHING_SEEN if look is None else look.observation
    age_s = look_age_s(control)
    now_s = look.at_s + (age_s or 0.0) if look is not None else float("-inf")
    in_force = freezes_in_force(control.stack, control.state, observation, now_s)
    return [FreezeShape.model_validate(freeze) for freeze in in_force]
