"""What HAProxy answers → values. Pure; whatever it says, no error but `Unreadable` comes of it.

Columns are found by their names: later versions add some. A line that lacks what we need is left
out, so that no order is given about what is not understood.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from everup.model.kinds import UNKNOWN, is_known
from everup.model.routing import Order, RoutedGroup, RoutedServer, Served, ServerName

SERVERS_MOST = 10_000
FIELD_CHARS_MOST = 256
NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
ADDRESS = re.compile(r"[0-9A-Fa-f:.]{2,45}")
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})")

MAINTENANCE, DRAINS = 0x01 | 0x02 | 0x04, 0x08 | 0x10
UNRESOLVED = 0x20 | 0x40
CHECK_CONFIGURED = 0x02
STOPPED, STARTING, RUNNING = 0, 1, 2
CHECK_UNKNOWN = 0
"""Bits and numbers of `show servers state`, format 1."""

FAILURES = ("econ", "eresp", "hrsp_5xx")
"""Columns of `show stat`: no connection, no answer, an answer that says so. One request may be in
two of them."""


GROUP_FAILURES = {"http": ("hrsp_5xx",), "tcp": ("econ", "eresp")}
"""The same of a whole backend: in HTTP all that fails ends as an answer that says so, also what
waited in vain for a server."""

BACKEND = "BACKEND"
"""The row of a backend as a whole."""
WAITS = ("qtime", "ctime", "rtime")
"""In the queue, for a connection, for an answer: milliseconds, means of the latest ones."""
FADES_OVER = 512.0
"""Answers: TIME_STATS_SAMPLES of HAProxy's source, and so measured of 2.6; its manual says 1024."""

TCP = "tcp"
"""The mode of a backend whose answers are not timed: it says 0 there."""


class Unreadable(Exception):
    """It is no answer to what was asked; the message says how."""


@dataclass(frozen=True, slots=True)
class Info:
    """`life`: another one after a reload or a restart."""

    version: str
    number: tuple[int, int]
    life: str


def info(text: str) -> Info:
    """`show info`."""
    found = dict(line.split(": ", 1) for line in text.splitlines()[:500] if ": " in line)
    version = found.get("Version", "")[:FIELD_CHARS_MOST]
    number = _VERSION.match(version)
    if number is None or "HAProxy" not in found.get("Name", ""):
        raise Unreadable(f"no HAProxy of a known version: {text[:80]!r}")
    life = f"{found.get('Pid', '')[:20]}.{found.get('Start_time_sec', '')[:20]}"
    return Info(version, (int(number[1]), int(number[2])), life)


def sessions(text: str) -> Mapping[ServerName, float]:
    """`show stat`: what each server has under way or waiting."""
    return {
        name: _count(row.get("scur")) + _count(row.get("qcur")) for name, row in _rows(text).items()
    }


def served(text: str) -> Mapping[ServerName, Served]:
    """`show stat`: what each server was given so far, where it says so."""
    found: dict[ServerName, Served] = {}
    for name, row in _rows(text).items():
        if not row.get("stot") or not row.get("econ"):
            continue
        failures = sum(_count(row.get(column)) for column in FAILURES)
        took_ms = "" if row.get("mode") == TCP else row.get("rtime") or ""
        latency_s = _count(took_ms) / 1000.0 if took_ms else UNKNOWN
        over = FADES_OVER if is_known(latency_s) else UNKNOWN
        found[name] = Served(_count(row.get("stot")), failures, latency_s, over)
    return found


def waiting(text: str) -> Mapping[ServerName, float]:
    """`show stat`: what waits for a place at each server, where it says so."""
    return {name: _count(row["qcur"]) for name, row in _rows(text).items() if row.get("qcur")}


def groups(text: str) -> Mapping[str, RoutedGroup]:
    """`show stat`: each backend as a whole."""
    found: dict[str, RoutedGroup] = {}
    for name, row in _rows(text).items():
        if name.name != BACKEND or not is_name(name.group):
            continue
        mode = row.get("mode") or "http"
        served = None
        if row.get("stot") and mode in GROUP_FAILURES:
            failures = sum(_count(row.get(column)) for column in GROUP_FAILURES[mode])
            is_timed = mode != TCP and bool(row.get("rtime"))
            took_s = sum(_count(row.get(column)) for column in WAITS) / 1000.0
            timed = (took_s, FADES_OVER) if is_timed else (UNKNOWN, UNKNOWN)
            served = Served(_count(row.get("stot")), failures, *timed)
        waits = _count(row.get("qcur")) if row.get("qcur") else UNKNOWN
        found[name.group] = RoutedGroup(served, waits)
    return found


