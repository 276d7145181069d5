"""What comes next in a restore that is under way: the next step, a wait, the way back, or its end.

    forward:  db ─▶ api ─▶ web ─▶ restored
                     │ failed, refused, or somebody wants something else
                     ▼
    back:           api ─▶ db ─▶ put back          whoever cannot be put back: stuck, and why

Flows in: the restore as the journal tells it, the state, what is seen. Flows out: `Go`, `Wait`,
`Turn` or `Over`. Pure and level-triggered: asked in each look, so that a restart of Everup at any
moment goes on from here. What runs decides, not what was asked for: an action that was cut short is
known by the versions that are there. Called by `loop.restores`.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from everup.model.kinds import UNKNOWN, InstanceState, Purpose
from everup.model.observation import Observation
from everup.model.restore import (
    BACK_TRIES_MOST,
    IDLE_TRIES_MOST,
    ONLY_SEEN,
    RESTORE,
    TRIES_MOST,
    Restore,
    RestoreEnding,
    RestoreProgress,
    RestoreStep,
    RestoreTry,
)
from everup.model.settings import Settings
from everup.model.state import StackState
from everup.model.version import is_comparable

NO_PART = "is not part of the stack any more"
"""Since the latest start of Everup: nobody looks at it, so that waiting for it has no end."""


@dataclass(frozen=True, slots=True)
class Go:
    """Do this step; `undoes` is the action that it takes back, on the way back."""

    step: RestoreStep
    is_back: bool
    undoes: str = ""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing now, and why; until when, where that is known."""

    service: str
    reason: str
    until_s: float = UNKNOWN


