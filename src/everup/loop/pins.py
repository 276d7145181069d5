"""Names of ours that keep images from being pruned: the same for safe points and for snapshots.

Flows in: what was captured. Flows out: the name is on the image, or off it once nobody wants it any
more. In mode observe nothing of the engine's is changed: no image is named. Called by `safe_points`
and `snapshots`.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from everup.model.errors import GiveUp
from everup.model.kinds import ActionKind, Mode
from everup.model.runtime import Capability, Captured
from everup.model.safe_point import SafePoint
from everup.model.snapshot import ServiceSnapshot, Snapshot
from everup.model.state import StackState
from everup.rollback_manager import held_by_a_restore, still_held
from everup.safety import mode_in_force

if TYPE_CHECKING:
    from everup.loop.control import Control

REPOSITORY = "everup-kept"
WORD_CHARS_MOST = 40
SUM_CHARS = 16
ROLLBACK = ActionKind.EMERGENCY_ROLLBACK


async def pin(control: Control, captured: Captured, *, is_asked: bool = False) -> str:
    """The name that is on its image now; "" where it has none, or none may be given. `is_asked`: a
    person wants it kept, in whatever mode.

    Raises:
        TryAgain, GiveUp: it could not be named, or another image runs by now.
    """
    service, runtime = captured.service, control.runtime
    seen = None if control.look is None else control.look.observation
    mode = mode_in_force(control.stack, seen, service, ROLLBACK)
    is_hands_off = mode is Mode.OBSERVE and not is_asked
    if not captured.image or is_hands_off or not runtime.manifest.can(Capability.PIN_IMAGE):
        return ""
    reference = reference_of(control.stack.name, service, captured.version)
    if await runtime.pin_image(service, reference) != captured.image:
        await runtime.unpin_image(service, reference)
        raise GiveUp(f"{service} runs from another image by now")
    return reference


async def unpin(control: Control, service: str, version: str, *, is_forced: bool = False) -> None:
    """Take the name away, unless a safe point or a snapshot still wants it. `is_forced`: all the
    same."""
    if not is_forced and still_held(control.state, service, version):
        return
    is_there = service in control.stack.services
    if is_there and control.runtime.manifest.can(Capability.UNPIN_IMAGE):
        async with asyncio.timeout(control.settings.action_deadline_s):
            reference = reference_of(control.stack.name, service, version)
            await control.runtime.unpin_image(service, reference)


class Unwanted:
    """Names that nobody wants any more and that are there all the same: the engine could not be
    asked at the time, or the service had left the stack."""

    def __init__(self) -> None:
        self._since_s: dict[str, float] = {}

    async def unpin(self, control: Control) -> None:
        """Take away those that have not been wanted for longer than a name is given before it is
        written down what for.

        Raises:
            TryAgain, GiveUp: the engine did not do it; what is left is tried again.
        """
        if not control.runtime.manifest.can(Capability.UNPIN_IMAGE):
            return
        now_s, most_s = control.clock.now(), control.settings.action_deadline_s
        wanted, stack = wanted_names(control.stack.name, control.state), control.stack.name
        async with asyncio.timeout(most_s):
            given = await control.runtime.pinned_images()
            over = {
                reference: service
                for reference, service in given.items()
                if reference not in wanted and stack_in(reference) == word_of(stack)
            }
            self._since_s = {name: self._since_s.get(name, now_s) for name in over}
            for reference, service in over.items():
                if now_s - self._since_s[reference] > most_s:
                    await control.runtime.unpin_image(service, reference)


def wanted_names(stack: str, state: StackState) -> frozenset[str]:
    """All that a safe point, a snapshot or a restore wants on an image."""
    pairs = set(held_by_a_restore(state))
    for mark in state.snapshots:
        pairs |= set(mark.versions.items()) if mark.images else set()
    points = [p for one in state.services.values() for p in one.safe_points]
    pairs |= {(point.service, point.version) for point in points if point.reference}
    return frozenset(reference_of(stack, service, version) for service, version in pairs)


def reference_of(stack: str, service: str, version: str) -> str:
    """The name by which an image is kept: the same for the same version, and nobody else's. It says
    whose it is: `everup-kept:STACK.SERVICE.SUM`."""
    short = hashlib.sha256(f"{stack}/{service}/{version}".encode()).hexdigest()[:SUM_CHARS]
    return f"{REPOSITORY}:{word_of(stack)}.{word_of(service)}.{short}"


def word_of(name: str) -> str:
    """A stack or a service as it stands in such a name: without dots, and not its whole length."""
    kept = re.sub(r"[^a-z0-9_-]", "-", name.lower()).lstrip("-")
    return kept[:WORD_CHARS_MOST] or "unnamed"


def stack_in(reference: str) -> str:
    """The stack's word in a name of ours; "" where it is none."""
    repository, _, tag = reference.partition(":")
    words = tag.split(".")
    return words[0] if repository == REPOSITORY and len(words) == 3 else ""


def held_images(
    kept: Sequence[Snapshot], state: StackState
) -> Mapping[str, tuple[Captured, tuple[str, ...]]]:
    """Image → one configuration that is made of it, and everybody who wants it, of all images that
    bear a name of ours."""
    found: dict[str, tuple[Captured, tuple[str, ...]]] = {}

    def add(part: ServiceSnapshot | SafePoint, who: str) -> None:
        captured = Captured(part.service, {}, part.version, part.image, part.title)
        known, others = found.get(part.image, (captured, ()))
        found[part.image] = known, (*others, who)

    for snapshot in kept:
        for name, part in snapshot.services.items():
            if part.reference and part.image:
                add(part, f"{snapshot.id}: the image of {name}")
    for name, remembered in state.services.items():
        for point in remembered.safe_points:
            if point.reference and point.image:
                add(point, f"the safe point {point.title} of {name}")
    return found
