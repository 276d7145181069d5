"""``webui``: what a person would click on, passed on to ``api``."""

from __future__ import annotations

from urllib.parse import quote

from everup.demo.stack.context import Behaviour, Context, Json
from everup.demo.stack.wire.http import Request

VISITS_KEPT_S = 3_600


async def _visit(context: Context) -> None:
    """Counts visitors while Redis is there. A counter is not worth a page."""

    async def count() -> None:
        await context.redis.command("INCR", "webui:visits", timeout_s=0.2)
        await context.redis.command("EXPIRE", "webui:visits", VISITS_KEPT_S, timeout_s=0.2)

    await context.without_if_down(count(), None)


async def _work(context: Context, request: Request) -> Json:
    await _visit(context)
    return {"page": await context.peer("api").get("/work")}


async def _ask(context: Context, request: Request) -> Json:
    question = quote(request.query.get("q", ""))
    return await context.peer("api").get(f"/ask?q={question}", timeout_s=3.0)


async def _submit(context: Context, request: Request) -> Json:
    await _visit(context)
    return await context.peer("api").post("/jobs", request.json(), timeout_s=2.0)


async def _show(context: Context, request: Request) -> Json:
    return await context.peer("api").get(request.path)


async def _workflows(context: Context, request: Request) -> Json:
    coordinator = context.peer("coordination-service")
    return await context.without_if_down(coordinator.get("/workflows"), {"workflows": None})


BEHAVIOUR = Behaviour(
    work=_work,
    routes={
        "GET /ask": _ask,
        "POST /jobs": _submit,
        "GET /jobs/": _show,
        "GET /workflows": _workflows,
    },
)
