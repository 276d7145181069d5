"""`everup down`, with and without a running Everup: nobody's death is a crash afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from everup.model.entries import ExitSeen, IncidentOpened
from tests.system.kill_world import ROOT, SERVICES, World, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]


def down(world: World) -> str:
    verb = [sys.executable, "-m", "everup.cli", "down", "-f", str(world.file)]
    done = subprocess.run(
        [*verb, "--state-dir", str(world.state_dir)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return done.stdout


def test_down_is_no_crash(world: World) -> None:
    world.up()
    world.until_calm()
    assert "its services too" in down(world)
    assert world.wait_until_gone() == 0
    world.up()
    world.until_calm()
    world.kill()
    assert f"{len(SERVICES)} running instances were stopped" in down(world)
    assert world.alive() == {}
    world.up()
    world.until_calm()
    entries = world.end()
    assert [e for e in entries if isinstance(e, ExitSeen | IncidentOpened)] == []
    assert [len(world.starts(name)) for name in SERVICES] == [3] * len(SERVICES)


def test_nobody_listens_any_more(world: World) -> None:
    """Like `everup up | head -3`: the reader ends, something happens, and it is healed."""
    reader = world.up_into_a_pipe()
    world.until_calm()
    reader.close()
    world.hurt("web", signal.SIGKILL)
    until(lambda: len(world.starts("web")) == 2, 60, "web is started again", world.story)
    world.until_calm()
    world.end()
