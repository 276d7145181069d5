"""Snapshots: the whole stack recorded, before changes, after them, and every half an hour.

Flows in: completed looks, actions about to begin, people's wishes. Flows out: parts and manifests
on the shelf, names of ours on images, `SnapshotTaken`, `SnapshotForgotten` and `SnapshotVerified`.
Called by `control` after each look and by `under_way` before a change; neither waits for more than
a bounded moment. `gather` reads what a service runs from; `rollback_manager` chooses.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from everup.loop.gather import Gather, OwnFiles, Parts
from everup.loop.manifests import manifest_of, snapshot_from, users, with_sum
from everup.loop.pins import Unwanted, held_images, unpin
from everup.loop.ports import Shelf
from everup.loop.schedule import is_rest
from everup.model.entries import (
    Entry,
    InstancesCounted,
    Intended,
    SnapshotForgotten,
    SnapshotTaken,
    SnapshotVerified,
    VersionSeen,
)
from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.kinds import UNKNOWN, ActionKind, is_known
from everup.model.runtime import Capability, Captured, KeptFile
from everup.model.snapshot import (
    Checked,
    Harm,
    ServiceSnapshot,
    Snapshot,
    SnapshotMark,
    SnapshotReason,
)
from everup.model.version import only_files_differ
from everup.rollback_manager import is_due, to_drop
from everup.rollback_manager.retain import all_safe, taken_at_s

if TYPE_CHECKING:
    from everup.loop.control import Control

OURSELVES = "everup"
AGAIN_S = 60.0
"""After a try that failed."""

FILES_EACH_S = 300.0
"""Files that never rest are recorded no more often, or they would push out all that is older."""

HARMS_MOST = 50
ASKED_MOST = 4
CHANGING = frozenset(
    {
        ActionKind.RECREATE,
        ActionKind.SCALE_OUT,
        ActionKind.SCALE_IN,
        ActionKind.SCALE_UP,
        ActionKind.SCALE_DOWN,
        ActionKind.EMERGENCY_ROLLBACK,
        ActionKind.ISOLATE,
        ActionKind.FAILOVER,
    }
)
"""Before an action of these kinds the stack is recorded."""


class Snapshots:
    """Takes, keeps, gives up and verifies; one task at a time beside the loop. `held`: ids that
    whoever goes back to them needs until further notice."""

    def __init__(self, control: Control, shelf: Shelf, own_files: OwnFiles | None) -> None:
        self._control, self._shelf = control, shelf
        self._gather = Gather(control, shelf, own_files)
        self._task: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._changed_at_s = self._files_at_s = self._files_since_s = UNKNOWN
        self._not_before_s = 0.0
        self._asked: set[asyncio.Task[Snapshot]] = set()
        self._unwanted = Unwanted()
        self.held: set[str] = set()
        self.fault = ""
        self.kept = (0, 0)  # objects and bytes, as last counted

    # --- what others ask for ----------------------------------------------------------------------

    def why_not(self) -> str:
        """Why none can be taken at all; "" while they can."""
        if not self._control.settings.rollback_enabled:
            return "rollback is switched off: rollback_enabled, or ROLLBACK_ENABLED, is false"
        if not self._control.runtime.manifest.can(Capability.CAPTURE):
            name = self._control.runtime.manifest.name
            return f"the {name} runtime cannot tell what its services run from"
        return self._control.cannot_act()

    async def take(
        self,
        reason: SnapshotReason,
        by: str,
        timeout_s: float,
        *,
        note: str = "",
        with_dumps: bool = False,
    ) -> Snapshot:
        """Record the stack now, within `timeout_s` and the time that dumps may take. A service that
        cannot be recorded is in it with the reason.

        Raises:
            TryAgain, GiveUp, AskAHuman: it could not be kept; says why.
        """
        if why := self.why_not():
            raise GiveUp(f"no snapshot can be taken: {why}")
        began_s = self._control.clock.now()
        try:
            async with asyncio.timeout(timeout_s):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            raise TryAgain(f"another snapshot is not done after {timeout_s:g} s") from None
        try:
            dumps = await self._gather.dumps() if with_dumps else {}
            left_s = timeout_s - (self._control.clock.now() - began_s)
            parts = await self._gather.parts(max(left_s, 0.0) if not with_dumps else timeout_s)
            dumped = self._gather.dumped(parts, dumps)
            return await self._keep(reason, by, began_s, note, dumped, timeout_s)
        except TimeoutError:
            raise TryAgain(f"it was not written within {timeout_s:g} s") from None
        finally:
            self._one_at_a_time.release()

    def ask(self, by: str, note: str, *, with_dumps: bool) -> asyncio.Task[Snapshot]:
        """Begin one that a person asked for; it goes on when nobody waits for it any more.

        Raises:
            TryAgain: so many were asked for already. GiveUp: none can be taken.
        """
        if why := self.why_not():
            raise GiveUp(f"no snapshot can be taken: {why}")
        if len(self._asked) >= ASKED_MOST:
            raise TryAgain(f"{len(self._asked)} snapshots are being taken already")
        most_s = self._control.settings.action_deadline_s
        taking = self.take(SnapshotReason.BY_HAND, by, most_s, note=note, with_dumps=with_dumps)
        task = asyncio.create_task(taking, name="snapshot by hand")
        self._asked.add(task)
        task.add_done_callback(self._was_taken)
        return task

    def _was_taken(self, task: asyncio.Task[Snapshot]) -> None:
        self._asked.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._control.beside.rooms.log.warning("snapshot_not_taken", text=str(error))

    async def before(self, intent: Intended) -> str:
        """Record the stack before an action changes it, within a moment. What is known already is
        not asked for again; "" or why there is none, which stops nothing."""
        if intent.step.kind not in CHANGING or not self._control.settings.rollback_enabled:
            return ""
        under_way = self._control.state.open_restore
        if under_way is not None and under_way.back_to_id:
            if any(step.service == intent.step.target for step in under_way.steps):
                return ""  # one of the whole stack was taken before the first step
        if why := self.why_not():
            return f"no snapshot before it: {why}"
        most_s = self._control.settings.snapshot_before_most_s
        restores = intent.step.kind is ActionKind.EMERGENCY_ROLLBACK
        reason = SnapshotReason.BEFORE_RESTORE if restores else SnapshotReason.BEFORE_CHANGE
        began_s, note = self._control.clock.now(), f"{intent.step.kind} {intent.action_id}"
        try:
            async with asyncio.timeout(most_s):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            return f"no snapshot before it: another one was not done within {most_s:g} s"
        try:
            parts = await self._gather.known_parts(most_s)
            await self._keep(reason, intent.by, began_s, note, parts, most_s)
        except Exception as error:  # noqa: BLE001 - healing does not wait for it
            return f"no snapshot before it: {_said(error)}"
        finally:
            self._one_at_a_time.release()
        return ""

    async def get(self, snapshot_id: str) -> Snapshot | None:
        """The manifest of one that is kept, proven by its sum; None: there is none of this id.

        Raises:
            Damaged: it is not as it was. TryAgain, AskAHuman: it cannot be read.
        """
        mark = self._control.state.snapshot(snapshot_id)
        return None if mark is None else await self._read(mark)

    async def at(self, address: str) -> Captured:
        """The configuration, with its files, that a manifest refers to. Raises Damaged."""
        return await self._shelf.at(address)

    async def content(self, address: str) -> bytes:
        """A file that a manifest refers to. Raises Damaged."""
        return await self._shelf.read(address)

    async def captured(self, service: str, version: str) -> Captured | None:
        """What the newest snapshot that holds this version of a service keeps of it."""
        for mark in reversed(self._control.state.snapshots):
            if mark.holds(service, version):
                part = (await self._read(mark)).services.get(service)
                if part is not None and part.digest:
                    return await self._shelf.at(part.digest)
        return None

    async def own_files(self) -> Sequence[KeptFile]:
        """The stack's own files as they are now."""
        return await self._gather.own_files()

    def counted(self, part: ServiceSnapshot) -> ServiceSnapshot:
        """With how many instances there are, and their limits, as last seen."""
        return self._gather.counted(part)

    async def verify(self, by: str) -> Checked:
        """Read everything that is kept, look for every image that we gave a name to, and say what
        is not as it was.

        Raises:
            TryAgain, AskAHuman: it cannot be read at all.
        """
        wanted, lost = await self._manifests()
        found = await self._shelf.verify({**users(wanted), **{m.digest: [m.id] for m in lost}})
        names = {name for harm in found.harms for name in harm.used_by}
        found = replace(found, harms=(*found.harms, *await self._images_gone(wanted)))
        harms = [harm.text for harm in found.harms]
        if len(harms) > HARMS_MOST:
            harms = [*harms[:HARMS_MOST], f"and {len(harms) - HARMS_MOST} more"]
        self.kept = (found.objects, found.total_bytes)
        control = self._control
        at_s, total = control.clock.now(), found.total_bytes
        mended = found.mended
        said = SnapshotVerified(at_s, by, found.objects, total, tuple(harms), mended)
        await control.write([said])
        if found.harms:
            control.beside.rooms.log.warning("kept_damaged", text="; ".join(harms))
            await control.safe_points.keep_anew(control, names)
        return found

    async def release(self, service: str, by: str) -> list[str]:
        """Nothing is held for snapshots any more: of all (""), which are forgotten then, or of one
        service, whose images may be pruned from now on. The next one on schedule comes half an hour
        later.

        Raises:
            TryAgain: one is being taken and does not end.
        """
        control, marks = self._control, self._control.state.snapshots
        try:
            async with asyncio.timeout(control.settings.lease_s):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            raise TryAgain("a snapshot is being taken") from None
        try:
            self._gather.forget_names(service)
            if not service:
                self._not_before_s = control.clock.now() + control.settings.snapshot_interval_s
                await self._forget([(mark, f"given back for {by}") for mark in marks])
                many = "1 snapshot is" if len(marks) == 1 else f"{len(marks)} snapshots are"
                return [f"{many} not kept any more"] if marks else []
            said: list[str] = []
            for version in dict.fromkeys(mark.versions.get(service, "") for mark in marks):
                if any(mark.images and mark.holds(service, version) for mark in marks):
                    await unpin(control, service, version, is_forced=True)
                    said.append(f"{service}: its image of {version} may be pruned")
            return said
        finally:
            self._one_at_a_time.release()

    # --- beside the loop --------------------------------------------------------------------------

    def heard(self, entries: Iterable[Entry]) -> None:
        """Somebody else's change is worth a snapshot, once it is over."""
        for entry in entries:
            match entry:
                case VersionSeen(before=before) if only_files_differ(before, entry.version):
                    if entry.service not in self._control.state.in_flight:
                        self._files_at_s = self._control.clock.now()
                        if not is_known(self._files_since_s):
                            self._files_since_s = self._files_at_s
                    continue
                case VersionSeen(before=before) if before:
                    service = entry.service
                case InstancesCounted(by=by) if by != OURSELVES:
                    service = entry.service
                case _:
                    continue
            if service not in self._control.state.in_flight:
                self._changed_at_s = self._control.clock.now()

    def after_look(self) -> None:
        """Begin what is due."""
        control, look = self._control, self._control.look
        if look is None or self.why_not() or (self._task is not None and not self._task.done()):
            return
        monitor, now_s = look.observation.monitor, control.clock.now()
        if monitor.faults or monitor.engine_fault or now_s < self._not_before_s:
            return
        if (reason := self._due(look.observation.is_complete)) is not None:
            self._task = asyncio.create_task(self._on_schedule(reason), name="snapshot")
        elif self._over():
            self._task = asyncio.create_task(self._guarded(self._trim()), name="old snapshots")
        elif self._is_verify_due():
            self._task = asyncio.create_task(
                self._guarded(self._verify_on_schedule()), name="verify what is kept"
            )

    async def close(self) -> None:
        """End; what was half kept is swept later."""
        tasks = [*self._asked, *([] if self._task is None else [self._task])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _due(self, is_complete: bool) -> SnapshotReason | None:
        control, settings = self._control, self._control.settings
        now_s, at_s = control.clock.now(), taken_at_s(control.state.snapshots)
        if is_known(self._changed_at_s):
            is_quiet = now_s - self._changed_at_s >= settings.change_quiet_s
            return SnapshotReason.CHANGE_SEEN if is_quiet else None
        if is_known(self._files_at_s) and self._is_files_turn(now_s):
            return SnapshotReason.CHANGE_SEEN
        if not is_known(at_s) and not is_complete:
            return None
        is_now = is_due(now_s, at_s, settings.snapshot_interval_s)
        return SnapshotReason.SCHEDULE if is_now else None

    def _is_files_turn(self, now_s: float) -> bool:
        settings, seen = self._control.settings, SnapshotReason.CHANGE_SEEN
        each_s = max(settings.change_quiet_s, FILES_EACH_S * settings.time_scale)
        marks = [mark for mark in self._control.state.snapshots if mark.reason is seen]
        is_quiet = now_s - self._files_at_s >= settings.change_quiet_s
        is_restless = now_s - self._files_since_s >= each_s
        return is_due(now_s, taken_at_s(marks), each_s) and (is_quiet or is_restless)

    def _is_verify_due(self) -> bool:
        control = self._control
        if not control.state.snapshots or not is_rest(control.state, control.cannot_act()):
            return False
        last = control.state.kept_verified
        at_s = UNKNOWN if last is None else last.at_s
        return is_due(control.clock.now(), at_s, control.settings.snapshot_verify_interval_s)

    def _over(self) -> Sequence[tuple[SnapshotMark, str]]:
        control = self._control
        dropped = to_drop(
            control.stack, control.state, self.held, self._gather.running(), control.settings
        )
        found = ((control.state.snapshot(one.snapshot_id), one.reason) for one in dropped)
        return [(mark, reason) for mark, reason in found if mark is not None]

    async def _on_schedule(self, reason: SnapshotReason) -> None:
        self._changed_at_s = self._files_at_s = self._files_since_s = UNKNOWN
        await self._guarded(self._take_and_trim(reason))

    async def _take_and_trim(self, reason: SnapshotReason) -> None:
        await self.take(reason, OURSELVES, self._control.settings.action_deadline_s)
        await self._trim()

    async def _verify_on_schedule(self) -> None:
        await self.verify(OURSELVES)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        """What fails is said, and tried again a while later."""
        control = self._control
        try:
            await work
            self.fault = ""
        except Exception as error:  # noqa: BLE001 - a stranger's runtime may raise anything
            self._not_before_s = control.clock.now() + AGAIN_S * control.settings.time_scale
            if (text := _said(error)) != self.fault:
                self.fault = text
                control.beside.rooms.log.warning("snapshots", text=text)

    async def _trim(self) -> None:
        """Give up what is too much, and what lies on the shelf for nobody."""
        over = self._over()
        await self._forget(over)
        await self._control.safe_points.drop(self._control, self._gather.running())
        if over:
            wanted, lost = await self._manifests()
            if not lost:
                await self._shelf.sweep([*users(wanted)])
        self.kept = await self._shelf.size()
        await self._unwanted.unpin(self._control)

    async def _forget(self, over: Sequence[tuple[SnapshotMark, str]]) -> None:
        control = self._control
        for mark, why in over:
            await control.write([SnapshotForgotten(control.clock.now(), mark.id, why)])
            for service, version in mark.versions.items() if mark.images else ():
                try:
                    await unpin(control, service, version)
                except (EverupError, TimeoutError) as error:
                    text = _said(error)
                    control.beside.rooms.log.warning("image_held", service=service, text=text)

    async def _manifests(self) -> tuple[list[Snapshot], list[SnapshotMark]]:
        """Those that can be read, and those that are lost."""
        found: list[Snapshot] = []
        lost: list[SnapshotMark] = []
        for mark in self._control.state.snapshots:
            try:
                found.append(await self._read(mark))
            except GiveUp:
                lost.append(mark)
        return found, lost

    async def _images_gone(self, kept: Sequence[Snapshot]) -> list[Harm]:
        """Images that bear a name of ours for these or for a safe point, and are not there."""
        control = self._control
        found: list[Harm] = []
        for image, (captured, who) in held_images(kept, control.state).items():
            if captured.service in control.stack.services:
                async with asyncio.timeout(control.settings.action_deadline_s):
                    is_gone = bool(await control.runtime.lacks(captured))
                if is_gone:
                    found.append(Harm(image, "missing", who))
        return found

    async def _read(self, mark: SnapshotMark) -> Snapshot:
        return snapshot_from(await self._shelf.read(mark.digest), mark.digest)

    async def _keep(
        self,
        reason: SnapshotReason,
        by: str,
        began_s: float,
        note: str,
        parts: Parts,
        most_s: float,
    ) -> Snapshot:
        """Everything is there before it is written down that it is, within `most_s`."""
        control = self._control
        ids = control.ids.new("snap")
        async with asyncio.timeout(most_s):
            snapshot = await self._snapshot(ids, reason, by, began_s, note, parts)
            await self._shelf.write(manifest_of(snapshot), is_secret=False)
        services = snapshot.services
        entry = SnapshotTaken(
            control.clock.now(),
            snapshot.id,
            reason,
            by,
            snapshot.digest,
            snapshot.is_safe,
            {name: part.version for name, part in services.items() if part.version},
            {name: part.instances for name, part in services.items() if part.instances},
            {part.image: part.image_bytes for part in services.values() if part.reference},
            tuple(name for name, part in services.items() if part.missing),
            control.clock.now() - began_s,
            note,
        )
        await control.write([entry])
        self._gather.remember(snapshot)
        return snapshot

    async def _snapshot(
        self, ids: str, reason: SnapshotReason, by: str, at_s: float, note: str, parts: Parts
    ) -> Snapshot:
        control = self._control
        versions = {name: part.version for name, part in parts.items()}
        missing = [name for name, part in parts.items() if part.missing]
        is_whole = all_safe(versions, missing, control.stack, control.state)
        files = await self._gather.kept_files()
        return with_sum(
            Snapshot(
                *(ids, control.stack.name, at_s, reason, by),
                services=parts,
                files=files,
                is_safe=is_whole,
                note=note,
            )
        )


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "it was not done in time"
    return str(error) if isinstance(error, EverupError) else f"{type(error).__name__}: {error}"
