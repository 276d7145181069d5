"""`everup uninstall` beside processes: Everup goes, the very processes that it started run on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.system.kill_world import ROOT, World

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def uninstall(world: World, *options: str) -> tuple[int, str]:
    verb = [sys.executable, "-m", "everup.cli", "uninstall", "-f", str(world.file)]
    done = subprocess.run(
        [*verb, "--state-dir", str(world.state_dir), *options],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
    )
    return done.returncode, done.stdout + done.stderr


def test_everup_is_stopped_and_its_services_run_on(world: World) -> None:
    world.up()
    world.until_calm()
    before = world.alive()
    assert before
    code, said = uninstall(world)
    assert code == 2, "nobody can be asked"
    assert "add --yes" in said
    assert world.alive() == before

    code, said = uninstall(world, "--yes")
    assert code == 0, said
    assert "has stopped" in said
    assert "run on, and nobody starts them again" in said
    assert world.wait_until_gone() == 0
    assert world.alive() == before, "the very same processes"
    assert [path.name for path in world.state_dir.iterdir()] == ["output"]
    code, said = uninstall(world, "--yes")
    assert code == 0, said
    assert world.alive() == before
