"""Is what the look had found still so? Asked in the last moment before the world is touched.

Flows in: the intent and a fresh listing. Flows out: why the step is not begun, or "". A look is up
to some seconds old: whoever was stopped by a debugger, a backup or an overloaded host may have gone
on since, and a process that goes on is not hung; and somebody may have begun to stop what we were
about to restart or to start, which is then theirs; or have given it another number, of which ours
would take away what they have just added.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from everup.loop.ports import Runtime
from everup.loop.scaler_waits import why_not_fewer
from everup.model.decision import STUCK, Check
from everup.model.entries import Intended
from everup.model.kinds import CANNOT_HEAR, ActionKind, InstanceState, Origin
from everup.model.observation import Instance
from everup.model.scaling import BEFORE, COUNTS, INSTANCES
from everup.safety.freezes import freeze_on, why_frozen

if TYPE_CHECKING:
    from everup.loop.control import Control

LISTED_WITHIN_S = 2.0
SAID_BY_A_PERSON = frozenset({ActionKind.START, ActionKind.STOP})


async def no_more(runtime: Runtime, intent: Intended) -> str:
    """Why there is no more reason for it; "" while there is, or where nobody can say."""
    stuck = bool(intent.step.parameters.get(STUCK))
    minds_wishes = not _is_a_wish(intent)
    if not stuck and not minds_wishes:
        return ""
    try:
        async with asyncio.timeout(LISTED_WITHIN_S):
            listing = await runtime.list()
    except Exception:  # noqa: BLE001 - who cannot be asked says nothing against what was proven
        return ""
    if listing.fault:
        return ""
    target, name = intent.step.target, intent.step.instance
    meant = [i for i in listing.instances if i.service == target and name in ("", i.name)]
    why = _stopped(meant, intent) if minds_wishes else ""
    why = why or _counted_anew(meant, intent)
    return why or (_goes_on(meant) if stuck else "")


def held_back(control: Control, intent: Intended) -> str:
    """Who has said since to leave it alone, or that somebody else holds the stack now; "": nobody.
    For actions that take their time before they touch anybody."""
    look, service = control.look, intent.step.target
    if control.halted or look is None or intent.overrides.get(Check.FREEZE):
        return control.halted
    now_s = control.clock.now()
    frozen = freeze_on(service, control.stack, control.state, look.observation, now_s)
    if frozen is not None:
        return why_frozen(frozen)
    step = intent.step
    if step.kind is not ActionKind.SCALE_IN or intent.origin is not Origin.SCALING or step.undoes:
        return ""
    return why_not_fewer(control, look, service) or _is_needed_again(control, intent)


def _is_needed_again(control: Control, intent: Intended) -> str:
    """Is more asked by now than those who stay bear?"""
    opinion = control.scaler.opinions.get(intent.step.target)
    if opinion is None:
        return ""  # not seen at this moment, as it was not at others: what was seen still holds
    count = int(intent.step.parameters.get(INSTANCES, 0))
    plan, now = opinion.plan, opinion.choice.instances_now
    if plan.floor <= count and plan.wanted <= now:
        return ""
    return f"not begun: {max(plan.floor, plan.wanted)} instances are needed by now"


def _is_a_wish(intent: Intended) -> bool:
    """A person says what they want, or that they know of somebody else's change."""
    if intent.overrides.get(Check.SOMEONE_ELSES_CHANGE):
        return True
    return intent.origin is Origin.PERSON and intent.step.kind in SAID_BY_A_PERSON


def _stopped(meant: Sequence[Instance], intent: Intended) -> str:
    """Somebody stops it, or has done so since the look."""
    for one in meant:
        how = one.ending
        death = one.exit
        known = intent.before.instances.get(one.name)
        is_news = known != f"{one.identity}|{InstanceState.EXITED}"
        if death is not None and one.state is InstanceState.EXITED and is_news:
            how = how or death.asked
        if how:
            return f"not begun: somebody stops it ({how}): {one.name}"
    return ""


def _counted_anew(meant: Sequence[Instance], intent: Intended) -> str:
    """Of our own accord the number that it was decided on is changed, or none at all."""
    step = intent.step
    if intent.origin is not Origin.SCALING or step.kind not in COUNTS or step.undoes:
        return ""
    before, now = int(step.parameters.get(BEFORE, 0)), len(meant)
    if now == before:
        return ""
    return f"not begun: somebody has given it another number: there are {now}, and were {before}"


def _goes_on(meant: Sequence[Instance]) -> str:
    running = [i for i in meant if i.state is InstanceState.RUNNING]
    going = [i for i in running if i.process_state and i.process_state not in CANNOT_HEAR]
    if not going or len(going) < len(running):
        return ""
    names = ", ".join(f"{i.name} (process in state {i.process_state})" for i in going)
    return f"not begun: it goes on again since it was last looked at: {names}"
