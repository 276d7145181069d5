"""Perform one step on the world, with a deadline, and say how it went. The only place that acts.

Flows in: an Intended that is already in the journal. Flows out: a Finished. A step that ran out of
time is *unknown*: the next listing settles it, and nothing is done on top of it before. A step
whose intent is older than the lease is not begun: we may have slept, and another may act by now.
The clock is asked last, so that nothing is waited for between its answer and the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from everup.loop.aside import KeepAside
from everup.loop.deadlines import lasts_most_s
from everup.loop.last_words import last_words
from everup.loop.ports import Clock, Runtime
from everup.loop.still import no_more
from everup.model.decision import HOOK, Step
from everup.model.entries import Finished, Intended
from everup.model.errors import (
    EverupError,
    GiveUp,
    NoAnswer,
    NotKept,
    NotSupported,
    NotWanted,
    StillEnds,
    TryAgain,
)
from everup.model.evidence import ENDED, KEPT, OutcomeState
from everup.model.kinds import OF_TRAFFIC, UNKNOWN, ActionKind
from everup.model.runtime import Captured
from everup.model.safe_point import FILES, TO, is_fewer, of_number_alone
from everup.model.scaling import BEFORE, CPUS, INSTANCES, LEAVING, MEMORY, STARTS
from everup.model.settings import Settings
from everup.model.stack import CACHE_CLEAR_HOOK, Limits, ServiceSpec
from everup.model.version import made_of

if TYPE_CHECKING:
    from everup.loop.traffic import Traffic

KILLS = frozenset(
    {
        ActionKind.GRACEFUL_RESTART,
        ActionKind.CONTAINER_RESTART,
        ActionKind.DEPENDENCY_RECOVERY,
        ActionKind.STOP,
        ActionKind.RECREATE,
        ActionKind.SCALE_IN,
        ActionKind.FAILOVER,
        ActionKind.EMERGENCY_ROLLBACK,
    }
)
RECONNECT_HOOK = "reconnect"
ERROR_CHARS_MOST = 4000
UTF8_BYTES_MOST = 4


Kept = Callable[[str, str], Awaitable[Captured]]
"""Service and version → what was kept of it. Raises GiveUp where it is gone."""
Calls = Callable[[Intended], Awaitable[list[str]]]
"""Keeps calls away, or lets them pass again; what was done, in sentences."""


class NotNow(EverupError):
    """What was there is there again, and another try may succeed."""


class NotBegun(EverupError):
    """What the step was for is over, or it came too late; nothing was touched, so that it counts
    as no attempt."""


async def perform(
    runtime: Runtime,
    clock: Clock,
    settings: Settings,
    spec: ServiceSpec,
    intent: Intended,
    answers: Sequence[str] = (),
    aside: KeepAside | None = None,
    kept: Kept | None = None,
    traffic: Traffic | None = None,
    calls: Calls | None = None,
) -> Finished:
    """Never raises but for cancellation; evidence that a kill would destroy is taken first.

    `answers`: what the probe was told lately. `aside`: who is kept in place of being ended; None:
    nobody. `kept`: gives what a service can go back to. `traffic`: keeps requests away meanwhile;
    None: nobody brings any. `calls`: does what is done to calls and not to instances."""
    during: list[str] = []
    has_happened, still_ends = True, ""
    grace_s = float(intent.step.parameters.get("grace_s", spec.stop.grace_s))
    deadline_s = lasts_most_s(intent.step, spec, settings)
    if traffic is not None:
        deadline_s += traffic.lasts_more_s(spec, intent)

    act = _begin_with(runtime, clock, settings, spec, grace_s, aside, kept, calls)
    try:
        if intent.step.kind in KILLS:
            target = intent.step.parameters.get("instance")
            instance = str(target) if target is not None else None
            during.extend(await last_words(runtime, settings, spec.name, instance, answers))
        async with asyncio.timeout(deadline_s):
            if traffic is None:
                during.extend(await act(intent))
            else:
                during.extend(await traffic.around(spec, intent, act))
        state, error = OutcomeState.DONE, ""
    except TimeoutError:
        state, error = OutcomeState.UNKNOWN, f"no answer within {deadline_s:g} s"
    except NoAnswer as silence:
        state, error = OutcomeState.UNKNOWN, str(silence)
    except (NotBegun, NotKept, NotNow, NotSupported, NotWanted) as refusal:
        state, error, has_happened = OutcomeState.FAILED, str(refusal), False
    except StillEnds as failure:
        state, error, still_ends = OutcomeState.FAILED, str(failure), failure.instance
    except EverupError as failure:
        state, error = OutcomeState.FAILED, str(failure)
    except Exception as failure:  # noqa: BLE001 - a foreign error must not leave no outcome
        state, error = OutcomeState.UNKNOWN, f"{type(failure).__name__}: {failure}"
    told = bounded(during, settings.evidence_bytes)
    error = error[:ERROR_CHARS_MOST]
    return Finished(
        clock.now(),
        intent.action_id,
        spec.name,
        state,
        error=error,
        during=told,
        has_happened=has_happened,
        still_ends=(still_ends,) if still_ends else (),
    )


def _begin_with(
    runtime: Runtime,
    clock: Clock,
    settings: Settings,
    spec: ServiceSpec,
    grace_s: float,
    aside: KeepAside | None,
    kept: Kept | None,
    calls: Calls | None,
) -> Callable[[Intended], Awaitable[list[str]]]:
    """What carries an intent out, once it has made sure that it still should."""

    async def act(intent: Intended) -> list[str]:
        if why := await no_more(runtime, intent):
            raise NotBegun(why)
        waited_s = clock.now() - intent.at_s
        if waited_s > settings.lease_s:
            raise NotBegun(f"not begun: {waited_s:.1f} s have passed since the intent")
        if intent.step.kind in OF_TRAFFIC:
            if calls is None:
                raise GiveUp("nobody here can keep calls away")
            return await calls(intent)
        if intent.step.kind is ActionKind.EMERGENCY_ROLLBACK:
            return list(await _go_back(runtime, spec, intent.step, grace_s, kept))
        if aside is None:
            return list(await _call(runtime, spec, intent.step, grace_s))
        return await _keep_or_call(runtime, spec, intent, grace_s, aside)

    return act


def bounded(lines: Sequence[str], bytes_most: int) -> tuple[str, ...]:
    """The last of these lines, as many as fit; that some were left out is said."""
    left, kept = bytes_most, list[str]()
    for line in reversed(lines):
        size = len(line.encode("utf-8", "replace"))
        if size > left:
            end = line[len(line) - left // UTF8_BYTES_MOST :]
            kept.append(f"(left out: what is beyond {bytes_most} bytes) {end}")
            break
        kept.append(line)
        left -= size
    return tuple(reversed(kept))


async def _go_back(
    runtime: Runtime, spec: ServiceSpec, step: Step, grace_s: float, kept: Kept | None
) -> Sequence[str]:
    """What was well before runs again, in as many instances where that is part of it; where it
    cannot, what was there is there again. Who goes is not changed before, and who comes is made of
    what it went back to."""
    if of_number_alone(step.parameters):
        return await _number(runtime, spec.name, step)
    if kept is None:
        raise GiveUp("nothing is kept here to go back to")
    try:
        captured = await kept(spec.name, str(step.parameters.get(TO, "")))
        if not step.parameters.get(FILES):
            # Nobody was told that files are written.
            captured = replace(captured, files=(), version=made_of(captured.version))
        told: list[str] = []
        if is_fewer(step.parameters):
            told += await _number(runtime, spec.name, step)
        told += await runtime.restore(captured, grace_s=grace_s)
    except TryAgain as error:
        raise NotNow(str(error)) from error
    if step.parameters.get(INSTANCES) and not is_fewer(step.parameters):
        try:
            told += await _number(runtime, spec.name, step)
        except EverupError as error:  # the rest is a step of its own, in the next look
            raise NotNow(f"{'; '.join(told)}; their number is as it was: {error}") from error
    return told


async def _number(runtime: Runtime, name: str, step: Step) -> Sequence[str]:
    count, before = int(step.parameters[INSTANCES]), step.parameters.get(BEFORE)
    await runtime.set_instances(name, count)
    return [f"{name} has {count} instances again, {before} before"]


def _forced(told: Sequence[str] | None) -> list[str]:
    """How processes had to be ended, marked for whoever tells it later."""
    return [f"{ENDED}{line}" for line in told or ()]


async def _keep_or_call(
    runtime: Runtime, spec: ServiceSpec, intent: Intended, grace_s: float, aside: KeepAside
) -> list[str]:
    """The sick one is kept for a person and a fresh one has its place; or all is done as usual."""
    said: list[str] = []
    sick = aside.instance(spec, intent)
    if aside.take_in_the_way(spec.name):
        said += [f"{KEPT}{line}" for line in await runtime.release(spec.name)]
        sick = ""
    elif why := aside.why_not(spec, intent):
        said.append(f"{KEPT}not kept aside: {why}")
    if not sick:
        return [*said, *await _call(runtime, spec, intent.step, grace_s)]
    aside.was_kept(intent)
    is_fresh = intent.step.kind is ActionKind.RECREATE
    try:
        told = await runtime.quarantine(
            spec.name, sick, keep_s=spec.quarantine_s, grace_s=grace_s, is_fresh=is_fresh
        )
    except NotKept as refusal:
        aside.was_refused(intent, sick, str(refusal))
        raise
    return [f"{KEPT}{line}" for line in told]


async def _call(runtime: Runtime, spec: ServiceSpec, step: Step, grace_s: float) -> Sequence[str]:
    name = spec.name
    target = step.parameters.get("instance")
    instance = str(target) if target is not None else None
    may_kill = bool(step.parameters.get("may_kill", True))
    match step.kind:
        case ActionKind.START:
            await runtime.start(name, instance)
        case ActionKind.STOP:
            return _forced(await runtime.stop(name, grace_s=grace_s, may_kill=may_kill))
        case ActionKind.GRACEFUL_RESTART | ActionKind.CONTAINER_RESTART:
            told = await runtime.restart(name, instance, grace_s=grace_s, may_kill=may_kill)
            return _forced(told)
        case ActionKind.DEPENDENCY_RECOVERY:
            hook = spec.hooks.get(RECONNECT_HOOK)
            if hook is not None:
                return _heard(await runtime.run_hook(name, RECONNECT_HOOK, hook))
            told = await runtime.restart(name, instance, grace_s=grace_s, may_kill=may_kill)
            return _forced(told)
        case ActionKind.RECREATE:
            await runtime.recreate(name, instance, grace_s=grace_s)
        case ActionKind.CACHE_CLEAR:
            wanted = str(step.parameters.get(HOOK, CACHE_CLEAR_HOOK))
            hook = spec.hooks.get(wanted)
            if hook is None:
                raise EverupError(f"{name} declares no {wanted} hook")
            return _heard(await runtime.run_hook(name, wanted, hook))
        case _:
            return await _change(runtime, name, step, instance, grace_s)
    return ()


async def _change(
    runtime: Runtime, name: str, step: Step, instance: str | None, grace_s: float
) -> Sequence[str]:
    """Its size, or its place on the network."""
    match step.kind:
        case ActionKind.SCALE_OUT | ActionKind.SCALE_IN:
            leaving = [n for n in str(step.parameters.get(LEAVING, "")).split(",") if n]
            await runtime.set_instances(name, int(step.parameters[INSTANCES]), leaving=leaving)
        case ActionKind.SCALE_UP | ActionKind.SCALE_DOWN:
            memory = float(step.parameters.get(MEMORY, UNKNOWN))
            await runtime.set_limits(
                name, Limits(memory, float(step.parameters.get(CPUS, UNKNOWN)))
            )
            if step.parameters.get(STARTS):
                await runtime.start(name)
        case ActionKind.ISOLATE:
            await runtime.isolate(name, instance)
        case ActionKind.FAILOVER:
            return await runtime.failover(name, str(step.parameters["standby"]), grace_s=grace_s)
        case ActionKind.REJOIN if "standby" in step.parameters:
            return await runtime.failback(name)
        case ActionKind.REJOIN:
            await runtime.rejoin(name)
        case _:
            raise EverupError(f"{step.kind} needs a component that is not part of this version")
    return ()


def _heard(output: str) -> list[str]:
    return [output] if output else []
