"""Restores: services that go back together, planned, begun, led from look to look, and ended.

Flows in: what people (and triggers) want restored, and each look. Flows out: plans, `RestoreBegan`,
`RestoreTurned` and `RestoreEnded` entries, and a decision for the one service whose turn it is: an
`emergency_rollback` that passes the gate and is proven like any other. Nothing is remembered here
that the journal does not tell, so that the next Everup goes on where this one ended.

Everything that is kept is read and checked before the first step, and what runs now is kept before
it too: `_kept` and `_keep_present` are the only places that know where it lies.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from everup.loop.context import gate_context
from everup.loop.look import Decision, Look
from everup.loop.stuck import escalated
from everup.model.decision import Check, Delayed, Hold, HoldReason, Proposal, Refused
from everup.model.entries import Entry, RestoreBegan, RestoreEnded, RestoreTurned
from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.kinds import InstanceState, Origin, is_known
from everup.model.request import Answer, AnswerState
from everup.model.restore import (
    WAITS_MOST_S,
    NothingToDo,
    Restore,
    RestorePlan,
    RestoreRefusal,
    RestoreStep,
    RestoreTarget,
    RunsNow,
    Wanted,
)
from everup.model.runtime import Capability
from everup.model.snapshot import Snapshot, SnapshotReason
from everup.rollback_manager import (
    Go,
    Next,
    Over,
    Turn,
    Wait,
    next_step,
    plan_restore,
    proposal_of,
    resolved,
)
from everup.safety import Context, judge

if TYPE_CHECKING:
    from everup.loop.control import Control

NEEDED = (Capability.CAPTURE, Capability.RESTORE)
WITHOUT_END = frozenset({Check.FREEZE, Check.MAINTENANCE})
"""What somebody said, and is waited for."""
NOT_BEGUN = frozenset({Check.FREEZE, Check.MAINTENANCE, Check.LEADERSHIP, Check.MONITOR_SANE})
"""Why a person is told to ask again, rather than that it has begun and waits."""
MOVES_MOST = 3
"""In one look: turned, and over."""


@dataclass(frozen=True, slots=True)
class RestoreWish:
    """Who wants what restored, and why."""

    target: RestoreTarget
    by: str
    reason: str = ""
    origin: Origin = Origin.PERSON
    overrides: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RestoreAnswer:
    """What became of the wish: begun with an id, nothing to do, or why not. `plan`: what would be
    or is done, where there is one."""

    answer: Answer
    plan: RestorePlan | None = None
    restore_id: str = ""


class Snapshots(Protocol):
    """What restores want of `loop.snapshots`."""

    async def get(self, snapshot_id: str) -> Snapshot | None:
        """The manifest, proven by its sum."""

    async def take(self, reason: SnapshotReason, by: str, timeout_s: float) -> Snapshot:
        """Of what runs now, kept before this returns."""


class Restores:
    """One at a time for each stack. `snapshots` None: only what is kept of each service."""

    def __init__(self, snapshots: Snapshots | None = None) -> None:
        self.snapshots = snapshots
        self._turn = asyncio.Lock()
        self._delayed_since: dict[str, float] = {}
        self._letting_go: asyncio.Task[None] | None = None

    async def plan(
        self, control: Control, target: RestoreTarget
    ) -> RestorePlan | NothingToDo | tuple[RestoreRefusal, ...]:
        """What would be done now; nothing is touched. Refusals alone: it cannot even be planned.

        Raises:
            TryAgain: what is kept, or the engine, cannot be asked now.
        """
        manifest = control.runtime.manifest
        for needed in NEEDED:
            if not manifest.can(needed):
                why = manifest.why_not.get(needed, f"the {manifest.name} runtime cannot {needed}")
                return (RestoreRefusal("", "not_possible", why),)
        whole = resolved(target, control.stack, control.state, control.settings)
        if not isinstance(whole, RestoreTarget):
            return whole
        try:
            async with asyncio.timeout(control.settings.action_deadline_s):
                now, found = await _facts(control, whole)
        except TimeoutError:
            raise TryAgain("what is kept, or the engine, did not answer in time") from None
        return plan_restore(whole, control.stack, control.state, now, found, control.settings)

    async def begin(self, control: Control, wish: RestoreWish) -> RestoreAnswer:
        """Check everything, keep what runs now, and write down that it begins.

        Raises:
            TryAgain: what is kept, the engine or the journal cannot be reached now.
        """
        async with self._turn:
            if no := _not_now(control):
                return RestoreAnswer(no)
            plan = await self.plan(control, wish.target)
            if isinstance(plan, NothingToDo):
                left = [f"{one.service}: {one.reason}" for one in plan.left]
                text = "; ".join([plan.reason, *left])
                return RestoreAnswer(Answer(AnswerState.DONE, text))
            if not isinstance(plan, RestorePlan):
                return RestoreAnswer(_refused(plan))
            if plan.refusals:
                return RestoreAnswer(_refused(plan.refusals), plan)
            if no := _held_back(control, wish, plan):
                return RestoreAnswer(no, plan)
            try:
                back_to_id, steps = await self._keep_present(control, plan, wish.by)
            except GiveUp as error:
                text = f"what runs now could not be kept, so that there is no way back: {error}"
                no = Answer(AnswerState.REFUSED, text, check="no_way_back")
                return RestoreAnswer(no, plan)
            restore_id = control.ids.new("res")
            entry = RestoreBegan(
                control.clock.now(),
                restore_id,
                wish.by,
                wish.reason,
                steps,
                wish.target.snapshot_id,
                back_to_id,
                wish.origin,
                dict(wish.overrides),
            )
            await control.write([entry])
        control.wake("a restore begins")
        order = ", ".join(step.service for step in steps)
        return RestoreAnswer(
            Answer(AnswerState.ACCEPTED, f"begun as {restore_id}: {order}"), plan, restore_id
        )

    async def turn_back(self, control: Control, restore_id: str, by: str, reason: str) -> Answer:
        """A person wants it undone: what it has changed is put back."""
        restore = control.state.restores.get(restore_id)
        if restore is None or not restore.is_open:
            return Answer(AnswerState.REFUSED, f"{restore_id} is not under way", check="not_open")
        if restore.is_back:
            return Answer(AnswerState.DONE, f"{restore_id} is on its way back already")
        why = f"{by} wants it undone" + (f": {reason}" if reason else "")
        await control.write([RestoreTurned(control.clock.now(), restore_id, why)])
        control.wake("a restore goes back")
        return Answer(AnswerState.ACCEPTED, f"{restore_id} goes back")

    async def decide(self, control: Control, look: Look, asked: frozenset[str]) -> list[Decision]:
        """The decision for the service whose turn it is. `asked`: somebody has a wish for these
        that comes first."""
        for _ in range(MOVES_MOST):
            restore = control.state.open_restore
            if restore is None:
                return []
            answer = next_step(restore, control.state, look.observation, control.settings)
            if isinstance(answer, Go):
                if answer.step.service in asked:
                    return []
                decision, turn = self._judged(control, look, restore, answer)
                if turn is None:
                    return [decision]
                answer = turn
            if isinstance(answer, Wait):
                return _waiting(answer)
            await self._move(control, look, restore, answer)
        return []

    def _judged(
        self, control: Control, look: Look, restore: Restore, go: Go
    ) -> tuple[Decision, Turn | None]:
        """The gate's answer; and that it turns, where waiting has no end that anybody knows."""
        context = gate_context(control, look)
        proposal = _proposal(context, restore, go, look)
        verdict = judge(proposal, context)
        decision = Decision(go.step.service, proposal=proposal, verdict=verdict)
        turn = None
        if isinstance(verdict, Refused) and not go.is_back:
            turn = Turn(f"{go.step.service}: {verdict.check}: {verdict.reason}")
        if not isinstance(verdict, Delayed) or verdict.check in WITHOUT_END:
            self._delayed_since.pop(proposal.key, None)
            return decision, turn
        if proposal.key not in self._delayed_since:
            self._delayed_since = {proposal.key: look.at_s}
        waited_s = look.at_s - self._delayed_since[proposal.key]
        if waited_s > WAITS_MOST_S * control.settings.time_scale and not go.is_back:
            turn = Turn(f"{go.step.service} has waited for {waited_s:.0f} s: {verdict.reason}")
        return decision, turn

    async def _move(
        self, control: Control, look: Look, restore: Restore, answer: Turn | Over
    ) -> None:
        if isinstance(answer, Turn):
            await control.write([RestoreTurned(look.at_s, restore.id, answer.reason)])
            return
        entries: list[Entry] = []
        for service, case in answer.cases:
            entries += escalated(control, look, restore, service, case)
        entries.append(RestoreEnded(look.at_s, restore.id, answer.ending, answer.reason))
        await control.write(entries)
        self._letting_go = asyncio.create_task(_let_go(control, restore), name="restore let go")

    async def snapshot(self, snapshot_id: str) -> Snapshot | None:
        """The one with this id, where snapshots are taken.

        Raises:
            GiveUp: it is damaged.
        """
        return None if self.snapshots is None else await self.snapshots.get(snapshot_id)

    async def _keep_present(
        self, control: Control, plan: RestorePlan, by: str
    ) -> tuple[str, tuple[RestoreStep, ...]]:
        """What runs now, so that there is a way back: the id of a snapshot of all of it ("" where
        none are taken), and the steps with what each runs from.

        Raises:
            GiveUp, TryAgain: it cannot be kept; nothing is held.
        """
        back_to_id = ""
        if self.snapshots is not None:
            timeout_s = control.settings.action_deadline_s
            taken = await self.snapshots.take(SnapshotReason.BEFORE_RESTORE, by, timeout_s)
            back_to_id = taken.id
        return back_to_id, await _hold_present(control, plan)

    async def close(self) -> None:
        """End; what is still held is swept by the next start."""
        if self._letting_go is not None:
            self._letting_go.cancel()
            await asyncio.gather(self._letting_go, return_exceptions=True)


