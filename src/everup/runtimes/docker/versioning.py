"""Versions of containers as listed, with what we hold put back; remembered by document.

Flows in: containers. Flows out: what `versions` makes of each, and what a person would call it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everup.model.sums import SumKey
from everup.runtimes.docker.containers import Container, section
from everup.runtimes.docker.isolation import Isolation
from everup.runtimes.docker.limits import LimitKeeper
from everup.runtimes.docker.versions import image_of, short, version_of

KEPT_MOST = 2000


class Versions:
    """A document is read once, however often it is listed."""

    def __init__(self, key: SumKey, limits: LimitKeeper, isolation: Isolation) -> None:
        self._key, self._limits, self._isolation = key, limits, isolation
        self._known: dict[str, tuple[Mapping[str, Any], str]] = {}

    def of(self, container: Container) -> str:
        """What this container is made of, without its files."""
        known = self._known.get(container.id)
        if known is not None and known[0] is container.document:
            return known[1]
        limits, networks = self._limits.before(container), self._isolation.before(container.id)
        version = version_of(container, self._key, limits, networks)
        self._known[container.id] = (container.document, version)
        while len(self._known) > KEPT_MOST:
            del self._known[next(iter(self._known))]
        return version


def title_of(container: Container) -> str:
    """`shop/web:latest (4f1c9e2ab3d0)`."""
    named = str(section(container.document, "Config").get("Image") or "")
    address = short(image_of(container))
    return (
        f"image {address}" if named.startswith("sha256:") or not named else f"{named} ({address})"
    )
