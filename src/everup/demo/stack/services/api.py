"""``api``: jobs, questions and workflows, on PostgreSQL, Redis, Qdrant and Ollama."""

from __future__ import annotations

from everup.demo.stack.context import Behaviour, Context, Json
from everup.demo.stack.services import jobs
from everup.demo.stack.services.shared import counted, embedded, generated, searched
from everup.demo.stack.wire.http import Request

CACHE_S = 30


async def _work(context: Context, request: Request) -> Json:
    """Reads and writes a little in every store."""
    total = await counted(context)
    await context.redis.command("SET", "cache:api:last", total, "EX", CACHE_S)
    found = await searched(context, await embedded(context, f"work {total % 50}"))
    return {"work": total, "memories": len(found)}


async def _ask(context: Context, request: Request) -> Json:
    """An answer with what is remembered about the question, kept for half a minute."""
    question = request.query.get("q", "what is new?")[:200]
    key = f"cache:answer:{question}"
    cached = await context.redis.command("GET", key)
    if isinstance(cached, str):
        return {"question": question, "answer": cached, "cached": True}
    await counted(context)
    found = await searched(context, await embedded(context, question))
    thought = await context.without_if_down(
        context.peer("reasoning-service").post("/reason", {"question": question}), {}
    )
    plain = f"{len(found)} memories"
    answer = await context.without_if_down(generated(context, question), plain)
    await context.redis.command("SET", key, answer, "EX", CACHE_S)
    return {"question": question, "answer": answer, "cached": False, "thought": thought}


async def _submit(context: Context, request: Request) -> Json:
    return await jobs.submit(context, str(request.json().get("text", "a job")))


async def _show(context: Context, request: Request) -> Json:
    return await jobs.show(context, jobs.number_in(request.path))


async def _workflow(context: Context, request: Request) -> Json:
    """By the coordinator; without it the work is queued as a plain job."""
    goal = str(request.json().get("goal", "a goal"))
    coordinator = context.peer("coordination-service")
    done = await context.without_if_down(
        coordinator.post("/workflows", {"goal": goal}, timeout_s=2.0), None
    )
    return done or await jobs.submit(context, goal)


async def _memories(context: Context, request: Request) -> Json:
    memory = context.peer("hybrid-memory-service")
    return await context.without_if_down(memory.get("/memories"), {"memories": []})


BEHAVIOUR = Behaviour(
    work=_work,
    routes={
        "GET /ask": _ask,
        "POST /jobs": _submit,
        "GET /jobs/": _show,
        "POST /workflows": _workflow,
        "GET /memories": _memories,
    },
)
