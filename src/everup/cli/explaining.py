"""`explain`, `why-not`, `plan`, `report`: asked of the running Everup and printed."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from everup.cli import client, pages, plan_page, report_page, show
from everup.cli.durations import seconds
from everup.cli.exits import OK
from everup.cli.place import Place

INCIDENT_PREFIX = "inc-"


def plan(place: Place) -> int:
    """Always 0 when it could be read."""
    return _printed(place, client.get(place, "/plan"), plan_page.plan)


def explain(place: Place, what: str | None) -> int:
    """An incident by its id, a service's latest one, or the latest of all."""
    incident_id = what if what is not None and _is_id(what) else _latest(place, what)
    if incident_id is None:
        return _none(place, what)
    story = client.get(place, f"/incidents/{quote(incident_id, safe='')}")
    return _printed(place, story, pages.incident)


def _is_id(what: str) -> bool:
    return what.startswith(INCIDENT_PREFIX)


def _latest(place: Place, service: str | None) -> str | None:
    found = client.get(place, "/incidents", limit=1, service=service)["incidents"]
    return str(found[0]["id"]) if found else None


def _none(place: Place, service: str | None) -> int:
    if place.is_json:
        show.put_json(None)
    else:
        on = f" on {show.clean(service)}" if service else ""
        show.console().print(f"There was no incident{on} yet.", markup=False)
    return OK


def why_not(place: Place, service: str) -> int:
    """Always 0 when it could be read."""
    path = f"/services/{quote(service, safe='')}/actions"
    return _printed(place, client.get(place, path), pages.why_not)


def report(place: Place, since: str) -> int:
    """Always 0 when it could be read."""
    found = client.get(place, "/report", last_s=seconds(since))
    return _printed(place, found, report_page.report)


def _printed(place: Place, found: Any, page: Any) -> int:
    if place.is_json:
        show.put_json(found)
    else:
        page(found)
    return OK