def _proposal(context: Context, restore: Restore, go: Go, look: Look) -> Proposal:
    seen = look.observation.services.get(go.step.service)
    runs = seen is not None and any(
        one.instance.state is not InstanceState.EXITED for one in seen.instances
    )
    return proposal_of(
        go,
        restore,
        context.stack,
        context.assessment,
        context.state,
        context.settings,
        is_running=runs,
    )


def _waiting(answer: Wait) -> list[Decision]:
    """Only what has an end of its own calls for a look then."""
    if not is_known(answer.until_s):
        return []
    hold = Hold(answer.service, HoldReason.IN_FLIGHT, answer.reason, answer.until_s)
    return [Decision(answer.service, hold=hold)]


def _not_now(control: Control) -> Answer | None:
    if under_way := control.state.open_restore:
        text = f"{under_way.id} is under way: {', '.join(s.service for s in under_way.steps)}"
        return Answer(AnswerState.REFUSED, text, check="restore_under_way")
    if control.look is None:
        wait_s = control.settings.tick_s
        text = "the first look is not over"
        return Answer(AnswerState.DELAYED, text, check="first_look", retry_after_s=wait_s)
    return None


def _refused(refusals: tuple[RestoreRefusal, ...]) -> Answer:
    text = "; ".join(one.reason for one in refusals)
    return Answer(AnswerState.REFUSED, text, check=refusals[0].name)


