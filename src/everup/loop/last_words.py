"""What is kept of a service before it may be killed: its last lines, what can be seen of it, and
what its probe was told. Each part has its own chance; what takes too long is skipped, and said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from everup.loop.ports import Runtime
from everup.model.settings import Settings

LINES_MOST = 150
LINE_MOST = 300


async def last_words(
    runtime: Runtime,
    settings: Settings,
    service: str,
    instance: str | None = None,
    answers: Sequence[str] = (),
) -> Sequence[str]:
    """All of it within `evidence_deadline_s`. Never raises but for cancellation: evidence must not
    stop a healing."""
    seen, written = await asyncio.gather(
        _part("nothing seen of it", runtime.evidence(service, instance), settings),
        _part(
            "no logs taken",
            runtime.logs(service, instance, lines=settings.evidence_log_lines),
            settings,
        ),
    )
    lines = [*(f"probe {line}" for line in answers), *seen, *(f"log {line}" for line in written)]
    return [line[:LINE_MOST] for line in lines[:LINES_MOST]]


async def _part(
    missing: str, asking: Coroutine[Any, Any, Sequence[str]], settings: Settings
) -> Sequence[str]:
    try:
        async with asyncio.timeout(settings.evidence_deadline_s):
            return list(await asking)
    except Exception as failure:  # noqa: BLE001 - as above
        return [f"({missing}: {type(failure).__name__} {failure})".replace(" )", ")")]
