"""`everup snapshot`: list what is kept of the stack, take one, look into it, compare, verify."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from rich.table import Table
from rich.text import Text

from everup.cli import client, hints, show
from everup.cli.exits import OK, UNWELL
from everup.cli.place import Place

KIB, MIB, GIB = 1024, 1024**2, 1024**3
REASONS = {
    "schedule": "on schedule",
    "before_change": "before a change",
    "change_seen": "after a change",
    "by_hand": "by hand",
    "before_restore": "before going back",
}
ASPECTS = {"stack_file": "file", "service": ""}


def put_list(place: Place) -> int:
    """Newest first, with what they hold."""
    found = client.get(place, "/snapshots")
    if place.is_json:
        show.put_json(found)
        return OK
    hints.remember(place)
    marks = found["snapshots"]
    if not marks:
        show.put_text(found["why_not"] or "There is no snapshot yet.")
        return OK
    table = Table(title="Snapshots", title_justify="left", header_style="bold")
    for name, is_whole in (("id", True), ("taken", True), ("why", False), ("services", False)):
        table.add_column(name, no_wrap=is_whole, overflow="fold")
    for name in ("safe", "images held"):
        table.add_column(name, overflow="fold")
    for mark in marks:
        table.add_row(*map(show.cell, _row(mark)))
    show.console().print(table)
    show.put_text(_about(found))
    for text in (found["why_not"], found["fault"]):
        if text:
            show.console().print(Text(show.clean(text), "yellow"))
    return OK


def create(place: Place, reason: str, wait_s: float, *, with_dumps: bool) -> int:
    """Take one now."""
    found = client.change(
        place,
        "POST",
        "/snapshots",
        wait_s,
        reason=reason,
        with_dumps="true" if with_dumps else None,
    )
    if place.is_json:
        show.put_json(found)
        return OK
    hints.remember(place)
    if found.get("state") == "accepted":
        show.put_text("It is being taken.")
        show.console().print(Text(f"  {hints.typed('snapshot list')}"), soft_wrap=True)
        return OK if not wait_s else UNWELL
    _put(found)
    return UNWELL if any(part["missing"] for part in found["services"]) else OK


def put_one(place: Place, snapshot_id: str) -> int:
    """What one holds."""
    found = client.get(place, f"/snapshots/{quote(snapshot_id, safe='')}")
    if place.is_json:
        show.put_json(found)
    else:
        hints.remember(place)
        _put(found)
    return OK


def put_diff(place: Place, first: str, second: str) -> int:
    """What changed from one to the other, per service, and by whose hand."""
    path = f"/snapshots/{quote(first, safe='')}/diff/{quote(second, safe='')}"
    found = client.get(place, path)
    if place.is_json:
        show.put_json(found)
        return OK
    console = show.console()
    if not found["changes"]:
        show.put_text(f"Nothing differs between {first} and {second}.")
    before = None
    for change in found["changes"]:
        name = show.clean(change["service"] or "the stack's own files")
        if name != before:
            console.print(Text(name, "bold"))
            before = name
        aspect = ASPECTS.get(change["aspect"], show.clean(change["aspect"]))
        head = Text(f"  {aspect} " if aspect else "  ")
        head.append(f"by {show.clean(change['by'])}", "green" if change["is_ours"] else "yellow")
        if change["action_ids"]:
            head.append(f" ({', '.join(change['action_ids'])})", "dim")
        console.print(head)
        for line in change["lines"]:
            console.print(_coloured(line), soft_wrap=True)
    return OK


def verify(place: Place) -> int:
    """Read everything that is kept. Ends with 1 when something is not as it was."""
    found = client.change(place, "POST", "/snapshots/verify")
    if place.is_json:
        show.put_json(found)
        return OK if found["is_whole"] else UNWELL
    size = _bytes(found["total_bytes"])
    for name in found["mended"]:
        show.put_text(f"vault/{name} was damaged, and is mended")
    if found["is_whole"]:
        show.put_text(f"All {found['objects']} objects ({size}) are as they were put there.")
        return OK
    harms = found["harms"]
    head = f"{len(harms)} of {found['objects']} objects cannot be used; nothing of them will be:"
    show.console().print(Text(head, "red"))
    for harm in harms:
        users = "; ".join(show.clean(user) for user in harm["used_by"]) or "nothing any more"
        show.console().print(Text(f"  {harm['address']} is {harm['what']}"), soft_wrap=True)
        show.console().print(Text(f"    used by {users}", "dim"), soft_wrap=True)
    show.put_text("What runs now is kept anew by the next snapshot: everup snapshot create")
    return UNWELL


def _row(mark: Mapping[str, Any]) -> tuple[object, ...]:
    services = str(mark["services"])
    if mark["missing"]:
        whole = int(mark["services"]) + len(mark["missing"])
        services = f"{services} of {whole}, without {', '.join(mark['missing'])}"
    why = REASONS[mark["reason"]]
    if mark["reason"] == "by_hand":
        why += f" ({mark['by']})"
    if mark["note"]:
        why += f": {mark['note']}"
    return (
        mark["id"],
        show.moment(mark["at_s"], with_day=True)[len("2000-") :],
        why,
        services,
        "yes" if mark["is_safe"] else "not proven",
        "–" if mark["held_bytes"] == 0 else _bytes(mark["held_bytes"]),
    )


def _about(found: Mapping[str, Any]) -> str:
    kept = f"At most {found['most']} are kept"
    if found["objects"]:
        kept += f"; {found['objects']} objects, {_bytes(found['total_bytes'])}"
    if found["verified_at_s"] is None:
        return f"{kept}; not verified yet."
    said = f"{kept}; verified {show.moment(found['verified_at_s'], with_day=True)}"
    harms = found["harms"]
    return f"{said}, {len(harms)} not as they were: everup snapshot verify" if harms else f"{said}."


def _put(found: Mapping[str, Any]) -> None:
    console = show.console()
    head = Text(f"{found['id']}  ", "bold")
    head.append(f"{show.moment(found['at_s'], with_day=True)}, {REASONS[found['reason']]}, ")
    head.append(f"by {show.clean(found['by'])}, ")
    head.append("safe" if found["is_safe"] else "not proven", "green" if found["is_safe"] else "")
    console.print(head, soft_wrap=True)
    if found["note"]:
        show.put_text(found["note"])
    rows = []
    for part in sorted(found["services"], key=lambda part: str(part["service"])):
        held = "held" if part["image_is_held"] else ("not held" if part["image"] else "")
        limits = [_bytes(part["memory_bytes"])] if part["memory_bytes"] else []
        limits += [f"{part['cpus']:g} cpus"] if part["cpus"] else []
        rows.append(
            (
                part["service"],
                part["missing"] or part["title"],
                held,
                part["instances"],
                ", ".join(limits),
                len(part["files"]) or "",
                part["dump"],
            )
        )
    columns = ("service", "runs from", "image", "instances", "limits", "files", "dump")
    has_dump = any(part["dump"] for part in found["services"])
    width = len(columns) if has_dump else len(columns) - 1
    show.put_table("Services", columns[:width], [row[:width] for row in rows])
    if found["files"]:
        show.put_text(f"The stack's own files: {', '.join(found['files'])}")


def _coloured(line: str) -> Text:
    text = show.clean(line)
    sign = text[2:3] if text.startswith("  ") else ""  # a line of a file
    style = {"+": "green", "-": "red", "@": "cyan"}.get(sign, "")
    return Text(f"    {text}", style)


def _bytes(value: float | None) -> str:
    if value is None:
        return "unknown"
    for size, name in ((GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if value >= size:
            return f"{value / size:.1f} {name}"
    return f"{value:.0f} bytes"