def _held_back(control: Control, wish: RestoreWish, plan: RestorePlan) -> Answer | None:
    """What would only make it wait, of any of its services: then nothing is begun."""
    look = control.look
    assert look is not None
    context = gate_context(control, look)
    steps = tuple(
        RestoreStep(
            *(s.service, s.from_version, s.to_version),
            from_instances=s.instances_now,
            to_instances=s.instances_then,
        )
        for s in plan.steps
    )
    draft = Restore(
        "draft", wish.by, wish.origin, wish.reason, look.at_s, steps, overrides=wish.overrides
    )
    for step in steps:
        verdict = judge(_proposal(context, draft, Go(step, is_back=False), look), context)
        if isinstance(verdict, Delayed) and verdict.check in NOT_BEGUN:
            wait_s = verdict.until_s - look.at_s if is_known(verdict.until_s) else None
            return Answer(
                AnswerState.DELAYED, verdict.reason, check=verdict.check, retry_after_s=wait_s
            )
        if isinstance(verdict, Refused):
            return Answer(AnswerState.REFUSED, verdict.reason, check=verdict.check)
    return None


async def _facts(
    control: Control, target: RestoreTarget
) -> tuple[dict[str, RunsNow], dict[tuple[str, str], tuple[str, str]]]:
    """What runs now of each, and what is wrong with what is kept of those that would change."""
    now = {name: await _runs_now(control, name) for name in target.services}
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for name, wanted in target.services.items():
        is_there = now[name].version == wanted.version and not now[name].others
        if name in control.stack.services and not is_there:
            if trouble := await _kept(control, wanted):
                found[name, wanted.version] = trouble
    return now, found


