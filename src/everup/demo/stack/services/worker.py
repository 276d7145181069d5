"""``worker``: takes jobs from Redis, does them, writes results to PostgreSQL.

A job is moved to a list of this instance before it is done and removed from there only when its
result is written, so a killed worker takes its unfinished job up again when it is back.
"""

from __future__ import annotations

import asyncio

from everup.demo.stack.clients.redis import Redis
from everup.demo.stack.context import Behaviour, Context, Json
from everup.demo.stack.services.shared import JOBS, embedded, generated, searched
from everup.demo.stack.wire.errors import Unavailable
from everup.demo.stack.wire.http import Request

WAIT_S = 5
PAUSE_AFTER_FAILURE_S = 0.3


async def _take_jobs(context: Context) -> None:
    """The background task: for ever, one job after the other."""
    queue = context.new_redis()
    mine = f"{JOBS}:taken:{context.instance}"
    while True:
        try:
            await _finish_taken(context, queue, mine)
            wait = ("BLMOVE", JOBS, mine, "RIGHT", "LEFT", WAIT_S)
            await queue.command(*wait, timeout_s=WAIT_S + 1.0)
        except Unavailable:
            await asyncio.sleep(PAUSE_AFTER_FAILURE_S)


async def _finish_taken(context: Context, queue: Redis, mine: str) -> None:
    while isinstance(number := await queue.command("LINDEX", mine, -1), str):
        await _think(context)
        await _do(context, int(number))
        await queue.command("LREM", mine, 1, number)
        context.stats.jobs_done += 1


async def _think(context: Context) -> None:
    """A job takes the time that the knobs say."""
    await asyncio.sleep((context.knobs.work_ms + context.knobs.slow_ms) / 1000)


async def _do(context: Context, number: int) -> None:
    """One job. Doing it twice gives the same row."""
    rows = await context.postgres.query(
        "UPDATE jobs SET state = 'running' WHERE id = $1 RETURNING text", number
    )
    if not rows:
        return
    text = rows[0][0] or ""
    memory = context.peer("hybrid-memory-service")
    result = await context.without_if_down(generated(context, text), f"done: {text}")
    await context.without_if_down(memory.post("/memories", {"text": text}), None)
    await context.postgres.query(
        "UPDATE jobs SET state = 'done', result = $2, worker = $3, finished_at = now()"
        " WHERE id = $1",
        number,
        result,
        f"{context.name}/{context.instance}",
    )


async def _work(context: Context, request: Request) -> Json:
    """What a job needs, without a job: a look into each store."""
    waiting = await context.redis.command("LLEN", JOBS)
    open_jobs = await context.postgres.query("SELECT count(*) FROM jobs WHERE state <> 'done'")
    near = await context.without_if_down(
        searched(context, await embedded(context, "open jobs")), []
    )
    return {"waiting": waiting, "open": int(open_jobs[0][0] or 0), "related": len(near)}


async def _queue(context: Context, request: Request) -> Json:
    return {"waiting": await context.redis.command("LLEN", JOBS)}


BEHAVIOUR = Behaviour(work=_work, routes={"GET /queue": _queue}, background=_take_jobs)
