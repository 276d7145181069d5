"""What people ask for: start, stop, heal, rollback, scale, freeze; through the API of the running
Everup."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote

from everup.cli import client, hints, restoring, show
from everup.cli.durations import seconds
from everup.cli.exits import OK, UNWELL, USAGE, Stop
from everup.cli.hints import typed
from everup.cli.place import Place
from everup.model.kinds import ActionKind


def purpose(
    place: Place, verb: str, service: str, wait_s: float, reason: str, override: list[str] | None
) -> int:
    """Stop or start one service."""
    path = f"/services/{quote(service, safe='')}/{verb}"
    found = client.change(place, "POST", path, wait_s, reason=reason, override=override)
    return said(place, found, wait_s)


def heal(
    place: Place,
    service: str,
    kind: str,
    wait_s: float,
    reason: str,
    override: list[str] | None,
    instance: str = "",
) -> int:
    """Recover one service, or one instance of it."""
    if kind not in ("restart", *ActionKind):
        known = ", ".join(("restart", *ActionKind))
        raise Stop(USAGE, f"--type: {kind!r} is none; there are: {known}")
    found = client.change(
        place,
        "POST",
        f"/recovery/manual/{quote(service, safe='')}",
        wait_s,
        recovery_type=kind,
        instance=instance,
        reason=reason,
        override=override,
    )
    return said(place, found, wait_s)


def scale(
    place: Place,
    service: str,
    instances: int | None,
    memory: str | None,
    cpus: str | None,
    wait_s: float,
    reason: str,
    override: list[str] | None,
) -> int:
    """Another number of instances, or other limits."""
    found = client.change(
        place,
        "POST",
        f"/scaling/manual/{quote(service, safe='')}",
        wait_s,
        instances=instances,
        memory=memory,
        cpus=cpus,
        reason=reason,
        override=override,
    )
    return said(place, found, wait_s)


def rollback(
    place: Place,
    service: str,
    snapshot: str,
    wait_s: float,
    reason: str,
    override: list[str] | None,
    *,
    is_dry: bool,
) -> int:
    """Show what would differ, and go back unless only that was asked for."""
    path = f"/rollback/manual/{quote(service, safe='')}"
    found = client.change(place, "POST", path, dry_run="true", snapshot=snapshot)
    if is_dry and place.is_json:
        show.put_json(found)
    elif not place.is_json:
        print(f"{service} goes back to {found['back_to']}" if not is_dry else found["text"])
        print("\n".join(f"  {line}" for line in found["differences"] or ["nothing differs"]))
    if is_dry:
        return OK
    found = client.change(
        place, "POST", path, wait_s, reason=reason, override=override, snapshot=snapshot
    )
    if snapshot:
        return restoring.said(place, found, wait_s)
    return said(place, found, wait_s)


def freeze(place: Place, service: str | None, for_: str | None, reason: str) -> int:
    """Freeze one service or the stack."""
    for_s = None if for_ is None else seconds(for_)
    found = client.change(place, "POST", "/freeze", service=service, for_s=for_s, reason=reason)
    if place.is_json:
        return said(place, found)
    hints.remember(place)
    end = "it is lifted" if for_s is None else show.moment(time.time() + for_s, with_day=True)
    lift = hints.typed(f"unfreeze {service or ''}".rstrip())
    print(f"{service or 'the stack'} is frozen until {end}; lift it: {lift}")
    return OK


def unfreeze(place: Place, service: str | None) -> int:
    """Lift it."""
    return said(place, client.change(place, "DELETE", "/freeze", service=service))


def said(place: Place, found: dict[str, Any], wait_s: float = 0.0) -> int:
    """Show the answer. Who waited, and saw no end of it, is not told that all is well."""
    is_open = wait_s > 0 and not found.get("is_settled", True)
    if place.is_json:
        show.put_json(found)
        outcome = found["outcome"]
        has_failed = outcome is not None and outcome["state"] == "failed"
        return UNWELL if has_failed or is_open else OK
    has_failed = not show.answer(found)
    if is_open:
        text = f"not proven within {wait_s:g} s, and goes on; {found['text']}; see: "
        print(text + typed(f"explain {found['service']}"))
    return UNWELL if has_failed or is_open else OK
