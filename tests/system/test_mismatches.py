"""A stack file that changed while its services ran on, over real processes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from everup.app.live import BootClock
from everup.app.stopping import stop_services
from everup.config import load_stack
from everup.model.settings import Settings
from everup.model.stack import Limits, ServiceSpec, Stack
from everup.runtimes.processes import create

pytestmark = [pytest.mark.system, pytest.mark.timeout(60)]

SLEEPS = ("sleep", "600")
FILE = "stack: s\nservices:\n  web: {command: [sleep, '600'], env: {A: '1'}}\n"


async def listed(stack: Stack, folder: Path, *starts: str) -> list[str]:
    runtime = await create(stack, folder, BootClock(), Settings())
    try:
        for name in starts:
            await runtime.start(name)
        return [mismatch.text for mismatch in (await runtime.list()).mismatches]
    finally:
        await runtime.close()


def test_removed_and_changed_services_are_named_and_counted(tmp_path: Path) -> None:
    web = ServiceSpec("web", command=SLEEPS, env={"A": "1"})
    old = ServiceSpec("old", command=SLEEPS)
    both = Stack("s", {"web": web, "old": old})
    changed = replace(web, env={"A": "2"}, limits=Limits(memory_bytes=1e9))
    file = tmp_path / "everup.yaml"
    file.write_text(FILE)
    folder = tmp_path / "state"

    async def story() -> None:
        assert await listed(both, folder, "web", "old") == []
        orphan, drifted = await listed(Stack("s", {"web": changed}), folder)
        assert orphan.startswith("old-0 (process ")
        assert "older declaration (env)" in drifted
        loaded = load_stack(file, {}, {})
        assert await stop_services(loaded, folder) == (2, "")

    asyncio.run(story())