@dataclass(frozen=True, slots=True)
class Turn:
    """From here on it goes back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Over:
    """It is over. `cases`: service → what a person must know, where it is stuck."""

    ending: RestoreEnding
    reason: str
    cases: tuple[tuple[str, str], ...] = ()


Next = Go | Wait | Turn | Over


def next_step(
    restore: Restore, state: StackState, observation: Observation, settings: Settings
) -> Next:
    """One answer; asking again gives the same until something has changed."""
    if waiting := _in_flight(restore, state):
        return waiting
    if restore.is_back:
        return _back(restore, state, observation, settings)
    return _forward(restore, state, observation, settings)


def _in_flight(restore: Restore, state: StackState) -> Wait | None:
    """One step at a time; whatever else is being done to one of its services ends first."""
    for step in restore.steps:
        flight = state.in_flight.get(step.service)
        if flight is None:
            continue
        own = flight.step.parameters.get(RESTORE) == restore.id
        what = "its step" if own else f"{flight.step.kind} {flight.action_id}"
        return Wait(step.service, f"{what} is {flight.phase}")
    return None


def _forward(
    restore: Restore, state: StackState, observation: Observation, settings: Settings
) -> Next:
    for step in restore.steps:
        name = step.service
        if restore.is_done(name):
            there = _versions(observation, name)
            if other := _is_other(name, there, {step.to_version}):
                return Turn(other)
            continue
        if name not in observation.services:
            return Turn(f"{name} {NO_PART}")
        there = _versions(observation, name)
        if other := _is_other(name, there, {step.from_version, step.to_version}):
            return Turn(other)
        if state.service(name).purpose is Purpose.STOPPED:
            by = state.service(name).purpose_by
            waiting = _may_come_back(name, state, observation.at_s, settings)
            return waiting or Turn(f"{name} was stopped by {by}")
        tries = restore.tries_of(name, is_back=False)
        if tries and not _may_repeat(tries):
            return Turn(f"{name}: {tries[-1].error or 'it could not be proven'}")
        if waiting := _backs_off(name, tries, observation.at_s, settings):
            return waiting
        return Go(step, is_back=False)
    titles = ", ".join(f"{s.service} ({s.to_title or s.to_version})" for s in restore.steps)
    return Over(RestoreEnding.RESTORED, f"every step was proven: {titles}")


def _may_repeat(tries: tuple[RestoreTry, ...]) -> bool:
    """What changed nothing, or was cut short by a crash, says nothing against the step."""
    last = tries[-1]
    harmed = [t for t in tries if t.has_happened]
    if len(tries) >= IDLE_TRIES_MOST or len(harmed) >= TRIES_MOST:
        return False
    return last.was_cut or not last.has_happened


def _back(
    restore: Restore, state: StackState, observation: Observation, settings: Settings
) -> Next:
    """The reverse of what was changed. One that cannot be put back keeps nobody else from it."""
    cases: list[tuple[str, str]] = []
    for name in reversed(restore.touched):
        step = restore.step_of(name)
        if step is None or restore.is_put_back(name):
            continue
        seen = observation.services.get(name)
        if seen is None:  # each service of the stack has its place there, seen or not
            cases.append((name, f"{name} {NO_PART}, and is left as it is"))
            continue
        if not seen.is_known:
            return Wait(name, f"{name} is not seen at present")
        there = _versions(observation, name)
        states = {one.instance.state for one in seen.instances}
        is_as_many = not step.to_instances or len(seen.instances) == step.from_instances
        if there == {step.from_version} and is_as_many and InstanceState.EXITED not in states:
            continue  # it was never changed, or is back already
        if waiting := _may_come_back(name, state, observation.at_s, settings):
            return waiting
        if case := _beyond(restore, step, state, there):
            cases.append((name, case))
            continue
        tries = restore.tries_of(name, is_back=True)
        if waiting := _backs_off(name, tries, observation.at_s, settings):
            return waiting
        return Go(step, is_back=True, undoes=_undone(restore, name))
    if cases:
        told = "; ".join(text for _, text in cases)
        return Over(RestoreEnding.STUCK, f"{restore.back_because}; {told}", tuple(cases))
    did = ", ".join(reversed(restore.touched))
    what = f"put back as before: {did}" if did else "nothing had been changed"
    return Over(RestoreEnding.PUT_BACK, f"{restore.back_because}; {what}")


def _beyond(restore: Restore, step: RestoreStep, state: StackState, there: set[str]) -> str:
    """Why nothing more is done to put it back; "" while something is."""
    name, remembered = step.service, state.service(step.service)
    title = step.from_title or step.from_version
    if other := _is_other(name, there, {step.from_version, step.to_version}):
        return f"{other}, and is left as it is"
    if remembered.purpose is Purpose.STOPPED:
        return (
            f"{name} was stopped by {remembered.purpose_by} while it was being changed, and is "
            f"left stopped; it ran from {title} before"
        )
    tries = restore.tries_of(name, is_back=True)
    if len(tries) >= BACK_TRIES_MOST:
        return f"{name} could not be put back to {title} in {len(tries)} tries: {tries[-1].error}"
    return ""


def _may_come_back(name: str, state: StackState, now_s: float, settings: Settings) -> Wait | None:
    """Was it ended beside Everup, and so lately that it may only be an engine that restarts?"""
    remembered = state.service(name)
    if remembered.purpose is not Purpose.STOPPED or not remembered.purpose_by.startswith(ONLY_SEEN):
        return None
    due_s = remembered.purpose_at_s + settings.change_most_s
    text = f"{name} was stopped by {remembered.purpose_by}, and may come back"
    return Wait(name, text, due_s) if now_s < due_s else None


def _backs_off(
    name: str, tries: tuple[RestoreTry, ...], now_s: float, settings: Settings
) -> Wait | None:
    if not tries:
        return None
    wait_s = min(settings.backoff_most_s, settings.backoff_first_s * 2.0 ** (len(tries) - 1))
    due_s = tries[-1].at_s + wait_s
    if now_s >= due_s:
        return None
    return Wait(name, f"{name} is tried again: {tries[-1].error}", due_s)


def _undone(restore: Restore, service: str) -> str:
    """The action that a step back takes back; the restore itself where none has ended yet."""
    tries = restore.tries_of(service, is_back=False)
    return tries[-1].action_id if tries else restore.id


def _is_other(name: str, there: Set[str], known: Set[str]) -> str:
    """Why what is there is none of these; "" when one of them is, or nothing is there."""
    if not there or there & known:
        return ""
    if any(is_comparable(one, other) for one in there for other in known):
        return f"{name} was changed by somebody else meanwhile"
    return f"{name} runs from what cannot be compared with what was kept any more"


def _versions(observation: Observation, service: str) -> set[str]:
    """All that its instances run from; empty where nothing is known."""
    seen = observation.services.get(service)
    if seen is None or not seen.is_known:
        return set()
    return {one.instance.version for one in seen.instances}


def progress(restore: Restore, state: StackState) -> RestoreProgress:
    """Which step of how many in this direction, and what comes next."""
    if restore.is_back:
        order = tuple(reversed(restore.touched))
        over = [n for n in order if restore.is_put_back(n)]
    else:
        order = tuple(step.service for step in restore.steps)
        over = [n for n in order if restore.is_done(n)]
    if not restore.is_open:
        return RestoreProgress(len(order), len(over))
    left = [n for n in order if n not in over]
    if not left:
        return RestoreProgress(len(order), len(over))
    flight = state.in_flight.get(left[0])
    doing = "" if flight is None else f"{flight.step.kind} {flight.action_id} is {flight.phase}"
    return RestoreProgress(
        len(order),
        len(over),
        len(over) + 1,
        left[0],
        doing,
        left[1] if len(left) > 1 else "",
    )
