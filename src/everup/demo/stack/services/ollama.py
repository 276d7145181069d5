"""A stand-in for Ollama. It is not Ollama and has no model: it speaks the part of its HTTP
interface that this stack uses, ``GET /api/tags``, ``POST /api/generate`` and
``POST /api/embeddings``, and answers with plain text after a short think.
"""

from __future__ import annotations

import asyncio
import time

from everup.demo.stack.context import Behaviour, Context, Json
from everup.demo.stack.vectors import embed
from everup.demo.stack.wire.http import Request

MODEL = "stand-in:latest"
THINKING_S = 0.01
PROMPT_MAX_CHARACTERS = 400


async def _tags(context: Context, request: Request) -> Json:
    return {"models": [{"name": MODEL, "model": MODEL, "size": 0}]}


async def _generate(context: Context, request: Request) -> Json:
    """One answer in one piece, as the real one gives with ``"stream": false``."""
    prompt = str(request.json().get("prompt", ""))[:PROMPT_MAX_CHARACTERS]
    await asyncio.sleep(THINKING_S)
    return {
        "model": MODEL,
        "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "response": f"{len(prompt.split())} words about: {prompt}",
        "done": True,
    }


async def _embeddings(context: Context, request: Request) -> Json:
    return {"embedding": embed(str(request.json().get("prompt", "")))}


BEHAVIOUR = Behaviour(
    work=_generate,
    routes={
        "GET /api/tags": _tags,
        "POST /api/generate": _generate,
        "POST /api/embeddings": _embeddings,
    },
)
