"""A service that suffers from another one has no incident of its own: whose it is, then.

Flows in: the answers of the API about the service, and the newest incidents. Flows out: one
sentence that names the incident to read. Called by `explaining` for a service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from rich.text import Text

from everup.cli import client
from everup.cli.hints import typed
from everup.cli.place import Place
from everup.cli.show import clean, console, moment
from everup.cli.words import listed

LOOKED_THROUGH = 100


def of(place: Place, service: str) -> Mapping[str, Any] | None:
    """What hurts it now, else the newest incident that hurt it; None when nothing did."""
    now = client.get(place, f"/services/{quote(service, safe='')}/actions")
    found = now["finding"] or {"explained_by": [], "since_s": None}
    roots = list(found["explained_by"])
    incidents = client.get(place, "/incidents", limit=LOOKED_THROUGH)["incidents"]
    hurt_by = [i for i in incidents if service in i["victims"]]
    if roots:
        hurt_by = [i for i in hurt_by if i["service"] in roots] or [
            i for i in incidents if i["service"] in roots
        ]
    if not roots and not hurt_by:
        return None
    newest = hurt_by[0] if hurt_by else None
    return {
        "service": service,
        "condition": now["condition"],
        "since_s": found["since_s"],
        "explained_by": roots,
        "incident_id": None if newest is None else newest["id"],
        "incident_service": None if newest is None else newest["service"],
        "incident_origin_s": None
        if newest is None
        else newest["seen_at_s"] or newest["opened_at_s"],
    }


def note(hurt: Mapping[str, Any] | None, service: str, *, has_none: bool = False) -> None:
    """Print it; with an own incident only what hurts it now is said."""
    if hurt is None or (not has_none and not hurt["explained_by"]):
        return
    name, out = clean(service), console()
    if hurt["explained_by"]:
        since = f" since {moment(hurt['since_s'])}" if hurt["since_s"] is not None else ""
        by = listed(hurt["explained_by"])
        text = f"{name} is {clean(hurt['condition'])}{since} because of {by}."
        text += f" Nothing is done to {name} itself: restarting it cannot help."
    else:
        text = f"{name} had no incident of its own. It suffered from "
        text += f"{clean(hurt['incident_service'])} at {moment(hurt['incident_origin_s'])}."
    out.print(Text(text))
    if hurt["incident_id"] is not None:
        command = typed(f"explain {clean(hurt['incident_id'])}")
        out.print(Text(f"  {command}", "cyan"), soft_wrap=True)
