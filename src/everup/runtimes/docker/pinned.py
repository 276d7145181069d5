"""Names of ours on images, with a note for each, so that none is ever forgotten.

Flows in: containers whose image is to stay, references. Flows out: names on images, or off them.
Called by `runtime`, under the turn of the service where it has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from everup.model.errors import GiveUp
from everup.runtimes.docker.containers import Container
from everup.runtimes.docker.images import Images
from everup.runtimes.docker.store import PINNED, Store
from everup.runtimes.docker.versions import image_of


class Pinned:
    """Of one runtime."""

    def __init__(self, images: Images, store: Store) -> None:
        self._images, self._store = images, store

    async def give(self, service: str, containers: Sequence[Container], reference: str) -> str:
        """Tag the image that runs; its id. Noted before it is done.

        Raises:
            GiveUp: there is no container.
        """
        if not containers:
            raise GiveUp(f"{service} has no container, so that no image of it runs")
        image = image_of(containers[-1])
        self._store.put(PINNED, reference, {"service": service, "image": image})
        await self._images.pin(image, reference)
        return image

    async def take(self, reference: str) -> None:
        """The name goes, and then its note."""
        await self._images.unpin(reference)
        self._store.remove(PINNED, reference)

    def services(self) -> Mapping[str, str]:
        """Every name that is noted, and the service that it was given for."""
        noted = self._store.all(PINNED).items()
        return {reference: str(value.get("service") or "") for reference, value in noted}

    def is_noted(self, reference: str) -> bool:
        """Did we give it, and not take it away?"""
        return self._store.get(PINNED, reference) is not None
