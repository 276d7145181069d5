"""Names of ours on images, so that nobody prunes what a service may go back to.

Flows in: an image's content address and a name. Flows out: the name is on it, or gone. Taking away
the last name of an image would remove the image, which is not ours to do: the name is first moved
to an image that has another one, so that what is left is as it would be without us.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everup.model.errors import GiveUp
from everup.model.kinds import UNKNOWN
from everup.model.runtime import Captured
from everup.runtimes.docker.engine import Engine, Gone

SIZES_MOST = 1000


class Images:
    """Of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._sizes: dict[str, float] = {}

    async def means(self, name: str) -> str:
        """The content address that a name, or an address, leads to; "" for none."""
        if not name:
            return ""
        try:
            found = await self._engine.get(f"images/{name}/json")
        except Gone:
            return ""
        return str(found.get("Id") or "")

    async def size(self, image: str) -> float:
        """Bytes of an image; NaN where it cannot be said. By its address, so it never changes."""
        if image not in self._sizes:
            try:
                found = await self._engine.get(f"images/{image}/json")
                self._sizes[image] = float(found.get("Size") or UNKNOWN)
            except (Gone, ValueError, TypeError):
                return UNKNOWN
            while len(self._sizes) > SIZES_MOST:
                del self._sizes[next(iter(self._sizes))]
        return self._sizes[image]

    async def lacks(self, captured: Captured) -> str:
        """Why what was captured cannot be made now: its image is gone; "" where it is there."""
        if not captured.image or await self.means(captured.image):
            return ""
        return f"the image of {captured.title} is not on this host any more"

    async def pin(self, image: str, reference: str) -> None:
        """Name it."""
        repository, _, tag = reference.partition(":")
        await self._engine.call(
            "POST", f"images/{image}/tag", params={"repo": repository, "tag": tag or "latest"}
        )

    async def unpin(self, reference: str) -> None:
        """Take the name away, and leave the image.

        Raises:
            GiveUp: it is the only name of the only image, and stays.
        """
        image = await self.means(reference)
        if not image:
            return
        if len(await self._names(image)) < 2:
            await self.pin(await self._one_with_a_name(reference), reference)
        await self._engine.call(
            "DELETE", f"images/{reference}", params={"force": False, "noprune": True}
        )

    async def _names(self, image: str) -> list[str]:
        found = await self._engine.get(f"images/{image}/json")
        return [str(name) for name in found.get("RepoTags") or ()]

    async def _one_with_a_name(self, reference: str) -> str:
        for line in await self._engine.call("GET", "images/json"):
            names = [n for n in _tags(line) if n != reference]
            if names and not any(n.partition(":")[0] == reference.partition(":")[0] for n in names):
                return str(line["Id"])
        raise GiveUp(f"{reference} stays: no other image here has a name")


def _tags(line: Mapping[str, Any]) -> list[str]:
    return [str(n) for n in line.get("RepoTags") or () if "<none>" not in str(n)]
