"""Failures of the past, as the journal has them: what a model learns from and is measured by.

Flows in: the journal's incidents. Flows out: one `Failure` per incident whose root failed by
itself. Called by `models`. What somebody wished, and what another's failure explains, is none.
"""

from __future__ import annotations

from everup.loop.ports import Journal
from everup.model.incident import Incident
from everup.model.kinds import FORETOLD, Cause, is_known
from everup.model.learned import Failure

PAGE = 200
FAILURES_MOST = 5000
NO_FAILURES = FORETOLD | {
    Cause.STOPPED_ON_PURPOSE,
    Cause.REQUESTED,
    Cause.RECOVERING,
    Cause.DEPENDENCY_DOWN,
    Cause.HOST_PRESSURE,
    Cause.UNKNOWN,
}
"""Causes of incidents in which the service itself did not fail."""


async def failures_since(journal: Journal, since_s: float) -> tuple[Failure, ...]:
    """Oldest first, at most the latest `FAILURES_MOST`. Raises JournalUnavailable."""
    found: list[Failure] = []
    before: str | None = None
    while len(found) < FAILURES_MOST:
        page = await journal.incidents(limit=PAGE, before=before)
        found += [one for one in map(failure_of, page) if one is not None and one.at_s >= since_s]
        if len(page) < PAGE or page[-1].opened_at_s < since_s:
            break
        before = page[-1].id
    return tuple(reversed(found[:FAILURES_MOST]))


def failure_of(incident: Incident) -> Failure | None:
    """None where nothing failed by itself."""
    if incident.cause in NO_FAILURES:
        return None
    began_s = incident.seen_at_s if is_known(incident.seen_at_s) else incident.opened_at_s
    return Failure(incident.service, incident.cause, began_s, incident.ended_at_s)
