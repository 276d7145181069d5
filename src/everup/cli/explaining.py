"""`explain`, `why-not`, `plan`, `report`: asked of the running Everup and printed."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote

from everup.cli import client, hints, pages, plan_page, report_page, show, suffering
from everup.cli.durations import seconds
from everup.cli.exits import OK
from everup.cli.place import Place

INCIDENT_PREFIX = "inc-"


def plan(place: Place) -> int:
    """Always 0 when it could be read."""
    hints.remember(place)
    return _printed(place, client.get(place, "/plan"), plan_page.plan)


def explain(place: Place, what: str | None, *, is_long: bool = False) -> int:
    """An incident by its id, a service's latest one, or the latest of all."""
    hints.remember(place)
    incident_id = what if what is not None and _is_id(what) else _latest(place, what)
    if incident_id is None:
        return _none(place, what)
    story = client.get(place, f"/incidents/{quote(incident_id, safe='')}")
    if what is not None and not place.is_json and not _is_id(what) and story["state"] != "open":
        suffering.note(suffering.of(place, what), what)
    return _printed(place, story, partial(pages.incident, is_long=is_long))


def _is_id(what: str) -> bool:
    return what.startswith(INCIDENT_PREFIX)


def _latest(place: Place, service: str | None) -> str | None:
    found = client.get(place, "/incidents", limit=1, service=service)["incidents"]
    return str(found[0]["id"]) if found else None


def _none(place: Place, service: str | None) -> int:
    hurt = None if service is None else suffering.of(place, service)
    if place.is_json:
        show.put_json(hurt)
    elif service is not None and hurt is not None:
        suffering.note(hurt, service, has_none=True)
    else:
        on = f" on {show.clean(service)}" if service else ""
        show.console().print(f"There was no incident{on} yet.", markup=False)
    return OK


def why_not(place: Place, service: str) -> int:
    """Always 0 when it could be read."""
    hints.remember(place)
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
