"""What the titles of a database's processes say of the work under way. Pure.

Databases write into their titles what they do, for `ps` and for people. So nobody has to log in to
see a backup. A process that is stopped or dead does nothing, whatever its title says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from everup.model.runtime import ProcessSight

STILL = frozenset("TtZX")

_POSTGRES = "postgres: "
_WORKS = re.compile(
    r"\b(BASE_BACKUP|COPY|VACUUM|REINDEX|CLUSTER|CREATE INDEX|ALTER TABLE|REFRESH MATERIALIZED)\b"
)
_BACKUP = re.compile(r"\bwalsender\b.*\b(sending backup|BASE_BACKUP)\b")
_REPLAY = re.compile(r"^postgres: (.*: )?startup\b.*\brecovering\b")
_FOLLOWS = re.compile(r"^postgres: (.*: )?walreceiver\b")
_REDIS = {
    "redis-rdb-bgsave": "saves a snapshot",
    "redis-aof-rewrite": "rewrites its append-only file",
    "redis-rdb-to-slaves": "sends its data to a replica",
}


def sign_of(seen: Sequence[ProcessSight]) -> str:
    """The work that is under way, in words; empty when no title tells of any."""
    at_work = [process for process in seen if process.state not in STILL]
    # A standby replays for as long as it lives; that is its trade, not its recovery.
    is_standby = any(_FOLLOWS.match(process.title) for process in at_work)
    for process in at_work:
        said = _sign(process.title, is_standby=is_standby)
        if said:
            return f"{said} (process {process.pid})"
    return ""


def _sign(title: str, *, is_standby: bool) -> str:
    for start, said in _REDIS.items():
        if title.startswith(start):
            return said
    if not title.startswith(_POSTGRES):
        return ""
    if _BACKUP.search(title):
        return "sends a backup"
    if _REPLAY.match(title):
        return "" if is_standby else "replays its log"
    work = _WORKS.search(title)
    return f"works on {work[1]}" if work else ""
