"""What is given up leaves no name of ours behind, and what is kept is what it was kept as."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from everup.loop.no_shelf import NoShelf
from everup.loop.safe_points import SafePoints
from everup.model.errors import Damaged, TryAgain
from everup.model.restore import RestoreStep
from everup.model.runtime import Captured
from everup.model.state import StackState
from tests.unit.builders import NOW_S, SETTINGS, service, stack

OLD = "1:old"


class Engine:
    """Takes names away, unless it is away."""

    def __init__(self) -> None:
        self.is_away, self.taken = True, list[str]()
        self.manifest = SimpleNamespace(can=lambda capability: True)

    async def unpin_image(self, service: str, reference: str) -> None:
        if self.is_away:
            raise TryAgain("the engine does not answer")
        self.taken.append(reference)


async def nowhere(service: str, version: str) -> Captured | None:
    return None


def control_of(engine: Engine) -> Any:
    log = SimpleNamespace(warning=lambda event, **fields: None)
    return cast(
        "Any",
        SimpleNamespace(
            clock=SimpleNamespace(now=lambda: NOW_S),
            settings=SETTINGS,
            state=StackState(),
            stack=stack(service("a")),
            runtime=engine,
            beside=SimpleNamespace(rooms=SimpleNamespace(log=log)),
        ),
    )


def test_a_name_that_could_not_be_taken_is_taken_by_the_next_life() -> None:
    async def story() -> None:
        shelf, engine = NoShelf(), Engine()
        await shelf.put(f"a@{OLD}", Captured("a", {}, OLD, "sha256:1", "a:1"))
        points, control = SafePoints(shelf, nowhere), control_of(engine)
        await points.let_go(control, [RestoreStep("a", OLD, OLD)])
        assert await shelf.names() == (f"a@{OLD}",), "by it the next life knows"
        engine.is_away = False
        await points._sweep(control)
        assert len(engine.taken) == 1
        assert await shelf.names() == ()

    asyncio.run(story())


@pytest.mark.parametrize(
    "other",
    [Captured("b", {}, OLD, "sha256:1", "b:1"), Captured("a", {}, "1:x", "sha256:2", "a:x")],
)
def test_another_thing_under_its_name_is_not_gone_back_to(other: Captured) -> None:
    async def story() -> None:
        shelf = NoShelf()
        await shelf.put(f"a@{OLD}", other)
        with pytest.raises(Damaged, match="something else"):
            await SafePoints(shelf, nowhere).get("a", OLD)

    asyncio.run(story())
