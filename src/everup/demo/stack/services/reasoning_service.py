"""``reasoning-service``: thinks with Ollama about what the memory holds."""

from __future__ import annotations

from everup.demo.stack.context import Behaviour, Context, Json
from everup.demo.stack.services.shared import generated
from everup.demo.stack.wire.http import Request


async def _reason(context: Context, request: Request) -> Json:
    question = str(request.json().get("question") or request.query.get("q", "why?"))[:200]
    memory = await context.peer("hybrid-memory-service").get("/memories?q=reasons")
    thought = await generated(context, f"{question} knowing {memory['count']} things")
    lesson = await context.without_if_down(
        context.peer("learning-service").get("/lessons"), {"lesson": None}
    )
    seen = await context.without_if_down(
        context.peer("perception-service").post("/perceive", {"seen": question}), {}
    )
    stores = await context.without_if_down(context.peer("qdrant").get("/collections"), {})
    return {
        "thought": thought,
        "lesson": lesson["lesson"],
        "resembles": seen.get("resembles"),
        "collections": len(stores.get("result", {}).get("collections", [])),
    }


BEHAVIOUR = Behaviour(work=_reason, routes={"POST /reason": _reason})
