"""Jobs: a row in PostgreSQL that says what and how far, an id in Redis that says it is waiting.

``api`` and ``coordination-service`` submit, ``worker`` takes and finishes.
"""

from __future__ import annotations

from everup.demo.stack.context import Context, Json
from everup.demo.stack.services.shared import JOBS, JOBS_MAX
from everup.demo.stack.wire.errors import Refusal

TEXT_MAX_CHARACTERS = 2_000


async def submit(context: Context, text: str) -> Json:
    """Writes the job down, then queues it. Acknowledged means written in both places."""
    waiting = await context.redis.command("LLEN", JOBS)
    if isinstance(waiting, int) and waiting >= JOBS_MAX:
        raise Refusal(503, "too many jobs are waiting")
    number = await write_down(context, text)
    await context.redis.command("LPUSH", JOBS, number)
    return {"id": number, "state": "queued"}


async def write_down(context: Context, text: str) -> int:
    """The row alone."""
    rows = await context.postgres.query(
        "INSERT INTO jobs (text, submitted_by) VALUES ($1, $2) RETURNING id",
        text[:TEXT_MAX_CHARACTERS],
        context.name,
    )
    return int(rows[0][0] or 0)


async def show(context: Context, number: int) -> Json:
    """The job as PostgreSQL knows it."""
    rows = await context.postgres.query(
        "SELECT id, state, text, result, worker FROM jobs WHERE id = $1", number
    )
    if not rows:
        raise Refusal(404, f"no job {number}")
    _, state, text, result, worker = rows[0]
    return {"id": number, "state": state, "text": text, "result": result, "worker": worker}


def number_in(path: str) -> int:
    """The id at the end of ``/jobs/17``."""
    last = path.rpartition("/")[2]
    if not last.isdigit():
        raise Refusal(400, f"{last!r} is no job's number")
    return int(last)
