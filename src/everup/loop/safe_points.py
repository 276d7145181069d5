"""Safe points: what runs and is well is kept to go back to, and given up when newer ones are there.

Flows in: completed looks. Flows out: captured configurations on the shelf, names of ours on images,
`SafePointKept` and `SafePointForgotten` entries. Called by `control` after each look, which never
waits for it; by `perform`, which asks for what was kept; and by people who want it all given back.

In mode observe nothing of the engine's is changed: what runs is written down, no image is named.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from everup.loop.ports import Shelf
from everup.model.entries import SafePointForgotten, SafePointKept
from everup.model.errors import EverupError, GiveUp
from everup.model.kinds import ActionKind, Mode
from everup.model.runtime import Capability, Captured
from everup.model.safe_point import SafePoint
from everup.model.state import StackState
from everup.rollback_manager import differences, way_back, worth_keeping
from everup.rollback_manager.choose import NoWayBack
from everup.safety import mode_in_force

if TYPE_CHECKING:
    from everup.loop.control import Control

AGAIN_S = 60.0
"""After a try that failed."""

REPOSITORY = "everup-kept"
NEEDED = (Capability.CAPTURE, Capability.RESTORE)


class NoShelf:
    """Where nothing is kept longer than Everup lives; for tests and simulation, which share one."""

    def __init__(self) -> None:
        self._kept: dict[str, Captured] = {}

    async def put(self, name: str, captured: Captured) -> None:
        """Keep it."""
        self._kept[name] = captured

    async def get(self, name: str) -> Captured | None:
        """What was put."""
        return self._kept.get(name)

    async def remove(self, name: str) -> None:
        """Forget it."""
        self._kept.pop(name, None)

    async def names(self) -> Sequence[str]:
        """Of all that is kept."""
        return tuple(self._kept)


class SafePoints:
    """Keeps and gives up; one task at a time."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
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
            (service, version)
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
        """What was kept of this version.

        Raises:
            GiveUp: it is not there any more.
        """
        captured = await self._shelf.get(_name(service, version))
        if captured is None:
            raise GiveUp(f"what was kept of {service} to go back to cannot be read any more")
        return captured

    async def _work(self, control: Control, due: Sequence[tuple[str, str]]) -> None:
        log = control.beside.rooms.log
        if not self._is_swept:
            try:
                await self._sweep(control)
                self._is_swept = True
            except Exception as error:  # noqa: BLE001 - a stranger's runtime may raise anything
                self._not_before_s[""] = control.clock.now() + AGAIN_S
                log.warning("safe_points_not_swept", text=str(error))
        for service, version in due:
            before = control.state.service(service).safe_points
            try:
                async with asyncio.timeout(control.settings.action_deadline_s):
                    entry = await self._keep(control, service, version)
            except Exception as error:  # noqa: BLE001 - a stranger's runtime may raise anything
                self._not_before_s[service] = control.clock.now() + AGAIN_S
                log.warning("safe_point_not_kept", service=service, text=str(error))
                continue
            await control.write([entry])
            left = {p.version for p in control.state.service(service).safe_points}
            for point in before:
                if point.version not in left:
                    await self._give_up(control, point)

    async def _keep(self, control: Control, service: str, version: str) -> SafePointKept:
        """Everything that is needed is there before it is written down that it is.

        Raises:
            TryAgain, GiveUp: it could not be kept; or something else runs by now.
        """
        runtime = control.runtime
        captured = await runtime.capture(service)
        if captured.version != version:
            raise GiveUp(f"{service} runs from something else by now")
        reference = ""
        seen = None if control.look is None else control.look.observation
        is_hands_off = mode_in_force(control.stack, seen, service, ROLLBACK) is Mode.OBSERVE
        if captured.image and not is_hands_off and runtime.manifest.can(Capability.PIN_IMAGE):
            reference = reference_of(control.stack.name, service, version)
            if await runtime.pin_image(service, reference) != captured.image:
                await runtime.unpin_image(service, reference)
                raise GiveUp(f"{service} runs from another image by now")
        await self._shelf.put(_name(service, version), captured)
        at_s = control.clock.now()
        title = captured.title or version
        return SafePointKept(at_s, service, version, title, captured.image, reference)

    async def _give_up(self, control: Control, point: SafePoint) -> None:
        try:
            async with asyncio.timeout(control.settings.action_deadline_s):
                await self._shelf.remove(_name(point.service, point.version))
                if point.reference:
                    await control.runtime.unpin_image(point.service, point.reference)
        except (EverupError, TimeoutError) as error:
            log = control.beside.rooms.log
            log.warning("safe_point_not_given_up", service=point.service, text=str(error))

    async def _sweep(self, control: Control) -> None:
        """What an earlier life kept and did not live to write down; of services that are gone."""
        known = {_name(p.service, p.version) for p in _all(control.state)}
        for name in await self._shelf.names():
            if name not in known:
                service, _, version = name.rpartition("@")
                await self._shelf.remove(name)
                if service in control.stack.services and control.runtime.manifest.can(
                    Capability.UNPIN_IMAGE
                ):
                    reference = reference_of(control.stack.name, service, version)
                    await control.runtime.unpin_image(service, reference)

    async def release(self, control: Control, service: str, by: str) -> list[str]:
        """All that is kept of a service, or of all (""): given up, because a person asked."""
        said: list[str] = []
        for point in _all(control.state):
            if service in ("", point.service):
                await self._give_up(control, point)
                now_s = control.clock.now()
                why = f"given back for {by}"
                await control.write([SafePointForgotten(now_s, point.service, point.version, why)])
                said.append(f"{point.service}: {point.title} is not kept any more")
        return said

    async def compare(self, control: Control, service: str) -> tuple[str, Sequence[str]]:
        """(What it would go back to, what would differ then).

        Raises:
            GiveUp: there is nothing to go back to; says why.
        """
        spec, remembered = control.stack.services[service], control.state.service(service)
        point = way_back(spec, remembered, control.settings)
        if isinstance(point, NoWayBack):
            raise GiveUp(point.reason)
        return point.title, await self.differs(control, service, point.version)

    async def differs(self, control: Control, service: str, version: str) -> Sequence[str]:
        """What would be another one of what runs, if it went back to this version.

        Raises:
            GiveUp: it is not there any more. TryAgain: not now.
        """
        async with asyncio.timeout(control.settings.lease_s):
            kept = await self.get(service, version)
            now = await control.runtime.capture(service)
        return differences(kept, now)


ROLLBACK = ActionKind.EMERGENCY_ROLLBACK


def reference_of(stack: str, service: str, version: str) -> str:
    """The name by which an image is kept: the same for the same version, and nobody else's."""
    short = hashlib.sha256(f"{stack}/{service}/{version}".encode()).hexdigest()[:16]
    return f"{REPOSITORY}:{short}"


def _name(service: str, version: str) -> str:
    return f"{service}@{version}"


def _all(state: StackState) -> list[SafePoint]:
    return [point for service in state.services.values() for point in service.safe_points]