def _rows(text: str) -> Mapping[ServerName, Mapping[str, str]]:
    lines = text.splitlines()
    if not lines or not lines[0].startswith("# pxname,svname,"):
        raise Unreadable(f"no statistics: {text[:80]!r}")
    lines[0] = lines[0].removeprefix("# ")
    try:
        return {
            ServerName(str(row.get("pxname")), str(row.get("svname"))): row
            for row in csv.DictReader(io.StringIO("\n".join(lines[: SERVERS_MOST * 4])))
        }
    except csv.Error as error:
        raise Unreadable(f"no statistics: {error}") from error


def servers(
    text: str,
    open_sessions: Mapping[ServerName, float],
    counted: Mapping[ServerName, Served] = MappingProxyType({}),
    waits: Mapping[ServerName, float] = MappingProxyType({}),
) -> tuple[RoutedServer, ...]:
    """`show servers state`, with what `sessions`, `served` and `waiting` found."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2 or lines[0].strip() != "1" or not lines[1].startswith("# "):
        raise Unreadable(f"no state of servers in format 1: {text[:80]!r}")
    columns = lines[1].removeprefix("# ").split()
    if not {"be_name", "srv_name", "srv_addr", "srv_admin_state"} <= set(columns):
        raise Unreadable(f"no state of servers: it has the columns {' '.join(columns)[:200]}")
    if len(lines) - 2 > SERVERS_MOST:
        raise Unreadable(f"{len(lines) - 2} servers; at most {SERVERS_MOST} will do")
    found: list[RoutedServer] = []
    for line in lines[2:]:
        cells = line.split()
        if len(cells) < len(columns):
            continue
        one = _server(dict(zip(columns, cells, strict=False)), open_sessions)
        if one is not None:
            waited = waits.get(one.name, UNKNOWN)
            found.append(replace(one, served=counted.get(one.name), waiting=waited))
    return tuple(found)


def _server(
    row: Mapping[str, str], open_sessions: Mapping[ServerName, float]
) -> RoutedServer | None:
    name = ServerName(row["be_name"], row["srv_name"])
    if not is_name(name.group) or not is_name(name.name):
        return None
    try:
        admin, op = int(row["srv_admin_state"]), int(row["srv_op_state"])
        check = int(row.get("srv_check_state", "0"))
        weight, declared = float(row["srv_uweight"]), float(row["srv_iweight"])
        port = int(row.get("srv_port", "0"))
        result = int(row.get("srv_check_result", "0"))
    except (KeyError, ValueError):
        return None
    is_checked = bool(check & CHECK_CONFIGURED)
    address = row["srv_addr"] if ADDRESS.fullmatch(row["srv_addr"]) else ""
    if admin & UNRESOLVED:
        address = ""  # whatever stands there, it does not lead anywhere now
    order = Order.OUT if admin & MAINTENANCE else Order.DRAIN if admin & DRAINS else Order.READY
    says_up = op in (STARTING, RUNNING) if is_checked and result != CHECK_UNKNOWN else None
    host = row.get("srv_fqdn", "-")
    return RoutedServer(
        name,
        order,
        address,
        port if 0 < port < 65536 else 0,
        weight,
        declared,
        open_sessions.get(name, UNKNOWN),
        None if order is Order.OUT else says_up,
        is_checked,
        "" if host == "-" else host[:FIELD_CHARS_MOST],
        is_encrypted=row.get("srv_use_ssl", "0") != "0",
    )


def is_name(text: str) -> bool:
    """Is it a name that HAProxy may have, and that says nothing else on its command line?"""
    return NAME.fullmatch(text) is not None


def is_address(text: str) -> bool:
    """Does it read as an address of IP 4 or 6?"""
    return ADDRESS.fullmatch(text) is not None


def complaint(text: str, good: Sequence[str] = ()) -> str:
    """What an order's answer says against it; "" where it was obeyed: HAProxy is silent then, or
    says one of `good`."""
    said = " ".join(text.split())[:FIELD_CHARS_MOST]
    return "" if not said or any(word in said for word in good) else said


def _count(text: str | None) -> float:
    return float(text) if text and text.isascii() and text.isdigit() and len(text) < 16 else 0.0
