"""``hybrid-memory-service``: remembers a text in three ways: row, vector, and fresh in Redis."""

from __future__ import annotations

from everup.demo.stack.context import Behaviour, Context, Json
from everup.demo.stack.services.shared import MEMORIES, embedded, make_collection, searched
from everup.demo.stack.wire.http import Request

RECENT = "memory:recent"
RECENT_MAX = 20
RECENT_S = 600
ROWS_MAX = 10_000


async def _remember(context: Context, request: Request) -> Json:
    text = str(request.json().get("text", "nothing"))[:500]
    vector = await embedded(context, text)
    rows = await context.postgres.query(
        "INSERT INTO memories (text) VALUES ($1) RETURNING id", text
    )
    number = int(rows[0][0] or 0)
    await context.postgres.query("DELETE FROM memories WHERE id <= $1", number - ROWS_MAX)
    point = {"id": number, "vector": vector, "payload": {"text": text}}
    await make_collection(context, len(vector))
    await context.peer("qdrant").put(f"/collections/{MEMORIES}/points", {"points": [point]})
    await context.redis.command("LPUSH", RECENT, text)
    await context.redis.command("LTRIM", RECENT, 0, RECENT_MAX - 1)
    await context.redis.command("EXPIRE", RECENT, RECENT_S)
    return {"id": number}


async def _recall(context: Context, request: Request) -> Json:
    recent = await context.redis.command("LRANGE", RECENT, 0, 4)
    count = await context.postgres.query("SELECT count(*) FROM memories")
    near = await searched(context, await embedded(context, request.query.get("q", "all")))
    return {"recent": recent, "memories": near, "count": int(count[0][0] or 0)}


BEHAVIOUR = Behaviour(
    work=_recall,
    routes={"POST /memories": _remember, "GET /memories": _recall},
)