async def _runs_now(control: Control, service: str) -> RunsNow:
    """As the runtime and the last look see it; without a version where nothing is there."""
    look = control.look
    seen = None if look is None else look.observation.services.get(service)
    if service not in control.stack.services or seen is None or not seen.instances:
        return RunsNow(service)
    versions = {one.instance.version for one in seen.instances}
    try:
        now = await control.runtime.capture(service)
    except GiveUp:
        return RunsNow(service, instances=len(seen.instances))
    others = tuple(sorted(versions - {now.version}))
    can_count = control.runtime.manifest.can(Capability.SET_INSTANCES)
    count = len(seen.instances) if can_count and not control.state.service(service).isolated else 0
    return RunsNow(service, now.version, now.title or now.version, count, others)


async def _kept(control: Control, wanted: Wanted) -> tuple[str, str] | None:
    """(name, reason) of what is wrong with what is kept of it; None: it is whole, and all that it
    needs is there as far as that can be known before."""
    try:
        captured = await control.safe_points.get(wanted.service, wanted.version)
    except GiveUp as why:
        return "not_kept", str(why)
    if captured.version and captured.version != wanted.version:
        text = f"what is kept as {wanted.title or wanted.version} of {wanted.service} is damaged"
        return "damaged", text
    if lacks := await control.runtime.lacks(captured):
        return "image_missing", f"{wanted.service}: {lacks}"
    return None


async def _hold_present(control: Control, plan: RestorePlan) -> tuple[RestoreStep, ...]:
    """The steps with what each runs from, which is kept from now on.

    Raises:
        GiveUp, TryAgain: it cannot be kept; nothing is held.
    """
    steps: list[RestoreStep] = []
    try:
        for step in plan.steps:
            async with asyncio.timeout(control.settings.action_deadline_s):
                point = await control.safe_points.hold(control, step.service, step.from_version)
            steps.append(
                RestoreStep(
                    step.service,
                    step.from_version,
                    step.to_version,
                    step.from_title if step.instances_then else point.title,
                    step.to_title,
                    point.image,
                    point.reference,
                    step.instances_now,
                    step.instances_then,
                )
            )
    except (EverupError, TimeoutError) as error:
        await control.safe_points.let_go(control, steps)
        if isinstance(error, TimeoutError):
            raise TryAgain("what runs now could not be kept in time") from None
        raise
    return tuple(steps)


async def _let_go(control: Control, restore: Restore) -> None:
    await control.safe_points.let_go(control, restore.steps)


__all__ = ["Next", "RestoreAnswer", "RestoreWish", "Restores"]
