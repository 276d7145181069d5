"""How full the disk is on which a process works: what its listing says of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from everup.model.stack import ServiceSpec, Stack
from tests.contract.process_lab import ProcessLab

pytestmark = pytest.mark.system


def test_a_listing_says_how_full_the_working_folder_is(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    spec = ServiceSpec("it", ("sleep", "1000"), directory=str(folder))
    lab = ProcessLab(tmp_path / "state", Stack("disks", {"it": spec}))

    async def story() -> None:
        runtime = await lab.open()
        await runtime.start("it")
        (seen,) = (await runtime.list()).instances
        there = os.statvfs(folder)
        assert seen.disk is not None
        assert seen.disk.where == str(folder)
        assert seen.disk.size_bytes == there.f_blocks * there.f_frsize
        assert 0 <= seen.disk.free_bytes <= seen.disk.size_bytes
        assert seen.disk.device == str(folder.stat().st_dev)

    lab.run(story())
