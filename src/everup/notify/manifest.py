"""What a notifier says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NotifierManifest:
    """`notes`: what one must know of it, by subject. `leaves_the_host`: does it use the network?"""

    kind: str
    leaves_the_host: bool
    notes: Mapping[str, str] = field(default_factory=dict)
