"""The few calls that several services make, so that each stands in one place."""

from __future__ import annotations

from everup.demo.stack.context import Context, Json
from everup.demo.stack.vectors import Vector, embed
from everup.demo.stack.wire.errors import Refusal

JOBS = "jobs"
"""The Redis list that holds the ids of jobs waiting for a worker."""
JOBS_MAX = 10_000
MEMORIES = "memories"
"""The Qdrant collection."""


async def generated(context: Context, prompt: str) -> str:
    """What ollama says; the caller decides what it does without."""
    reply = await context.peer("ollama").post("/api/generate", {"prompt": prompt, "stream": False})
    return str(reply["response"])


async def embedded(context: Context, text: str) -> Vector:
    """Ollama's embedding, or a local one while it is away."""
    reply = context.peer("ollama").post("/api/embeddings", {"prompt": text})
    return list((await context.without_if_down(reply, {"embedding": embed(text)}))["embedding"])


async def searched(context: Context, vector: Vector, limit: int = 3) -> list[Json]:
    """The nearest memories; the collection is made when it is missed."""
    qdrant = context.peer("qdrant")
    wish = {"vector": vector, "limit": limit, "with_payload": True}
    try:
        reply = await qdrant.post(f"/collections/{MEMORIES}/points/search", wish)
    except Refusal:
        await make_collection(context, len(vector))
        return []
    return list(reply["result"])


async def make_collection(context: Context, size: int) -> None:
    """Does nothing if it is there already."""
    size_and_distance = {"vectors": {"size": size, "distance": "Cosine"}}
    await context.peer("qdrant").put(f"/collections/{MEMORIES}", size_and_distance)


async def counted(context: Context) -> int:
    """Adds one to this service's counter in PostgreSQL and returns it."""
    rows = await context.postgres.query(
        "INSERT INTO counters (service, n) VALUES ($1, 1)"
        " ON CONFLICT (service) DO UPDATE SET n = counters.n + 1 RETURNING n",
        context.name,
    )
    return int(rows[0][0] or 0)
