"""The manual's own call on real processes: more, fewer, and Everup killed in between."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from everup.demo.client import NoAnswer
from everup.model.entries import Intended
from everup.model.kinds import ActionKind
from tests.system.kill_world import World, check_journal, small, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

WITHIN_S = 60.0


@pytest.fixture
def scaled(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, {"web": small(tmp_path, "web", spread="client")})
    yield made
    made.close()


def running(world: World) -> int:
    """How many answer, as Everup sees it; 0 while nobody says."""
    try:
        return int(world.client.get("/scaling")["services"]["web"]["instances"]["running"])
    except NoAnswer:
        return 0


def test_more_and_fewer_by_plain_calls(scaled: World) -> None:
    scaled.up(mode="observe")
    scaled.until_calm()
    call = "/scaling/manual/web?action=scale_out&instances=3&wait=60"
    assert scaled.client.post(call)["outcome"]["state"] == "verified"
    assert running(scaled) == 3
    assert scaled.client.post("/scaling/manual/web?instances=2&wait=60")["outcome"]["state"] == (
        "verified"
    )
    assert running(scaled) == 2
    with pytest.raises(NoAnswer, match="409"):
        scaled.client.post("/scaling/manual/web?instances=2")
    kinds = [e.step.kind for e in scaled.end() if isinstance(e, Intended)]
    assert kinds[-2:] == [ActionKind.SCALE_OUT, ActionKind.SCALE_IN]


@pytest.mark.parametrize("after_s", [0.0, 0.3, 1.5])
def test_killed_while_it_scales_it_ends_well_either_way(scaled: World, after_s: float) -> None:
    scaled.up(mode="observe")
    scaled.until_calm()
    scaled.client.post("/scaling/manual/web?instances=3")
    time.sleep(after_s)
    scaled.kill()
    scaled.wait_until_dead()
    scaled.up(mode="observe")
    scaled.until_calm()
    until(lambda: running(scaled) in (1, 3), WITHIN_S, "all of it or nothing", scaled.story)
    scaled.until_calm()
    assert running(scaled) in (1, 3)
    check_journal(scaled.end())
