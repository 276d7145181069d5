"""A person who asks for the opposite at once gets it, though the first wish is still being done."""

from __future__ import annotations

import pytest

from everup.demo.client import NoAnswer
from tests.system.kill_world import World, check_journal

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]


def test_start_while_the_stop_is_under_way(world: World) -> None:
    world.up()
    world.until_calm()
    world.client.post("/services/worker/stop")  # it takes a second to end
    with pytest.raises(NoAnswer, match=r"409: stop act-\S+ is in flight"):
        world.client.post("/services/worker/start")
    world.client.post("/freeze?service=web&reason=many+writers+at+once")
    world.until_started("worker", 2)
    world.until_calm()
    assert len(world.starts("worker")) == 2
    check_journal(world.end())
