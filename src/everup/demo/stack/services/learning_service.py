"""``learning-service``: makes lessons from finished jobs and puts them into the memory."""

from __future__ import annotations

from everup.demo.stack.context import Behaviour, Context, Json
from everup.demo.stack.services.shared import generated
from everup.demo.stack.wire.http import Request


async def _learn(context: Context, request: Request) -> Json:
    rows = await context.postgres.query(
        "SELECT count(*), coalesce(max(result), '') FROM jobs WHERE state = 'done'"
    )
    seen, example = int(rows[0][0] or 0), (rows[0][1] or "")[:80]
    summary = f"{seen} jobs so far, such as {example}"
    lesson = await context.without_if_down(generated(context, summary), summary)
    known = await context.peer("hybrid-memory-service").get("/memories?q=lesson")
    await context.without_if_down(
        context.redis.command("SET", "cache:lesson", lesson, "EX", 300), None
    )
    return {"lesson": lesson, "known": known["count"]}


async def _keep(context: Context, request: Request) -> Json:
    lesson = await _learn(context, request)
    return await context.peer("hybrid-memory-service").post("/memories", {"text": lesson["lesson"]})


BEHAVIOUR = Behaviour(work=_learn, routes={"GET /lessons": _learn, "POST /lessons": _keep})
