"""For each cause a ladder, gentlest rung first; a person comes after the last one.

The users' table bounds the rungs on running instances: a rung may be used below its score, which
says nothing about whether it comes first. Starting what is dead has no bound.
"""

from __future__ import annotations

from collections.abc import Mapping

from everup.model.kinds import FORETOLD, ActionKind, Cause
from everup.model.settings import Settings

START_DEAD = ActionKind.CONTAINER_RESTART

LADDERS: Mapping[Cause, tuple[ActionKind, ...]] = {
    Cause.CRASH: (START_DEAD, START_DEAD, START_DEAD),
    Cause.CRASH_LOOP: (START_DEAD, START_DEAD, START_DEAD),
    Cause.HANG: (ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART),
    Cause.UNHEALTHY: (ActionKind.GRACEFUL_RESTART, ActionKind.CONTAINER_RESTART),
    Cause.DEPENDENCY_DOWN: (
        ActionKind.DEPENDENCY_RECOVERY,
        ActionKind.GRACEFUL_RESTART,
        ActionKind.CONTAINER_RESTART,
    ),
    # Undone, which is rollback_manager's trade: a restart of it would bring the same again.
    Cause.BAD_DEPLOY: (ActionKind.EMERGENCY_ROLLBACK,),
    # Of these `foretold` permits what a prediction permits, each once.
    Cause.LEAK: (ActionKind.CACHE_CLEAR, ActionKind.GRACEFUL_RESTART),
    Cause.MEMORY_PRESSURE: (ActionKind.CACHE_CLEAR, ActionKind.GRACEFUL_RESTART),
    Cause.SLOW: (),
    # A file that is never closed goes with its process, and no cache holds it.
    Cause.DESCRIPTOR_LEAK: (ActionKind.GRACEFUL_RESTART,),
    # The owner's hook that frees space, alone: a restart makes no room.
    Cause.DISK_FILLING: (ActionKind.CACHE_CLEAR,),
    # More asked than it can take, and a date: nothing that a restart would mend.
    Cause.CONNECTIONS_FULL: (),
    Cause.QUEUE_FULL: (),
    Cause.CERTIFICATE_EXPIRES: (),
    # Nobody knows of what: a person is told.
    Cause.ABOUT_TO_FAIL: (),
    # The hook that its owner declared for it, see `disks`: a restart makes no room.
    Cause.DISK_FULL: (ActionKind.CACHE_CLEAR,),
}

STATEFUL_RUNNING: tuple[ActionKind, ...] = (ActionKind.GRACEFUL_RESTART,)


def ladder(cause: Cause, *, is_stateful: bool, on_running: bool) -> tuple[ActionKind, ...]:
    """The rungs for this cause; a running stateful instance only ever gets the graceful one."""
    rungs = LADDERS.get(cause, ())
    if cause is Cause.DISK_FULL:
        return rungs if on_running else ()
    if cause in FORETOLD:
        return rungs[:1] if is_stateful else rungs
    if is_stateful and on_running and cause is not Cause.BAD_DEPLOY:
        return STATEFUL_RUNNING if rungs else ()
    return rungs


def score_limit(kind: ActionKind, settings: Settings) -> float:
    """The score below which this kind may be used on a running instance."""
    return {
        ActionKind.GRACEFUL_RESTART: settings.graceful_restart_below,
        ActionKind.CONTAINER_RESTART: settings.container_restart_below,
        ActionKind.EMERGENCY_ROLLBACK: settings.rollback_below,
    }.get(kind, settings.health_threshold)
