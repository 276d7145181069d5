"""A whole Everup in this process, over real services from a written `everup.yaml`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from everup.app import Engine, build_app
from everup.config import load_stack
from everup.model import entries as e


@asynccontextmanager
async def engine(
    folder: Path, text: str, *, parts: Mapping[str, Any] | None = None, **flags: object
) -> AsyncIterator[Engine]:
    """Started, and stopped with its services. `parts` go over those of `build_app`."""
    file = folder / "everup.yaml"
    file.write_text(text, encoding="utf-8")
    loaded = load_stack(file, {}, {"mode": "auto", **flags})
    made = build_app(loaded, state_dir=folder / "state", **(parts or {}))
    await made.start()
    try:
        yield made
    finally:
        await made.stop(stop_services=True)


async def told(made: Engine) -> list[e.Entry]:
    """All that stands in the journal."""
    return [entry for _, _, entry in await made.control.journal.entries(limit=1000)]


async def own_actions(made: Engine) -> list[e.Intended]:
    """What Everup did by itself."""
    found = [entry for entry in await told(made) if isinstance(entry, e.Intended)]
    return [entry for entry in found if entry.origin != "person"]
