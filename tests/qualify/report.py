"""What a person reads: a line per chunk, each failure with how to repeat it, how far it is."""

from __future__ import annotations

from datetime import datetime

import psutil

from tests.qualify.chunks import ROOT
from tests.qualify.record import Failure, Record
from tests.qualify.work import Done

FAILURES_SHOWN = 20
FOUND_LENGTH_MOST = 300


def line(done: Done) -> str:
    """A chunk that is over."""
    word = "held" if not done.failures else f"{len(done.failures)} FAILED"
    return f"{done.chunk.key}: {word}, {done.took_s:.0f} s"


def failure(one: Failure) -> str:
    """What did not hold, and the line that repeats it."""
    what = one.name if one.seed is None else f"class {one.name}, seed {one.seed}"
    lines = [f"{one.part}: {what}", *(f"  {said[-FOUND_LENGTH_MOST:]}" for said in one.found)]
    return "\n".join([*lines, f"  repeat: {one.repeat}"])


def status(record: Record, running: psutil.Process | None) -> str:
    """How far it is, and what has failed."""
    changed = f" with changes ({record.changes})" if record.changes else ""
    lines = [f"commit {record.commit[:12]}{changed}, {_running(record, running)}"]
    for name, part in record.parts().items():
        lines.append(
            f"  {name}: {part['done']} of {part['wanted']}, {part['failed']} failed, "
            f"{part['took_s'] / 60:.0f} min of work"
        )
    lines += [failure(one) for one in record.failures[:FAILURES_SHOWN]]
    more = len(record.failures) - FAILURES_SHOWN + record.failures_not_kept
    if more > 0:
        lines.append(f"and {more} more failures")
    path = record.path()
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return "\n".join([*lines, f"the record: {shown}" if record.done else "no record yet"])


def _running(record: Record, running: psutil.Process | None) -> str:
    if running is not None:
        return f"running as process {running.pid} since {_clock(record.started_at)}"
    if record.done and record.is_complete:
        word = "all held" if record.has_passed else "NOT all held"
        return f"complete since {_clock(record.ended_at)}: {word}"
    return "not running; make qualify begins or goes on"


def _clock(moment: str) -> str:
    return moment and datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
