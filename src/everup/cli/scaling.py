"""`everup scale` without an amount: every service's size, and what stands against another one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from everup.cli import client, show
from everup.cli.exits import OK, USAGE, Stop
from everup.cli.place import Place

MIB = 1024 * 1024
COLUMNS = ("service", "instances", "declared", "memory of one", "cpus of one")


def put_sizes(place: Place, service: str | None, *, is_compose: bool = False) -> int:
    """A table, the API's JSON, or the Compose file that would keep what was changed."""
    found = client.get(place, "/scaling")
    services = found["services"]
    if service is not None and service not in services:
        known = ", ".join(sorted(services))
        raise Stop(USAGE, f"no service {service!r}; there are: {known}")
    if is_compose:
        print(found["override"] or "# everything is as your Compose files say")
        return OK
    if place.is_json:
        show.put_json(found if service is None else services[service])
        return OK
    meant = [s for name, s in services.items() if service in (None, name)]
    show.put_table("sizes", COLUMNS, [_row(s) for s in meant])
    for why, names in _no_more(meant).items():
        show.put_text(f"no more of {', '.join(names)}, since {why}")
    if found["override"]:
        print("Some are not as declared; to keep them: everup scale --compose > sizes.yml")
    return OK


def _row(service: dict[str, Any]) -> tuple[object, ...]:
    counts = service["instances"]
    return (
        service["service"],
        f"{counts['running']} of {counts['wanted']}",
        counts["declared"],
        _memory(service["memory_bytes"]),
        _cpus(service["cpus"]),
    )


def _no_more(services: Iterable[dict[str, Any]]) -> dict[str, list[str]]:
    """Reason → services that get no further instance because of it."""
    found: dict[str, list[str]] = {}
    for service in services:
        (out,) = [d for d in service["directions"] if d["kind"] == "scale_out"]
        for no in out["refusals"]:
            found.setdefault(f"{no['name']}: {no['text']}", []).append(service["service"])
    return found


def _memory(limit: dict[str, Any]) -> str:
    now = "no limit" if limit["now"] is None else f"{limit['now'] / MIB:.0f} MiB"
    if limit["declared"] is not None and limit["declared"] != limit["now"]:
        now += f" (declared {limit['declared'] / MIB:.0f} MiB)"
    return now


def _cpus(limit: dict[str, Any]) -> str:
    return "no limit" if limit["now"] is None else f"{limit['now']:g}"
