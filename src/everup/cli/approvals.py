"""`everup approve`: what waits for a person's word, and the word."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from rich.text import Text

from everup.cli import client, hints, show
from everup.cli.exits import OK
from everup.cli.place import Place
from everup.cli.words import named, spoken


def approve(place: Place, approval_id: str | None, *, is_rejected: bool, reason: str) -> int:
    """Without an id, list what waits; with one, say yes or no to it."""
    hints.remember(place)
    if approval_id is None:
        return _list(place)
    verb = "reject" if is_rejected else "approve"
    found = client.change(
        place, "POST", f"/approvals/{quote(approval_id, safe='')}/{verb}", reason=reason
    )
    if place.is_json:
        show.put_json(found)
        return OK
    show.console().print(Text(spoken(found["text"])))
    if not is_rejected:
        show.console().print("The gate judges it once more; everup status shows what came of it.")
    return OK


def _list(place: Place) -> int:
    found = client.get(place, "/approvals")
    if place.is_json:
        show.put_json(found)
        return OK
    waiting = [a for a in found["approvals"] if a["state"] in ("asked", "approved")]
    if not waiting:
        _put_handed(place)
    for approval in waiting:
        _put(approval)
    ended = [a for a in found["approvals"] if a not in waiting]
    if ended:
        show.put_table(
            "Earlier",
            ("asked", "id", "service", "action", "came to", "by"),
            [
                (
                    show.moment(a["asked_at_s"]),
                    a["id"],
                    a["service"],
                    named(a["kind"]),
                    a["state"],
                    a["by"],
                )
                for a in ended[:10]
            ],
        )
    return OK


def _put_handed(place: Place) -> None:
    """Nothing is asked, but something may have been handed over: that needs mending, not a yes."""
    handed = client.get(place, "/plan")["with_a_person"]
    console = show.console()
    if not handed:
        console.print("Nothing waits for your word.")
        return
    names = ", ".join(show.clean(name) for name in handed)
    console.print(f"No yes or no is asked. But a person has to mend: {names}; see", markup=False)
    for name in handed:
        console.print(Text(f"  {hints.typed('explain ' + show.clean(name))}"), soft_wrap=True)


def _put(approval: Mapping[str, Any]) -> None:
    console = show.console()
    head = Text(f"{named(approval['kind'])} of {approval['service']}", style="bold")
    head.append(f"  {approval['id']}  {approval['state']}", style="yellow")
    console.print(head)
    left_s = (approval["expires_at_s"] or 0.0) - time.time()
    rows = (
        ("why", approval["reason"]),
        ("risk", approval["risk"]),
        ("expected", approval["expected"]),
        ("expires", f"in {max(0.0, left_s):.0f} s ({show.moment(approval['expires_at_s'])})"),
    )
    for name, text in rows:
        console.print(Text(f"  {name:<9} {spoken(text)}"))
    for line in approval.get("differs") or ():
        console.print(Text(f"    {show.clean(line)}"), soft_wrap=True)
    if approval["state"] == "asked":
        no = f"approve {approval['id']} --reject --reason WHY"
        console.print(Text(f"  yes: {hints.typed('approve ' + approval['id'])}"), soft_wrap=True)
        console.print(Text(f"  no:  {hints.typed(no)}"), soft_wrap=True)
