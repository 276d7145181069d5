"""Copies that go: all of those that are meant, a bounded number at a time."""

from __future__ import annotations

import asyncio
from typing import Any

from everup.runtimes.docker.blueprint import blueprint_of
from everup.runtimes.docker.containers import NUMBER, SERVICE, Container, parse
from everup.runtimes.docker.copies import AT_ONCE_MOST, Copies


class SlowHands:
    """Ends what it is told, not before everybody has had a turn, and counts how many at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.removed: list[str] = []

    async def stop(self, container: Container, grace_s: float, *, may_kill: bool) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0)
        self.now -= 1
        return ""

    async def remove(self, container: str) -> None:
        self.removed.append(container)

    async def start(self, container: Container) -> None:
        raise AssertionError("what is there is left alone while others go")


def container(number: int) -> Container:
    labels = {SERVICE: "web", NUMBER: str(number)}
    state = {"Status": "running", "Running": True, "StartedAt": "2026-01-01T00:00:00Z"}
    document = {"Id": f"id{number}", "Name": f"/shop_web_{number}", "State": state}
    return parse({**document, "Config": {"Labels": labels}, "HostConfig": {}})


def test_many_go_side_by_side_and_not_all_at_once() -> None:
    found = [container(number) for number in range(1, 12)]
    hands: Any = SlowHands()
    nobody: Any = None
    copies = Copies(nobody, nobody, hands, nobody)
    asyncio.run(copies.have(found, 2, blueprint_of(found[-1], ""), ["shop_web_1"]))
    assert hands.most == AT_ONCE_MOST
    assert set(hands.removed) == {"id1", *(f"id{n}" for n in range(4, 12))}
