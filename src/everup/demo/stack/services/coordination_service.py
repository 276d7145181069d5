"""``coordination-service``: lets the others think about a goal and queues a job for it."""

from __future__ import annotations

from everup.demo.stack.context import Behaviour, Context, Json
from everup.demo.stack.services import jobs
from everup.demo.stack.services.shared import JOBS
from everup.demo.stack.wire.http import Request

WORKFLOWS = "workflows:recent"
WORKFLOWS_MAX = 20


async def _plan(context: Context, goal: str) -> Json:
    """Reasoning must answer; learning, perception and the workers' load are nice to have."""
    reasoned = await context.peer("reasoning-service").post("/reason", {"question": goal})
    learned = await context.without_if_down(
        context.peer("learning-service").get("/lessons"), {"lesson": None}
    )
    seen = await context.without_if_down(
        context.peer("perception-service").post("/perceive", {"seen": goal}), {}
    )
    load = await context.without_if_down(context.peer("worker").get("/stats"), {})
    return {
        "goal": goal,
        "thought": reasoned["thought"],
        "lesson": learned["lesson"],
        "resembles": seen.get("resembles"),
        "jobs_done": load.get("jobs_done"),
    }


async def _start(context: Context, request: Request) -> Json:
    plan = await _plan(context, str(request.json().get("goal", "a goal"))[:200])
    queued = await context.without_if_down(jobs.write_down(context, plan["goal"]), None)
    if queued is not None:
        await context.redis.command("LPUSH", JOBS, queued)
    await context.redis.command("LPUSH", WORKFLOWS, plan["goal"])
    await context.redis.command("LTRIM", WORKFLOWS, 0, WORKFLOWS_MAX - 1)
    return {**plan, "id": queued, "state": "planned" if queued is None else "queued"}


async def _list(context: Context, request: Request) -> Json:
    return {"workflows": await context.redis.command("LRANGE", WORKFLOWS, 0, -1)}


async def _work(context: Context, request: Request) -> Json:
    return await _plan(context, request.query.get("goal", "keep going"))


BEHAVIOUR = Behaviour(work=_work, routes={"POST /workflows": _start, "GET /workflows": _list})
