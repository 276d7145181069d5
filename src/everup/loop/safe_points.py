"""Safe points: what runs and is well is kept to go back to, and given up when newer ones are there.

Flows in: completed looks. Flows out: captured configurations on the shelf, names of ours on images,
`SafePointKept` and `SafePointForgotten` entries. Called by `control` after each look, which never
waits for it; by `perform`, which asks for what was kept; and by people who want it all given back.

In mode observe nothing of the engine's is changed: what runs is written down, no image is named.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING

from everup.loop.look import Look
from everup.loop.pins import pin, unpin
from everup.loop.ports import Shelf
from everup.model.decision import Step
from everup.model.entries import Entry, SafePointForgotten, SafePointKept
from everup.model.errors import Damaged, EverupError, GiveUp
from everup.model.restore import RestoreStep
from everup.model.runtime import Capability, Captured
from everup.model.safe_point import TO, SafePoint, of_number_alone
from everup.model.scaling import BEFORE, INSTANCES
from everup.model.state import StackState
from everup.rollback_manager import (
    NoWayBack,
    differences,
    held_by_a_restore,
    number_of,
    points_to_drop,
    title_of,
    way_back,
    worth_keeping,
)

if TYPE_CHECKING:
    from everup.loop.control import Control

AGAIN_S = 60.0
"""After a try that failed."""

NEEDED = (Capability.CAPTURE, Capability.RESTORE)


Elsewhere = Callable[[str, str], Awaitable[Captured | None]]
"""Service and version → what a snapshot holds of it; None: none does."""


class SafePoints:
    """Keeps and gives up; one task at a time. `elsewhere`: asked for what no safe point is."""

    def __init__(self, shelf: Shelf, elsewhere: Elsewhere) -> None:
        self._shelf, self._elsewhere = shelf, elsewhere
        self._task: asyncio.Task[None] | None = None
        self._not_before_s: dict[str, float] = {}
        self._is_swept = False

    def after_look(self, control: Control) -> None:
        """Begin what is due."""
        manifest, look = control.runtime.manifest, control.look
        if look is None or control.cannot_act() or not all(map(manifest.can, NEEDED)):
            return
        if self._task is not None and not self._task.done():
            return
        found = worth_keeping(
            control.stack,
            look.observation,
            look.assessment,
            control.state,
            control.memory,
            control.settings,
        )
        due = [
            (service, version, _count(control, look, service))
            for service, version in found
            if not look.at_s < self._not_before_s.get(service, 0.0)
        ]
        is_sweep_due = not self._is_swept and not look.at_s < self._not_before_s.get("", 0.0)
        if due or is_sweep_due:
            self._task = asyncio.create_task(self._work(control, due), name="safe points")

    async def close(self) -> None:
        """End; whatever is half kept is swept by the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def get(self, service: str, version: str) -> Captured:
        """What was kept of this version, by a safe point or a snapshot; every byte as it was.

        Raises:
            GiveUp: it is not there any more, or damaged.
        """
        captured = await self._shelf.get(_name(service, version))
        if captured is None:
            captured = await self._elsewhere(service, version)
        if captured is None:
            raise GiveUp(f"what was kept of {service} to go back to cannot be read any more")
        if captured.service != service or captured.version not in ("", version):
            raise Damaged(f"what is kept of {service} as {version} is something else: damaged")
        return captured

    async def _work(self, control: Control, due: Sequence[tuple[str, str, int]]) -> None:
        log = control.beside.rooms.log
        if not self._is_swept:
            try:
                await self._sweep(control)
                self._is_swept = True
            except Exception as error:  # noqa: BLE001 - a stranger's runtime may raise anything
                self._not_before_s[""] = control.clock.now() + AGAIN_S
                log.warning("safe_points_not_swept", text=str(error))
        for service, version, count in due:
            before = control.state.service(service).safe_points
            try:
                async with asyncio.timeout(control.settings.action_deadline_s):
                    entry = await self._keep(control, service, version, count)
            except Exception as error:  # noqa: BLE001 - a stranger's runtime may raise anything
                self._not_before_s[service] = control.clock.now() + AGAIN_S
                log.warning("safe_point_not_kept", service=service, text=str(error))
                continue
            await control.write([entry])
            left = {p.version for p in control.state.service(service).safe_points}
            held = held_by_a_restore(control.state)
            for point in before:
                if point.version not in left and (service, point.version) not in held:
                    await self._give_up(control, point)

    async def _keep(
        self, control: Control, service: str, version: str, count: int
    ) -> SafePointKept:
        """Everything that is needed is there before it is written down that it is.

        Raises:
            TryAgain, GiveUp: it could not be kept; or something else runs by now.
        """
        point = await self._take(control, service, version)
        return SafePointKept(
            *(point.kept_at_s, service, version, point.title),
            *(point.image, point.reference, point.image_bytes),
            instances=count,
        )

    async def hold(self, control: Control, service: str, version: str) -> SafePoint:
        """What runs now, well or not, for as long as somebody may have to put it back: until
        `let_go`. A person asked for what it is held for, in whatever mode.

        Raises:
            TryAgain, GiveUp: it could not be kept; or something else runs by now.
        """
        return await self._take(control, service, version, is_asked=True)

    async def let_go(self, control: Control, steps: Sequence[RestoreStep]) -> None:
        """What these were held for is over: what is no safe point is given up."""
        held = held_by_a_restore(control.state)
        for step in steps:
            known = {p.version for p in control.state.service(step.service).safe_points}
            for version in (step.from_version, step.to_version):
                if version not in known and (step.service, version) not in held:
                    await self._give_up(control, SafePoint(step.service, version, version, 0.0))

    async def _take(
        self, control: Control, service: str, version: str, *, is_asked: bool = False
    ) -> SafePoint:
        captured = await control.runtime.capture(service)
        if captured.version != version:
            raise GiveUp(f"{service} runs from something else by now")
        reference = await pin(control, captured, is_asked=is_asked)
        await self._shelf.put(_name(service, version), captured)
        at_s, title = control.clock.now(), captured.title or version
        image, size = captured.image, captured.image_bytes
        return SafePoint(service, version, title, at_s, image, reference, size)

    async def _give_up(self, control: Control, point: SafePoint) -> None:
        try:
            async with asyncio.timeout(control.settings.action_deadline_s):
                if point.reference or not point.kept_at_s:
                    await unpin(control, point.service, point.version)
                # Last: by what still lies there the next start knows that a name may be left.
                await self._shelf.remove(_name(point.service, point.version))
        except (EverupError, TimeoutError) as error:
            log = control.beside.rooms.log
            log.warning("safe_point_not_given_up", service=point.service, text=str(error))

    async def _sweep(self, control: Control) -> None:
        """What an earlier life kept and did not live to write down; of services that are gone. And
        what is written down and is not there: it is kept anew."""
        known = {_name(p.service, p.version): p for p in _all(control.state)}
        there = set(await self._shelf.names())
        held = {_name(*one) for one in held_by_a_restore(control.state)}
        for name in sorted(there - set(known) - held):
            service, _, version = name.rpartition("@")
            await unpin(control, service, version)
            await self._shelf.remove(name)
        gone = [point for name, point in known.items() if name not in there]
        await self._forget(control, gone, "it is not there any more")

    async def keep_anew(self, control: Control, names: Collection[str]) -> None:
        """What is damaged of what runs now is forgotten, so that it is kept once more; what does
        not run stays, for whoever can mend it."""
        hurt = [p for p in _all(control.state) if _name(p.service, p.version) in names]
        runs = [p for p in hurt if control.state.service(p.service).version == p.version]
        await self._forget(control, runs, "it is damaged, and kept anew")

    async def drop(self, control: Control, running: Collection[str]) -> None:
        """Those whose images take too much room; `running`: images that run now."""
        for point, why in points_to_drop(control.state, running, control.settings):
            await self._forget(control, [point], why)
            await self._give_up(control, point)

    async def _forget(self, control: Control, points: Sequence[SafePoint], why: str) -> None:
        now_s = control.clock.now()
        said: list[Entry] = [SafePointForgotten(now_s, p.service, p.version, why) for p in points]
        if said:
            await control.write(said)

    async def release(self, control: Control, service: str, by: str) -> list[str]:
        """All that is kept of a service, or of all (""): given up, because a person asked."""
        said: list[str] = []
        held = held_by_a_restore(control.state)
        for point in _all(control.state):
            if (point.service, point.version) in held:
                said.append(f"{point.service}: {point.title} is kept until the restore has ended")
            elif service in ("", point.service):
                self._not_before_s[point.service] = control.clock.now() + AGAIN_S
                await self._forget(control, [point], f"given back for {by}")
                await self._give_up(control, point)
                said.append(f"{point.service}: {point.title} is not kept any more")
        return said

    async def compare(
        self, control: Control, service: str, version: str = ""
    ) -> tuple[str, Sequence[str]]:
        """(What it would go back to, what would differ then). `version` "": the latest safe point.

        Raises:
            GiveUp: there is nothing to go back to; says why.
        """
        spec, remembered = control.stack.services[service], control.state.service(service)
        if version:
            kept, now = await self._both(control, service, version)
            return kept.title or version, await asyncio.to_thread(differences, kept, now)
        point = way_back(spec, remembered, control.settings)
        if isinstance(point, NoWayBack):
            raise GiveUp(point.reason)
        count = number_of(spec, remembered, point)
        title = title_of(remembered, point, count)
        found = [f"replicas: {remembered.counted} → {count}"] if count else []
        if point.version != remembered.version:
            both = await self._both(control, service, point.version)
            found += await asyncio.to_thread(differences, *both)
        return title, found

    async def differs(self, control: Control, step: Step) -> Sequence[str]:
        """What would be another one of what runs, if it went back by this step.

        Raises:
            GiveUp: it is not there any more. TryAgain: not now.
        """
        parameters = step.parameters
        count = parameters.get(INSTANCES)
        found = [f"replicas: {parameters.get(BEFORE)} → {count}"] if count else []
        if of_number_alone(parameters):
            return found
        version = str(parameters.get(TO, ""))
        both = await self._both(control, step.target, version)
        return [*found, *await asyncio.to_thread(differences, *both)]

    async def _both(
        self, control: Control, service: str, version: str
    ) -> tuple[Captured, Captured]:
        """What was kept, and what runs."""
        async with asyncio.timeout(control.settings.lease_s):
            return await self.get(service, version), await control.runtime.capture(service)


def _count(control: Control, look: Look, service: str) -> int:
    """How many there are; 0 while fewer have come up than are to be there."""
    there = len(look.observation.services[service].instances)
    remembered = control.state.service(service)
    declared = control.stack.services[service].instances
    return there if there >= (remembered.counted or remembered.count_of(declared)) else 0


def _name(service: str, version: str) -> str:
    return f"{service}@{version}"


def _all(state: StackState) -> list[SafePoint]:
    return [point for service in state.services.values() for point in service.safe_points]
