"""A person need not wait until what `everup up` started is proven: the wish ends that wait."""

from __future__ import annotations

import pytest

from everup.model.entries import Intended, Verified
from everup.model.kinds import ActionKind
from tests.system.kill_world import World, check_journal

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def test_a_stop_right_after_up(world: World) -> None:
    world.up()
    world.until_phase("worker", "verifying")
    world.client.post("/services/worker/stop")
    world.until_calm(stopped={"worker"})
    assert len(world.starts("worker")) == 1
    entries = world.end()
    check_journal(entries)
    by_id = {e.action_id: e for e in entries if isinstance(e, Intended)}
    superseded = [e for e in entries if isinstance(e, Verified) and "superseded" in e.reason]
    assert {e.service for e in superseded} == {"worker"}
    for verdict in superseded:
        assert not verdict.has_passed
        assert by_id[verdict.action_id].step.kind is ActionKind.START
        following = entries[entries.index(verdict) + 1]
        assert isinstance(following, Intended), "both stand in one batch"
        assert following.action_id in verdict.reason
