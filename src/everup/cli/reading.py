"""`status`: read and printed."""

from __future__ import annotations

from everup.cli import client, hints, show
from everup.cli.exits import OK, UNWELL
from everup.cli.place import Place

WELL = frozenset({"healthy", "stopped", "starting", "recovering"})


def status(place: Place) -> int:
    """1 when Everup cannot look or act, or a service is unwell; unknown is not unwell."""
    hints.remember(place)
    health = client.get(place, "/health", accept=(503,))
    state = client.get(place, "/status")
    scores = client.get(place, "/health-scores")
    if place.is_json:
        show.put_json({"health": health, "status": state, "health_scores": scores})
    else:
        show.status(health, state, scores)
    conditions = {s["condition"] for s in scores["services"].values()}
    is_well = conditions <= WELL | {"unknown", "paused"}
    return OK if is_well and health["status"] == "ok" else UNWELL
