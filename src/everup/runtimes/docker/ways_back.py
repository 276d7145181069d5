"""Capturing what a service runs from, and having it run from that again: containers and files.

Flows in: a service's containers, a captured configuration. Flows out: containers made of it, files
as they were. Files are written first and in place; where nothing but files differs the same
container is started again and none is made. What cannot be had leaves what was there: containers by
`replace`, files by `config_files`. The caller holds the service's turn.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from everup.model.errors import EverupError, GiveUp, TryAgain
from everup.model.runtime import Captured
from everup.model.version import made_of, with_files
from everup.runtimes.config_files import Change
from everup.runtimes.docker.blueprint import Blueprint
from everup.runtimes.docker.calls import Calls
from everup.runtimes.docker.containers import NUMBER, Container
from everup.runtimes.docker.hands import Hands
from everup.runtimes.docker.images import Images
from everup.runtimes.docker.mounted_files import MountedFiles, start_again, start_all_again
from everup.runtimes.docker.plans import Plans
from everup.runtimes.docker.replace import Replacer
from everup.runtimes.docker.versioning import Versions, title_of
from everup.runtimes.docker.versions import image_of


class WaysBack:
    """Of one runtime."""

    def __init__(
        self,
        images: Images,
        plans: Plans,
        replacer: Replacer,
        hands: Hands,
        calls: Calls,
        versions: Versions,
        files: MountedFiles,
    ) -> None:
        self._images, self._plans, self._replacer = images, plans, replacer
        self._hands, self._calls = hands, calls
        self._versions, self._files = versions, files

    async def capture(self, service: str, containers: Sequence[Container]) -> Captured:
        """What the newest of them was made from, and the files that it reads.

        Raises:
            GiveUp: there is none. TryAgain: its files cannot be read now.
        """
        if not containers:
            raise GiveUp(f"{service} has no container, so that nothing of it can be captured")
        newest = max(containers, key=lambda c: str(c.document.get("Created") or ""))
        content = (await self._plans.now(newest)).content()
        look = await self._files.capture(newest)
        version = with_files(self._versions.of(newest), look.digest)
        image, title = image_of(newest), title_of(newest)
        size = await self._images.size(image)
        return Captured(service, content, version, image, title, look.files, image_bytes=size)

    async def go_back(
        self, captured: Captured, containers: Sequence[Container], grace_s: float
    ) -> Sequence[str]:
        """What was done, in sentences.

        Raises:
            GiveUp, TryAgain: it cannot be had; what was there is there again.
        """
        means = await self._images.means(str(captured.content.get("image") or ""))
        plan = self._plans.going_back(captured.content, captured.image, means)
        others = [c for c in containers if self._versions.of(c) != made_of(captured.version)]
        if others or not captured.version:
            if means != captured.image and not await self._images.means(captured.image):
                raise GiveUp(f"the image of {captured.title} is not on this host any more")
        changes = await self._files.changes(captured)
        if not changes:
            return await self._containers(captured, plan, containers, grace_s)
        name = exchange_of(captured.service)
        work = self._with_files(captured, plan, containers, changes, grace_s)
        told: Sequence[str] = await self._calls.to_its_end(name, work)
        return told

    async def settle_all(self, containers: Sequence[Container]) -> None:
        """What an earlier life left half done; what cannot be ended now its next turn tries."""
        for service in self._files.unfinished():
            with contextlib.suppress(EverupError):
                await self.settle(service, [c for c in containers if c.service == service])

    def is_unsettled(self, service: str) -> bool:
        """Is an exchange of its files not over?"""
        return service in self._files.unfinished()

    async def settle(self, service: str, containers: Sequence[Container]) -> None:
        """End an exchange of files that was cut short.

        Raises:
            TryAgain: it is still under way.
        """
        if self._calls.under_way(exchange_of(service)) is not None:
            raise TryAgain(f"the files of {service} are still being exchanged")
        grace_s = max((c.grace_s for c in containers), default=0.0)
        await self._files.settle(service, containers, grace_s)

    async def _with_files(
        self,
        captured: Captured,
        plan: Blueprint,
        containers: Sequence[Container],
        changes: Sequence[Change],
        grace_s: float,
    ) -> Sequence[str]:
        await self._files.write(captured.service, changes)
        begun: list[Container] = []
        try:
            told = await self._containers(captured, plan, containers, grace_s, begun)
        except EverupError as error:
            trouble = [await self._files.put_back(captured.service)]
            trouble.append(await start_all_again(self._hands, begun, grace_s))
            if any(trouble):
                raise GiveUp("; ".join([str(error), *filter(None, trouble)])) from error
            raise
        return [*await self._files.keep(captured.service), *told]

    async def _containers(
        self,
        captured: Captured,
        plan: Blueprint,
        containers: Sequence[Container],
        grace_s: float,
        begun: list[Container] | None = None,
    ) -> Sequence[str]:
        """`begun`: gathers those that were started again for their files; None: those that are
        made of it already are only seen to run."""
        told: list[str] = []
        replaced: list[tuple[Container, Blueprint]] = []
        try:
            for container in containers:
                is_same = bool(captured.version) and (
                    self._versions.of(container) == made_of(captured.version)
                )
                if is_same and begun is None:
                    await self._hands.start(container)
                elif is_same and begun is not None:
                    begun.append(container)
                    said = await start_again(self._hands, container, grace_s)
                    name = container.name
                    told += [*([said] if said else []), f"{name} was started again with them"]
                else:
                    before = (await self._plans.now(container)).in_place_of(container)
                    mine = plan.with_labels({NUMBER: str(container.number)})
                    await self._replacer.replace(container, mine, grace_s, may_lose_layer=True)
                    replaced.append((container, before))
                    told.append(f"{container.name} runs from {captured.title} again")
        except EverupError as error:
            if trouble := await self._as_before(replaced, grace_s):
                raise GiveUp("; ".join([str(error), *trouble])) from error
            raise
        self._plans.forget(captured.service)
        return told

    async def _as_before(
        self, replaced: Sequence[tuple[Container, Blueprint]], grace_s: float
    ) -> list[str]:
        """Those that were replaced already are there again, so that a service never runs from two
        things because one of its containers could not be replaced. What could not be had, in
        sentences."""
        trouble: list[str] = []
        for old, before in reversed(replaced):
            try:
                said = await self._replacer.put_back(old, before, grace_s)
            except EverupError as error:
                said = f"{old.name} could not be put back: {error}"
            trouble += [said] if said else []
        return trouble


def exchange_of(service: str) -> str:
    """What `Calls` knows an exchange of this service's files by."""
    return f"exchange of the files of {service}"
