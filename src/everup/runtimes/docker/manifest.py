"""What the Docker runtime can do, what it refuses and why, and what one must know of it."""

from __future__ import annotations

from everup.model.runtime import Capability, RuntimeManifest

NAME = "docker"

_REFUSED: dict[Capability, str] = {}

MANIFEST = RuntimeManifest(
    name=NAME,
    capabilities=frozenset(Capability) - _REFUSED.keys(),
    why_not=_REFUSED,
    notes={
        "lives": "Containers are the engine's; Everup starts, ends and replaces them and is never "
        "needed for their life.",
        "start": "Starts containers that exist. Making the first one is Compose's trade.",
        "restart": "One call of the engine, so that dying in between leaves nothing down.",
        "grace": "Whole seconds, rounded up: the engine knows no others.",
        "may_kill": "Where a kill is not allowed the stop signal is sent alone. The engine then "
        "holds back its restart policy for the next end of that container.",
        "recreate": "The old container is moved aside, the new one made and started, the old one "
        "removed when the new one has proven itself; refused with --rm.",
        "memory": "Working set: usage without inactive file cache.",
        "release": "Gives back networks, limits and containers that were moved aside.",
        "failover": "Names on networks that the service has itself; addresses, published ports and "
        "data stay where they are. The old one is stopped and off its networks until failback.",
        "capture": "Holds the values of the environment, which may be secrets.",
        "exits": "A code above 128 is read as a signal, as the engine writes it.",
    },
)
