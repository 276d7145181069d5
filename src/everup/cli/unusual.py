"""Anomalies on the terminal: what is unusual now, what was noticed, what was not believed.

Flows in: the body of `GET /anomalies`. Flows out: tables, the most unusual first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from everup.cli import client
from everup.cli.exits import OK
from everup.cli.place import Place
from everup.cli.show import moment, put_json, put_table, put_text

PATH = "/anomalies"
LATEST = 20
NOW = ("service", "how unusual", "in what")
NOTICED = ("when", "service", "kind", "level", "in what")
FLAWS = ("service", "signal", "kind", "rows")
REASONS_SHOWN = 2


def put_anomalies(place: Place, service: str | None) -> int:
    """Of all services, or of one."""
    found = client.get(place, PATH, service=service)
    if place.is_json:
        put_json(found)
        return OK
    services = found["services"]
    ready = [one for one in services if one["rows"] >= one["rows_needed"]]
    if ready:
        put_table("Now", NOW, [_now(one) for one in ready])
    if learning := [one for one in services if one not in ready]:
        put_text(_learning(learning, found))
    if told := found["anomalies"][:LATEST]:
        put_table("Noticed", NOTICED, [_told(one) for one in told])
    elif ready:
        put_text("Nothing was noticed yet.")
    if flaws := [flaw for flaw in found["flaws"] if flaw["kind"] != "missing"]:
        put_table("Input that was not believed", FLAWS, [_flaw(flaw) for flaw in flaws])
    if found["fault"]:
        put_text(found["fault"])
    return OK


def _learning(learning: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> str:
    many, of = len(learning), len(found["services"])
    if found["is_living_through"]:
        return "The past is being read again; until then little is told."
    left_h = max(one["rows_needed"] - one["rows"] for one in learning) * found["row_s"] / 3600.0
    if many == of:
        return f"Everup still learns what is usual; nothing is told for {left_h:.1f} hours more."
    learns, whom = ("learns", "it") if many == 1 else ("learn", "them")
    return (
        f"{many} of {of} services still {learns} what is usual; "
        f"nothing is told of {whom} for {left_h:.1f} hours more."
    )


def _now(one: Mapping[str, Any]) -> tuple[object, ...]:
    share = one["level"] / one["bound"] if one["bound"] else 0.0
    said = f"{share:.0%} of the bound"
    return one["service"], f"{said}, anomalous" if one["is_high"] else said, _why(one)


def _told(one: Mapping[str, Any]) -> tuple[object, ...]:
    kind = "alarm" if one["is_alarm"] else "a moment"
    when = moment(one["at_s"], with_day=True)
    return when, one["service"], kind, f"{one['level']:.1f}", _why(one)


def _flaw(flaw: Mapping[str, Any]) -> tuple[object, ...]:
    return flaw["service"], flaw["signal"], flaw["kind"].replace("_", " "), flaw["count"]


def _why(one: Mapping[str, Any]) -> str:
    shown = one["reasons"][:REASONS_SHOWN]
    return "; ".join(_reason(reason) for reason in shown) or "–"


def _reason(reason: Mapping[str, Any]) -> str:
    member = reason["member"].replace("_", " ")
    name = reason["signal"] or "all together"
    value = "" if reason["value"] is None else f" {reason['value']:.4g}"
    return f"{name}{value} ({member}, 1 in {10 ** reason['rarity']:,.0f})"
