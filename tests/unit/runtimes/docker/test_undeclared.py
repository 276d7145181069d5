"""Limits that nobody declared: the engine cannot take them away; said, and never forgotten."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

from everup.app import discover
from everup.config import load_without_file
from everup.model.kinds import UNKNOWN
from everup.model.stack import Limits
from everup.runtimes.docker import traces, undeclared
from everup.runtimes.docker.containers import Container, parse
from everup.runtimes.docker.limits import MIB, LimitKeeper
from everup.runtimes.docker.store import Store
from tests.unit.runtimes.docker.discovery.worlds import document

WHOLE_BYTES, NCPU = 24 * 1024 * MIB, 2
MACHINE = Limits(float(WHOLE_BYTES), float(NCPU))
SMALL = 64 * MIB


class OneContainer:
    """An engine that, as the real one, takes 0 for "leave it"."""

    def __init__(self, **host: int) -> None:
        self.document = document("web", project="shop")
        self.host: dict[str, Any] = self.document["HostConfig"]
        self.host |= {"Memory": 0, "MemorySwap": 0, "NanoCpus": 0, **host}

    async def get(self, path: str) -> dict[str, Any]:
        return {"MemTotal": WHOLE_BYTES, "NCPU": NCPU} if path == "info" else self.document

    async def call(self, method: str, path: str, *, body: dict[str, int]) -> None:
        self.host |= {name: value for name, value in body.items() if value}

    async def look(self, container: str) -> Container:
        return parse(self.document)

    @property
    def now(self) -> Container:
        return parse(self.document)


def keeper(world: OneContainer, store: Store) -> LimitKeeper:
    return LimitKeeper(world, world, store, lambda _: UNKNOWN)  # type: ignore[arg-type]


def declared(world: OneContainer, state_dir: Path) -> Limits:
    """What the next Everup takes for declared."""
    found = discover.understand("unix:///x", [world.document], {})
    found = replace(found, machine=MACHINE)
    loaded = load_without_file({}, {"state_dir": str(state_dir)})
    loaded, _ = discover.load(found, found.named("shop"), loaded)
    return loaded.stack.services["web"].limits


def is_none(limits: Limits) -> bool:
    return math.isnan(limits.memory_bytes) and math.isnan(limits.cpus)


def test_after_a_crash_our_limit_is_not_the_declared_one(tmp_path: Path) -> None:
    world, store = OneContainer(), traces.store_of(tmp_path)
    asyncio.run(keeper(world, store).set([world.now], Limits(SMALL, 0.5)))
    assert world.host["Memory"] == SMALL
    assert is_none(declared(world, tmp_path))


def test_what_could_not_be_taken_away_is_said_and_remembered(tmp_path: Path) -> None:
    world, store = OneContainer(), traces.store_of(tmp_path)
    limits = keeper(world, store)
    asyncio.run(limits.set([world.now], Limits(SMALL, 0.5)))
    (said,) = asyncio.run(limits.release("web"))
    assert (world.host["Memory"], world.host["NanoCpus"]) == (WHOLE_BYTES, NCPU * 10**9)
    assert "as declared" not in said
    assert "had no limit of memory and processors" in said
    assert "--force-recreate web" in said
    assert traces.held(store) == {}
    assert undeclared.stay(store, {world.now.id}) == [said]
    assert limits.before(world.now) == {"Memory": 0, "MemorySwap": 0, "NanoCpus": 0}
    assert is_none(declared(world, tmp_path))
    assert is_none(declared(world, tmp_path / "lost")), "without our notes too"
    undeclared.forget_all_but(store, {"another"})
    assert undeclared.stay(store, {world.now.id}) == []


def test_one_that_was_declared_is_as_declared_again(tmp_path: Path) -> None:
    world, store = OneContainer(Memory=SMALL, MemorySwap=SMALL), traces.store_of(tmp_path)
    limits = keeper(world, store)
    asyncio.run(limits.set([world.now], Limits(2.0 * SMALL, UNKNOWN)))
    assert declared(world, tmp_path).memory_bytes == SMALL
    (said,) = asyncio.run(limits.release("web"))
    assert "as declared again" in said
    assert world.host["Memory"] == SMALL
    assert undeclared.stay(store, {world.now.id}) == []


def test_a_second_change_starts_from_none_again(tmp_path: Path) -> None:
    world, store = OneContainer(), traces.store_of(tmp_path)
    limits = keeper(world, store)
    for _ in range(2):
        asyncio.run(limits.set([world.now], Limits(SMALL, UNKNOWN)))
        assert world.host["MemorySwap"] == 2 * SMALL, "swap as before, not all of the machine's"
        asyncio.run(limits.release("web"))
    assert limits.before(world.now)["Memory"] == 0


def test_a_limit_that_somebody_else_set_later_is_theirs(tmp_path: Path) -> None:
    world, store = OneContainer(), traces.store_of(tmp_path)
    limits = keeper(world, store)
    asyncio.run(limits.set([world.now], Limits(UNKNOWN, 0.5)))
    asyncio.run(limits.release("web"))
    world.host["NanoCpus"] = 700_000_000
    assert limits.before(world.now) == {}
    assert declared(world, tmp_path).cpus == 0.7


def test_what_a_label_declares_stays_declared(tmp_path: Path) -> None:
    world = OneContainer()
    world.document["Config"]["Labels"]["everup.max_connections"] = "10"
    assert declared(world, tmp_path).connections == 10.0
