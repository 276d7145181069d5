"""``perception-service``: turns what is seen into a vector and says what it resembles."""

from __future__ import annotations

from everup.demo.stack.context import Behaviour, Context, Json
from everup.demo.stack.services.shared import searched
from everup.demo.stack.wire.http import Request


async def _perceive(context: Context, request: Request) -> Json:
    seen = str(request.json().get("seen") or request.query.get("seen", "a scene"))[:200]
    reply = await context.peer("ollama").post("/api/embeddings", {"prompt": seen})
    near = await context.without_if_down(searched(context, reply["embedding"]), [])
    count = await context.without_if_down(context.redis.command("INCR", "perception:seen"), None)
    return {"seen": seen, "resembles": len(near), "count": count}


BEHAVIOUR = Behaviour(work=_perceive, routes={"POST /perceive": _perceive})
