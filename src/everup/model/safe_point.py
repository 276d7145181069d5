"""What a service can go back to: what ran when it was last seen to be well.

Written down by `loop.safe_points`, chosen by `rollback_manager`. The configuration itself lies on
the shelf (`loop.ports.Shelf`), since it may hold secrets; here is what a person may read.
"""

from __future__ import annotations

from dataclasses import dataclass

SAFE_POINTS_MOST = 2
"""For each service: the latest, and the one before it, for whoever wants to go back by hand."""

FROM, TO, TITLE = "from", "to", "title"
"""Parameters of a step that goes back: versions, and what the target is called."""

FILES = "files"
"""Another one: True where configuration files are written for it."""


@dataclass(frozen=True, slots=True)
class SafePoint:
    """One version of one service that was well over its probation. `image` and `reference`: its
    content address, and the name of ours that keeps it from being pruned; "" where there is none.
    """

    service: str
    version: str
    title: str
    kept_at_s: float
    image: str = ""
    reference: str = ""
    image_bytes: float = float("nan")
