"""One action as it is shown: the projection of its entries in the journal.

Made by whoever keeps the journal, read by the API and by comparisons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from everup.model.evidence import Sighting


@dataclass(frozen=True, slots=True)
class ActionRecord:
    """The projection of one action: intent, outcome and verdict."""

    id: str
    service: str
    kind: str
    origin: str
    cause: str
    reason: str
    by: str
    incident_id: str | None
    intended_at_s: float
    state: str  # acting | verifying | verified | failed
    parameters: Mapping[str, object]
    finished_at_s: float | None = None
    outcome: str = ""
    error: str = ""
    ended_at_s: float | None = None
    verdict: str = ""
    before: Sighting | None = None
    after: Sighting | None = None
    during: tuple[str, ...] = ()
