"""Verbs that processes cannot have, each refused with its reason.

Flows in: a call. Flows out: `NotSupported`, as the manifest says it. Part of `runtime`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from everup.model.errors import NotSupported
from everup.model.runtime import Capability
from everup.runtimes.processes.manifest import MANIFEST, NAME


class Refused:
    """There are no images, and no networks to take a process off."""

    async def pin_image(self, service: str, reference: str) -> str:
        """Refused."""
        raise _refusal(Capability.PIN_IMAGE)

    async def unpin_image(self, service: str, reference: str) -> None:
        """Refused."""
        raise _refusal(Capability.UNPIN_IMAGE)

    async def pinned_images(self) -> Mapping[str, str]:
        """None."""
        return {}

    async def isolate(self, service: str, instance: str | None = None) -> None:
        """Refused."""
        raise _refusal(Capability.ISOLATE)

    async def rejoin(self, service: str) -> None:
        """Refused."""
        raise _refusal(Capability.REJOIN)

    async def failover(self, service: str, standby: str, *, grace_s: float) -> Sequence[str]:
        """Refused."""
        raise _refusal(Capability.FAILOVER)

    async def failback(self, service: str) -> Sequence[str]:
        """Refused."""
        raise _refusal(Capability.FAILBACK)


def _refusal(capability: Capability) -> NotSupported:
    return NotSupported(NAME, capability, MANIFEST.why_not[capability])
