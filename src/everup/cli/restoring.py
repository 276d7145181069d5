"""`everup snapshot restore`, `everup rollback` of several services, and `everup restores`.

Flows in: what a person wants to have back. Flows out: the plan as a table, then, after a yes, the
restore, followed to its end for as long as it is waited for. All through the API.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from everup.cli import client, show
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.hints import typed
from everup.cli.place import Place

COLUMNS = ("step", "service", "runs from", "goes back to")
STEPS = ("step", "service", "from", "to", "is")


def restore(
    place: Place,
    path: str,
    services: Sequence[str],
    wait_s: float,
    reason: str,
    override: list[str] | None,
    *,
    is_dry: bool,
    is_sure: bool,
) -> int:
    """Show what would be done; do it, after a yes."""
    wanted: dict[str, Any] = {"services": list(services)}
    plan = client.change(place, "POST", path, dry_run="true", **wanted)
    if place.is_json:
        if is_dry:
            show.put_json(plan)
    else:
        _put_plan(plan)
    if plan["state"] == "refused":
        return UNWELL
    if is_dry or not plan["steps"]:
        return OK
    if not is_sure and not _asked():
        print("nothing was done")
        return OK
    found = client.change(place, "POST", path, wait_s, reason=reason, override=override, **wanted)
    return said(place, found, wait_s)


def of_snapshot(snapshot_id: str) -> str:
    """Where one is restored."""
    return f"/snapshots/{quote(snapshot_id, safe='')}/restore"


def restores(place: Place, restore_id: str | None, reason: str, *, is_undo: bool) -> int:
    """All, one, or have one put back what it has changed."""
    if restore_id is None:
        if is_undo:
            raise Stop(USAGE, "--undo: of which one? everup restores lists them")
        return _list(place)
    path = f"/restores/{quote(restore_id, safe='')}"
    if is_undo:
        found = client.change(place, "POST", f"{path}/undo", reason=reason)
        if place.is_json:
            show.put_json(found)
        else:
            show.put_text(found["text"])
        return OK
    found = client.get(place, path)
    if place.is_json:
        show.put_json(found)
    else:
        _put(found)
    return UNWELL if found["ending"] in ("put_back", "stuck") else OK


def _asked() -> bool:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Stop(USAGE, "nothing was done; add --yes to do this, or --dry-run to only see it")
    return input("Go back to this? [y/N] ").strip().lower() in ("y", "yes")


def _put_plan(plan: Mapping[str, Any]) -> None:
    rows = [
        (number, step["service"], step["from_title"], step["to_title"])
        for number, step in enumerate(plan["steps"], 1)
    ]
    if rows:
        show.put_table("one after the other, each proven before the next", COLUMNS, rows)
    for left in plan["left"]:
        show.put_text(f"{left['service']} stays: {left['reason']}")
    for note in plan["notes"]:
        show.put_text(note)
    for refusal in plan["refusals"]:
        show.put_text(f"{refusal['service']} stands against it: {refusal['reason']}")
    show.put_text(plan["text"])


def said(place: Place, found: Mapping[str, Any], wait_s: float) -> int:
    """Show what was begun, or how it ended. Who waited and saw no end is not told all is well."""
    ended = found["ended"]
    is_open = wait_s > 0 and not found["is_settled"]
    has_failed = ended is not None and ended["ending"] != "restored"
    if place.is_json:
        show.put_json(found)
        return UNWELL if is_open or has_failed else OK
    if ended is not None:
        _put(ended)
    else:
        show.put_text(found["text"])
        restore_id = found["restore_id"]
        if restore_id is not None:
            print("see how far it is: " + typed(f"restores {restore_id}"))
    return UNWELL if is_open or has_failed else OK


def _list(place: Place) -> int:
    found = client.get(place, "/restores")
    if place.is_json:
        show.put_json(found)
        return OK
    rows = [
        (
            one["id"],
            show.moment(one["began_at_s"], with_day=True),
            ", ".join(step["service"] for step in one["steps"]),
            one["snapshot_id"] or "safe points",
            one["by"],
            one["ending"] or ("goes back" if one["is_back"] else "under way"),
        )
        for one in found["restores"]
    ]
    if not rows:
        print("nothing was restored yet")
        return OK
    show.put_table("restores", ("id", "began", "services", "to", "by", "is"), rows)
    return OK


def _put(found: Mapping[str, Any]) -> None:
    far, ending = found["progress"], found["ending"]
    rows = [
        (number, s["service"], s["from_title"], s["to_title"], s["state"].replace("_", " "))
        for number, s in enumerate(found["steps"], 1)
    ]
    show.put_table(f"{found['id']}, asked for by {found['by']}", STEPS, rows)
    if ending is not None:
        show.put_text(f"{ending.replace('_', ' ')}: {found['ended_because']}")
        return
    way = "back" if found["is_back"] else "forward"
    show.put_text(f"{way}: step {far['number']} of {far['of']}, {far['service']}; {far['doing']}")
    if found["back_because"]:
        show.put_text(f"it goes back because {found['back_because']}")
    if found["waiting_for"]:
        show.put_text(f"it waits: {found['waiting_for']}")
    if far["next_service"]:
        show.put_text(f"next: {far['next_service']}")
    print("to have it undone: " + typed(f"restores {found['id']} --undo"))
