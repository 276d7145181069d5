"""Whose rehearsal a container or network is, and the removal of what nobody rehearses with.

The mark is a label: host, boot, process and its start, and an end in any case. On the host that
made it a mark is over with its process; elsewhere, as with an engine over TCP, with its time.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from everup.model.errors import EverupError
from everup.runtimes.docker.containers import OWN, REHEARSAL, TRY
from everup.runtimes.docker.engine import Engine, Gone

LIVES_S = 900.0
"""No rehearsal takes longer."""

REMOVAL_S = 30.0
_SEPARATOR = "|"


def new_mark() -> str:
    """One of this process."""
    pid = os.getpid()
    parts = (socket.gethostname(), _boot_id(), str(pid), _start_of(pid) or "0")
    return _SEPARATOR.join([*parts, f"{time.time() + LIVES_S:.0f}", secrets.token_hex(3)])


def token_of(mark: str) -> str:
    """The part that names are made of."""
    return mark.rpartition(_SEPARATOR)[2]


def labels(mark: str) -> dict[str, str]:
    """For whatever is made."""
    return {OWN: "true", REHEARSAL: mark}


def is_over(mark: str, now_s: float) -> bool:
    """Does nobody rehearse with it any more?"""
    parts = mark.split(_SEPARATOR)
    if len(parts) != 6:
        return True
    host, boot, pid, start, until, _ = parts
    if not until.isdigit() or now_s > int(until):
        return True
    if host != socket.gethostname():
        return False
    return boot != _boot_id() or not pid.isdigit() or _start_of(int(pid)) != start


async def leftovers(engine: Engine) -> list[str]:
    """Names of what is over and still there.

    Raises:
        TryAgain, GiveUp: the engine does not answer.
    """
    now_s = time.time()
    return [name for _, _, name, mark in await _marked(engine) if is_over(mark, now_s)]


async def sweep(engine: Engine, mark: str = "") -> list[str]:
    """Remove what is over, and what bears this mark; names of what went.

    Raises:
        TryAgain, GiveUp: something could not be removed.
    """
    gone: list[str] = []
    now_s = time.time()
    for kind, found, name, of in await _marked(engine):
        if of != mark and not is_over(of, now_s):
            continue
        with contextlib.suppress(Gone):
            params = {"force": True, "v": True} if kind == "containers" else None
            await engine.call("DELETE", f"{kind}/{found}", params=params, deadline_s=REMOVAL_S)
            gone.append(name)
    return gone


async def sweep_quietly(engine: Engine) -> None:
    """What an earlier life left, at a start; a door may not let it through."""
    with contextlib.suppress(EverupError, TimeoutError):
        async with asyncio.timeout(REMOVAL_S):
            await sweep(engine)


async def _marked(engine: Engine) -> list[tuple[str, str, str, str]]:
    """(kind, id, name, mark) of all that a rehearsal made; containers first, they hold the rest."""
    filters = {"label": [REHEARSAL]}
    containers = await engine.call(
        "GET", "containers/json", params={"all": True, "filters": filters}
    )
    networks = await engine.call("GET", "networks", params={"filters": filters})
    found = [_of("containers", line, (line.get("Names") or [""])[0]) for line in containers]
    found += [_of("networks", line, line.get("Name")) for line in networks]
    return [one for one in found if one[2].startswith(TRY)]


def _of(kind: str, line: Mapping[str, Any], name: object) -> tuple[str, str, str, str]:
    mark = str((line.get("Labels") or {}).get(REHEARSAL) or "")
    return kind, str(line.get("Id")), str(name or "").lstrip("/"), mark


def _start_of(pid: int) -> str | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = text.rpartition(")")[2].split()
    return None if state in "ZX" else rest[18]


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""
